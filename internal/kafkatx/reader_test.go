package kafkatx

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/metadata"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// logScript is a broker whose answers to fetches are written down.
type logScript struct {
	answers []func(*fetchRequest) (*fetchAnswer, error)
	offsets []int64 // asked for
}

func (s *logScript) RoundTrip(_ context.Context, _ net.Addr, req kafka.Request) (kafka.Response, error) {
	switch req := req.(type) {
	case *metadata.Request:
		return &metadata.Response{
			Brokers: []metadata.ResponseBroker{{NodeID: 1}},
			Topics:  []metadata.ResponseTopic{{Name: "log", Partitions: []metadata.ResponsePartition{{LeaderID: 1}}}},
		}, nil
	case *fetchRequest:
		s.offsets = append(s.offsets, req.offset)
		if len(s.answers) == 0 {
			return nil, errors.New("more fetches than expected")
		}
		next := s.answers[0]
		s.answers = s.answers[1:]
		a, err := next(req)
		if a != nil {
			a.buf = a.batches
		}
		return a, err
	}
	return nil, fmt.Errorf("unexpected %T", req)
}

func answer(a fetchAnswer) func(*fetchRequest) (*fetchAnswer, error) {
	a.found = true
	return func(*fetchRequest) (*fetchAnswer, error) { return &a, nil }
}

func failure(err error) func(*fetchRequest) (*fetchAnswer, error) {
	return func(*fetchRequest) (*fetchAnswer, error) { return nil, err }
}

// logged makes a batch as it lies in the log: offsets are those of the records, the last one is that of the batch's end.
func logged(producer int64, attributes uint16, base, last int64, offsets ...int64) []byte {
	b := make([]byte, batchHeaderSize)
	for _, o := range offsets {
		r := Record{Value: fmt.Append(nil, o)}
		if attributes&attrControl != 0 {
			r = Record{Key: []byte{0, 0, 0, byte(o - base)}, Value: []byte("v")} // 0: abort, 1: commit
			o = base
		}
		b = r.append(b, r.bodySize(), o-base, 0)
	}
	binary.BigEndian.PutUint64(b[atBaseOffset:], uint64(base))
	binary.BigEndian.PutUint32(b[atLength:], uint32(len(b)-lengthPrefix))
	b[atMagic] = 2
	binary.BigEndian.PutUint16(b[atAttributes:], attributes)
	binary.BigEndian.PutUint32(b[atLastOffsetDelta:], uint32(last-base))
	binary.BigEndian.PutUint64(b[atProducerID:], uint64(producer))
	binary.BigEndian.PutUint32(b[atRecordCount:], uint32(len(offsets)))
	binary.BigEndian.PutUint32(b[atCRC:], crc32.Checksum(b[atAttributes:], crc32.MakeTable(crc32.Castagnoli)))
	return b
}

func data(producer, base, last int64, offsets ...int64) []byte {
	return logged(producer, attrTransactional, base, last, offsets...)
}

func abortMarker(producer, at int64) []byte {
	return logged(producer, attrTransactional|attrControl, at, at, at)
}
func commitMarker(producer, at int64) []byte {
	return logged(producer, attrTransactional|attrControl, at, at, at+1)
}

// readScript reads from an offset, and returns the offsets that came.
func readScript(t *testing.T, s *logScript, from int64) (got []int64, next int64, err error) {
	t.Helper()
	c := NewClient(Config{Brokers: []string{"script:1"}, RoundTripper: s})
	defer c.Close()
	next, err = c.ReadCommitted(t.Context(), "log", 0, from, func(r Record) error {
		if string(r.Value) != fmt.Sprint(r.Offset) {
			t.Errorf("offset %d has value %q", r.Offset, r.Value)
		}
		got = append(got, r.Offset)
		return nil
	})
	return got, next, err
}

