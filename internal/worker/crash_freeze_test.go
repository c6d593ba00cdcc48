package worker_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/endtxn"
)

var errLost = errors.New("lost on the way")

// Kinds of requests that a transaction is made of.
const (
	requestInit    = "InitProducerId"
	requestAdd     = "AddPartitionsToTxn"
	requestProduce = "Produce"
	requestCommit  = "EndTxn(commit)"
)

func kindOf(req protocol.Message) string {
	if w, ok := req.(interface{ Unwrap() protocol.Message }); ok {
		req = w.Unwrap()
	}
	if e, ok := req.(*endtxn.Request); ok && e.Committed {
		return requestCommit
	} else if ok {
		return "EndTxn(abort)"
	}
	return req.ApiKey().String()
}

// A fate is what becomes of a request.
type fate int

const (
	answered   fate = iota // the broker has it, and its answer comes
	answerLost             // the broker has it, and its answer never comes
	late                   // the broker has it only when the worker is awake again, and its answer comes
	neverSent              // the broker never has it
)

// A point is where something happens: at the nth request of a kind.
type point struct {
	kind string
	nth  int
	fate fate
}

// A way is a worker's way to Kafka.
type way interface {
	kafka.RoundTripper
	CloseIdleConnections()
}

func transport() way {
	return &kafka.Transport{DialTimeout: 3 * time.Second, MetadataTTL: time.Second}
}

// A freezer is a worker's way to Kafka. When a point is reached, the worker does nothing any more, like a process that was
// stopped: it is told nothing, and nothing that it says gets through, until it thaws.
type freezer struct {
	way
	at     point
	from   func() bool   // requests count from when it is true; nil: all
	frozen chan struct{} // closed when the point was reached and, where the broker is to have it, the broker has answered
	thawed chan struct{}
	thaw   func()

	mu      sync.Mutex
	seen    int
	reached bool
}

func newFreezer(at point) *freezer {
	f := &freezer{way: transport(), at: at, frozen: make(chan struct{}), thawed: make(chan struct{})}
	f.thaw = sync.OnceFunc(func() { close(f.thawed) })
	return f
}

// here tells whether a request is the one to freeze at, and whether the worker is frozen already.
func (f *freezer) here(req protocol.Message) (here, already bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.reached {
		return false, true
	}
	if kindOf(req) != f.at.kind || f.from != nil && !f.from() {
		return false, false
	}
	f.seen++
	f.reached = f.seen == f.at.nth
	return f.reached, false
}

func (f *freezer) RoundTrip(ctx context.Context, addr net.Addr, req kafka.Request) (kafka.Response, error) {
	here, already := f.here(req)
	if already {
		<-f.thawed
	}
	if !here {
		return f.way.RoundTrip(ctx, addr, req)
	}
	// What is under way arrives however long it takes.
	send := func() (kafka.Response, error) { return f.way.RoundTrip(context.WithoutCancel(ctx), addr, req) }
	var res kafka.Response
	var err error
	if f.at.fate == answered || f.at.fate == answerLost {
		res, err = send()
	}
	close(f.frozen)
	<-f.thawed
	switch f.at.fate {
	case answered:
		return res, err
	case late:
		return send()
	}
	return nil, errLost
}

// A loser is a way to Kafka on which requests, or their answers, get lost from a point on, for a while.
type loser struct {
	way
	at    point
	lasts time.Duration // 0: one request

	mu    sync.Mutex
	seen  int
	since time.Time // when the first was lost
	lost  int
}

func (l *loser) RoundTrip(ctx context.Context, addr net.Addr, req kafka.Request) (kafka.Response, error) {
	if kindOf(req) != l.at.kind || !l.loses() {
		return l.way.RoundTrip(ctx, addr, req)
	}
	if l.at.fate == answerLost {
		if _, err := l.way.RoundTrip(ctx, addr, req); err != nil {
			return nil, err
		}
	}
	return nil, errLost
}

func (l *loser) loses() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen++
	if l.seen < l.at.nth || l.lost > 0 && time.Since(l.since) >= l.lasts {
		return false
	}
	if l.lost == 0 {
		l.since = time.Now()
	}
	l.lost++
	return true
}

// times is how often something was lost.
func (l *loser) times() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lost
}
