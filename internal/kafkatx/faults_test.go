package kafkatx_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"

	"attemptstream/internal/kafkatx"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/endtxn"
	"github.com/segmentio/kafka-go/protocol/initproducerid"
	"github.com/segmentio/kafka-go/protocol/rawproduce"
)

var errInjected = errors.New("injected fault")

// faults is a RoundTripper that counts requests and lets tests interfere with them.
type faults struct {
	transport *kafka.Transport

	mu     sync.Mutex
	counts map[string]int
	hooks  []hook
	held   []func()
}

// hook sees a request and may handle it.
type hook func(ctx context.Context, kind string, req protocol.Message, send sender) (handled bool, res protocol.Message, err error)

// sender delivers a request now. It may be called at any time, any number of times.
type sender func(ctx context.Context) (protocol.Message, error)

// kindOf names a request: its API, and for EndTxn which end.
func kindOf(req protocol.Message) string {
	if w, ok := req.(interface{ Unwrap() protocol.Message }); ok {
		req = w.Unwrap()
	}
	if e, ok := req.(*endtxn.Request); ok {
		if e.Committed {
			return "EndTxn(commit)"
		}
		return "EndTxn(abort)"
	}
	return req.ApiKey().String()
}

// CloseIdleConnections is counted too.
func (f *faults) CloseIdleConnections() {
	f.mu.Lock()
	f.counts["close"]++
	f.mu.Unlock()
	f.transport.CloseIdleConnections()
}

func (f *faults) RoundTrip(ctx context.Context, addr net.Addr, req kafka.Request) (kafka.Response, error) {
	kind := kindOf(req)
	req, again := repeatable(req)
	send := func(ctx context.Context) (protocol.Message, error) { return f.transport.RoundTrip(ctx, addr, again()) }
	f.mu.Lock()
	f.counts[kind]++
	hooks := f.hooks
	f.mu.Unlock()
	for _, h := range hooks {
		if handled, res, err := h(ctx, kind, req, send); handled {
			return res, err
		}
	}
	return f.transport.RoundTrip(ctx, addr, req)
}

// repeatable returns the request, and a function that returns copies of it as it was.
func repeatable(req protocol.Message) (protocol.Message, func() protocol.Message) {
	p, ok := req.(*rawproduce.Request)
	if !ok {
		return req, func() protocol.Message { return kafkatx.Again(req) }
	}
	var batches [][]byte
	for i := range p.Topics {
		for j := range p.Topics[i].Partitions {
			b, err := io.ReadAll(p.Topics[i].Partitions[j].RecordSet.Reader)
			if err != nil {
				panic(err)
			}
			batches = append(batches, b)
		}
	}
	again := func() protocol.Message {
		c, n := *p, 0
		c.Topics = nil
		for _, t := range p.Topics {
			parts := make([]rawproduce.RequestPartition, len(t.Partitions))
			for j := range parts {
				parts[j].Partition = t.Partitions[j].Partition
				parts[j].RecordSet.Reader = bytes.NewReader(batches[n])
				n++
			}
			c.Topics = append(c.Topics, rawproduce.RequestTopic{Topic: t.Topic, Partitions: parts})
		}
		return &c
	}
	return again(), again
}

// on handles the nth request (from 1) of a kind from now on.
func (f *faults) on(kind string, nth int, handle func(ctx context.Context, req protocol.Message, send sender) (protocol.Message, error)) {
	var mu sync.Mutex
	seen := 0
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hooks = append(f.hooks[:len(f.hooks):len(f.hooks)], func(ctx context.Context, k string, req protocol.Message, send sender) (bool, protocol.Message, error) {
		if k != kind {
			return false, nil, nil
		}
		mu.Lock()
		seen++
		mine := seen == nth
		mu.Unlock()
		if !mine {
			return false, nil, nil
		}
		res, err := handle(ctx, req, send)
		return true, res, err
	})
}

// raises counts the epochs that brokers give out from now on. They refuse to while they still write the end of a transaction, and are
// asked again.
func (f *faults) raises() *atomic.Int32 {
	n := new(atomic.Int32)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hooks = append(f.hooks[:len(f.hooks):len(f.hooks)], func(ctx context.Context, kind string, _ protocol.Message, send sender) (bool, protocol.Message, error) {
		if kind != "InitProducerId" {
			return false, nil, nil
		}
		res, err := send(ctx)
		if r, ok := res.(*initproducerid.Response); ok && r.ErrorCode == 0 {
			n.Add(1)
		}
		return true, res, err
	})
	return n
}

// loseRequest makes the nth request of a kind fail without reaching the broker.
func (f *faults) loseRequest(kind string, nth int) {
	f.on(kind, nth, func(context.Context, protocol.Message, sender) (protocol.Message, error) { return nil, errInjected })
}

// loseAnswer delivers the nth request of a kind and drops the answer.
func (f *faults) loseAnswer(kind string, nth int) {
	f.on(kind, nth, func(ctx context.Context, _ protocol.Message, send sender) (protocol.Message, error) {
		if _, err := send(ctx); err != nil {
			return nil, err
		}
		return nil, errInjected
	})
}

// record keeps the nth request of a kind for later delivery, and treats it like deliver says.
func (f *faults) record(kind string, nth int, deliver bool) <-chan sender {
	late := make(chan sender, 1)
	f.on(kind, nth, func(ctx context.Context, _ protocol.Message, send sender) (protocol.Message, error) {
		late <- send
		if deliver {
			if _, err := send(ctx); err != nil {
				return nil, err
			}
		}
		return nil, errInjected
	})
	return late
}

// cut makes all requests from now on wait until their context ends or release is called, then fail.
func (f *faults) cut() {
	gate := make(chan struct{})
	f.mu.Lock()
	defer f.mu.Unlock()
	f.held = append(f.held, sync.OnceFunc(func() { close(gate) }))
	f.hooks = append([]hook{func(ctx context.Context, _ string, _ protocol.Message, _ sender) (bool, protocol.Message, error) {
		select {
		case <-gate:
			return false, nil, nil
		case <-ctx.Done():
			return true, nil, ctx.Err()
		}
	}}, f.hooks...)
}

// release ends cut: requests that waited go on, late as they are.
func (f *faults) release() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, open := range f.held {
		open()
	}
	f.held = nil
}

// count is the number of requests of a kind so far.
func (f *faults) count(kind string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.counts[kind]
}

// spoken is the number of all requests of a producer.
func (f *faults) spoken() int {
	return f.count("InitProducerId") + f.count("AddPartitionsToTxn") + f.count("Produce") + f.count("EndTxn(commit)") + f.count("EndTxn(abort)")
}