func TestReadScripts(t *testing.T) {
	join := func(batches ...[]byte) []byte { return bytes.Join(batches, nil) }
	type script = []func(*fetchRequest) (*fetchAnswer, error)
	for _, c := range []struct {
		name    string
		from    int64
		answers script
		got     []int64
		next    int64
		offsets []int64 // of the fetches; nil: not looked at
	}{{
		name:    "nothing",
		answers: script{answer(fetchAnswer{})},
	}, {
		name:    "a committed transaction",
		answers: script{answer(fetchAnswer{lastStableOffset: 4, batches: join(data(1, 0, 2, 0, 1, 2), commitMarker(1, 3))})},
		got:     []int64{0, 1, 2}, next: 4,
	}, {
		name:    "from within a batch",
		from:    1,
		answers: script{answer(fetchAnswer{lastStableOffset: 4, batches: join(data(1, 0, 2, 0, 1, 2), commitMarker(1, 3))})},
		got:     []int64{1, 2}, next: 4,
	}, {
		name: "an aborted transaction, then a committed one of the same producer",
		answers: script{answer(fetchAnswer{lastStableOffset: 4, aborted: []abortedTransaction{{1, 0}},
			batches: join(data(1, 0, 0, 0), abortMarker(1, 1), data(1, 2, 2, 2), commitMarker(1, 3))})},
		got: []int64{2}, next: 4,
	}, {
		name: "a fetch that begins with the marker of an aborted transaction",
		from: 1,
		answers: script{answer(fetchAnswer{lastStableOffset: 4, aborted: []abortedTransaction{{1, 0}},
			batches: join(abortMarker(1, 1), data(1, 2, 2, 2), commitMarker(1, 3))})},
		got: []int64{2}, next: 4,
	}, {
		name: "an aborted transaction that ended before the offset asked for",
		from: 2,
		answers: script{answer(fetchAnswer{lastStableOffset: 4, aborted: []abortedTransaction{{1, 0}},
			batches: join(data(1, 0, 0, 0), abortMarker(1, 1), data(1, 2, 2, 2), commitMarker(1, 3))})},
		got: []int64{2}, next: 4,
	}, {
		name: "a list of aborted transactions that is not in order, and repeats producers",
		answers: script{answer(fetchAnswer{lastStableOffset: 8, aborted: []abortedTransaction{{1, 6}, {2, 1}, {1, 0}},
			batches: join(data(1, 0, 0, 0), data(2, 1, 1, 1), abortMarker(1, 2), data(1, 3, 3, 3), commitMarker(1, 4),
				abortMarker(2, 5), data(1, 6, 6, 6), abortMarker(1, 7))})},
		got: []int64{3}, next: 8,
	}, {
		name: "records without a transaction, of a producer whose transaction is aborted",
		answers: script{answer(fetchAnswer{lastStableOffset: 3, aborted: []abortedTransaction{{1, 0}},
			batches: join(data(1, 0, 0, 0), logged(1, 0, 1, 1, 1), abortMarker(1, 2))})},
		got: []int64{1}, next: 3,
	}, {
		name: "nothing is kept from one answer to the next",
		answers: script{
			answer(fetchAnswer{lastStableOffset: 4, aborted: []abortedTransaction{{1, 0}}, batches: data(1, 0, 0, 0)}),
			answer(fetchAnswer{lastStableOffset: 4, batches: join(data(1, 1, 1, 1), commitMarker(1, 2), commitMarker(9, 3))}),
		},
		got: []int64{1}, next: 4, offsets: []int64{0, 1},
	}, {
		name: "a batch without its tail, and one without any record",
		answers: script{
			answer(fetchAnswer{lastStableOffset: 100, batches: data(1, 0, 49, 0, 3)}),
			answer(fetchAnswer{lastStableOffset: 100, batches: data(1, 50, 98)}),
			answer(fetchAnswer{lastStableOffset: 100, batches: commitMarker(1, 99)}),
		},
		got: []int64{0, 3}, next: 100, offsets: []int64{0, 50, 99},
	}, {
		name: "an answer that is cut off",
		answers: script{
			answer(fetchAnswer{lastStableOffset: 4, batches: join(data(1, 0, 0, 0), data(1, 1, 2, 1, 2)[:70])}),
			answer(fetchAnswer{lastStableOffset: 4, batches: join(data(1, 1, 2, 1, 2), commitMarker(1, 3))}),
		},
		got: []int64{0, 1, 2}, next: 4, offsets: []int64{0, 1},
	}, {
		name: "an answer that is cut off within a header",
		answers: script{
			answer(fetchAnswer{lastStableOffset: 4, batches: join(data(1, 0, 0, 0), data(1, 1, 2, 1, 2)[:9])}),
			answer(fetchAnswer{lastStableOffset: 4, batches: join(data(1, 1, 2, 1, 2), commitMarker(1, 3))}),
		},
		got: []int64{0, 1, 2}, next: 4,
	}, {
		name: "what is committed meanwhile is not read",
		answers: script{
			answer(fetchAnswer{lastStableOffset: 2, batches: data(1, 0, 0, 0)}),
			answer(fetchAnswer{lastStableOffset: 5, batches: join(commitMarker(1, 1), data(1, 2, 3, 2, 3), commitMarker(1, 4))}),
		},
		got: []int64{0}, next: 2,
	}, {
		name: "nothing is left below the last stable offset",
		answers: script{
			answer(fetchAnswer{lastStableOffset: 9, batches: data(1, 0, 0, 0)}),
			answer(fetchAnswer{lastStableOffset: 9}), answer(fetchAnswer{lastStableOffset: 9}), answer(fetchAnswer{lastStableOffset: 9}),
		},
		got: []int64{0}, next: 9, offsets: []int64{0, 1, 1, 1},
	}, {
		name: "a new leader that does not know yet what the last one did",
		answers: script{
			answer(fetchAnswer{lastStableOffset: 4, batches: data(1, 0, 0, 0)}),
			answer(fetchAnswer{lastStableOffset: 1}), answer(fetchAnswer{lastStableOffset: 1}), answer(fetchAnswer{lastStableOffset: 1}),
			answer(fetchAnswer{lastStableOffset: 1}),
			answer(fetchAnswer{lastStableOffset: 4, batches: join(data(1, 1, 2, 1, 2), commitMarker(1, 3))}),
		},
		got: []int64{0, 1, 2}, next: 4,
	}, {
		name: "one empty answer is not the end",
		answers: script{
			answer(fetchAnswer{lastStableOffset: 2}), answer(fetchAnswer{lastStableOffset: 2}),
			answer(fetchAnswer{lastStableOffset: 2, batches: join(data(1, 0, 0, 0), commitMarker(1, 1))}),
		},
		got: []int64{0}, next: 2,
	}, {
		name: "a throttled client",
		answers: script{
			func(*fetchRequest) (*fetchAnswer, error) { return &fetchAnswer{throttle: 700}, nil },
			answer(fetchAnswer{lastStableOffset: 2, batches: join(data(1, 0, 0, 0), commitMarker(1, 1))}),
		},
		got: []int64{0}, next: 2,
	}, {
		name: "errors that pass",
		answers: script{
			failure(io.ErrUnexpectedEOF), answer(fetchAnswer{code: int16(kafka.NotLeaderForPartition)}),
			answer(fetchAnswer{code: int16(kafka.UnknownTopicOrPartition)}), answer(fetchAnswer{code: int16(kafka.OffsetNotAvailable)}),
			answer(fetchAnswer{lastStableOffset: 3, batches: data(1, 0, 0, 0)}), failure(errors.New("connection reset")),
			answer(fetchAnswer{lastStableOffset: 3, batches: join(data(1, 1, 1, 1), commitMarker(1, 2))}),
		},
		got: []int64{0, 1}, next: 3, offsets: []int64{0, 0, 0, 0, 0, 1, 1},
	}} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &logScript{answers: c.answers}
				got, next, err := readScript(t, s, c.from)
				if err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(got, c.got) || next != c.next {
					t.Errorf("offsets %d, next %d; want %d, next %d", got, next, c.got, c.next)
				}
				if c.offsets != nil && !slices.Equal(s.offsets, c.offsets) {
					t.Errorf("fetched from %d, want %d", s.offsets, c.offsets)
				}
				if len(s.answers) > 0 {
					t.Errorf("%d answers were not asked for", len(s.answers))
				}
			})
		})
	}
}

func TestReadCorrupt(t *testing.T) {
	broken := func(at int, value byte) []byte {
		b := data(1, 1, 1, 1)
		b[at] = value
		return b
	}
	resum := func(b []byte) []byte {
		binary.BigEndian.PutUint32(b[atCRC:], crc32.Checksum(b[atAttributes:], crc32.MakeTable(crc32.Castagnoli)))
		return b
	}
	for name, c := range map[string]struct {
		batch []byte
		text  string
	}{
		"bit rot":        {broken(batchHeaderSize+5, 0xff), "checksum"},
		"old format":     {broken(atMagic, 1), "message format v1"},
		"length":         {broken(atLength, 0xff), "impossible batch length"},
		"codec":          {resum(broken(atAttributes+1, 0x17)), "unknown compression"},
		"not compressed": {resum(broken(atAttributes+1, 0x14)), "decompress"},
		"record length":  {resum(broken(batchHeaderSize, 0x70)), errBadRecord.Error()},
		"record count":   {resum(broken(atRecordCount+3, 2)), errBadRecord.Error()},
		"negative count": {resum(broken(atRecordCount, 0x80)), "impossible number"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &logScript{answers: []func(*fetchRequest) (*fetchAnswer, error){
				answer(fetchAnswer{lastStableOffset: 5, batches: slices.Concat(data(1, 0, 0, 0), c.batch)}),
			}}
			got, next, err := readScript(t, s, 0)
			var corrupt *CorruptBatchError
			if !errors.As(err, &corrupt) || corrupt.Topic != "log" || corrupt.Partition != 0 || corrupt.Offset != 1 {
				t.Fatalf("ReadCommitted = %v", err)
			}
			if !strings.Contains(err.Error(), c.text) {
				t.Errorf("%v does not say %q", err, c.text)
			}
			if got[0] != 0 || next != 1 {
				t.Errorf("offsets %d, next %d; want those before the corrupt batch, and its own offset", got, next)
			}
		})
	}
}

func TestReadGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &logScript{}
		for range 1000 {
			s.answers = append(s.answers, failure(io.ErrUnexpectedEOF))
		}
		began := time.Now()
		_, _, err := readScript(t, s, 0)
		if took := time.Since(began); !errors.Is(err, io.ErrUnexpectedEOF) || took < readPatience || took > readPatience+againMost {
			t.Errorf("after %s: %v", took, err)
		}
	})
}

// The request and the answer are what franz-go's message definitions make of them.
func TestFetchOnTheWire(t *testing.T) {
	r := &fetchRequest{
		clientID: "client", topicPartition: topicPartition{"log", 7}, offset: 1 << 40, maxBytes: 4 << 20, maxWait: 100,
	}
	r.Required(map[protocol.ApiKey]int16{protocol.Fetch: fetchVersion})

	res := kmsg.NewPtrFetchResponse()
	res.Version = 11
	res.ThrottleMillis = 5
	for _, partition := range []int32{6, 7} {
		p := kmsg.NewFetchResponseTopicPartition()
		p.Partition = partition
		p.ErrorCode, p.HighWatermark, p.LastStableOffset, p.LogStartOffset = 6, 100, 90+int64(partition), 3
		p.RecordBatches = []byte{1, 2, 3}
		for _, first := range []int64{8, 2} {
			a := kmsg.NewFetchResponseTopicPartitionAbortedTransaction()
			a.ProducerID, a.FirstOffset = 1000+first, first
			p.AbortedTransactions = append(p.AbortedTransactions, a)
		}
		topic := kmsg.NewFetchResponseTopic()
		topic.Topic = "log"
		topic.Partitions = append(topic.Partitions, p)
		res.Topics = append(res.Topics, topic)
	}
	body := res.AppendTo(binary.BigEndian.AppendUint32(nil, correlation))
	wire := &exchange{in: bytes.NewReader(append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...))}

	msg, err := r.RawExchange(wire)
	if err != nil {
		t.Fatal(err)
	}
	a := msg.(*fetchAnswer)
	if !a.found || a.code != 6 || a.throttle != 5 || a.lastStableOffset != 97 ||
		!bytes.Equal(a.batches, []byte{1, 2, 3}) || !slices.Equal(a.aborted, []abortedTransaction{{1008, 8}, {1002, 2}}) {
		t.Errorf("answer %+v", a)
	}

	want := kmsg.NewPtrFetchRequest()
	want.Version = 11
	want.ReplicaID, want.MaxWaitMillis, want.MinBytes, want.MaxBytes, want.IsolationLevel, want.SessionEpoch = -1, 100, 1, 50<<20, 1, -1
	p := kmsg.NewFetchRequestTopicPartition()
	p.Partition, p.CurrentLeaderEpoch, p.FetchOffset, p.LogStartOffset, p.PartitionMaxBytes = 7, -1, 1<<40, -1, 4<<20
	topic := kmsg.NewFetchRequestTopic()
	topic.Topic = "log"
	topic.Partitions = append(topic.Partitions, p)
	want.Topics = append(want.Topics, topic)
	wantWire := kmsg.NewRequestFormatter(kmsg.FormatterClientID("client")).AppendRequest(nil, want, correlation)
	if !bytes.Equal(wire.out.Bytes(), wantWire) {
		t.Errorf("request\n%x, want\n%x", wire.out.Bytes(), wantWire)
	}

	for n := range body { // no truncated answer may pass or crash
		if _, err := decodeFetch(body[:n], r.topicPartition); err == nil {
			t.Errorf("the first %d bytes of an answer were taken for a whole one", n)
		}
	}
}

func TestFetchNeedsVersion(t *testing.T) {
	r := &fetchRequest{}
	if !r.Required(map[protocol.ApiKey]int16{protocol.Fetch: 10}) {
		t.Error("kafka-go must not encode a fetchRequest")
	}
	if _, err := r.RawExchange(&exchange{}); err == nil || !strings.Contains(err.Error(), "2.3") {
		t.Errorf("a broker before 2.3: %v", err)
	}
}

// exchange is a connection with a prepared answer.
type exchange struct {
	out bytes.Buffer
	in  io.Reader
}

func (e *exchange) Write(b []byte) (int, error) { return e.out.Write(b) }
func (e *exchange) Read(b []byte) (int, error)  { return e.in.Read(b) }
