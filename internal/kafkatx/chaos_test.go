package kafkatx_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"attemptstream/internal/kafkatx"

	"github.com/segmentio/kafka-go/protocol"
)

// Everything at once: requests and answers get lost, arrive late or twice, contexts are canceled, owners come and go, and
// (on the embedded broker) leaders and coordinators move. A ledger that does not look at Kafka says what was
// acknowledged, franz-go says what is there.
func TestChaos(t *testing.T) {
	for seed := range uint64(3) {
		// Each has an embedded broker of its own: leaders that move under the reader of another seed are, to franz-go,
		// records that the embedded broker lost.
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			onBrokers(t, func(t *testing.T, b *broker) { chaos(t, b, seed, 120) })
		})
	}
}

func chaos(t *testing.T, b *broker, seed uint64, transactions int) {
	topic := b.topic(t, 2)
	id := name(t, "txn")
	rng := rand.New(rand.NewPCG(seed, 3))
	weather := &weather{rng: rand.New(rand.NewPCG(seed, 4)), late: make(chan sender, 100)}
	defer weather.clear(t)

	start := func() *kafkatx.Producer {
		c, f := b.client(t)
		f.hooks = append(f.hooks, weather.hook(t))
		p := c.NewProducer(kafkatx.ProducerConfig{TransactionalID: id, TransactionTimeout: 20 * time.Second})
		initialize(t, p)
		return p
	}
	reader, _ := b.client(t)
	p := start()
	var committed []string
	for i := range transactions {
		if b.fake != nil && rng.IntN(4) == 0 {
			b.fake.ShufflePartitionLeaders()
			b.fake.RehashCoordinators()
		}
		if rng.IntN(15) == 0 {
			p = start() // a new owner; the old one is silent
		}
		value := fmt.Sprint(i)
		for attempt, done := 0, false; !done; attempt++ {
			if attempt == 50 {
				t.Fatalf("transaction %d was aborted %d times", i, attempt)
			}
			ctx, cancel := context.WithCancel(testContext(t))
			if rng.IntN(6) == 0 {
				wait := time.Duration(rng.IntN(20)) * time.Millisecond
				time.AfterFunc(wait, cancel)
			}
			err := inPieces(ctx, p.Begin(), pair(topic, value), rng.IntN(3))
			cancel()
			switch {
			case err == nil:
				done = true
			case errors.Is(err, kafkatx.ErrUnknownOutcome):
				initialize(t, p)
				_, isThere := last(t, reader, topic, value)
				done = isThere
			case errors.Is(err, kafkatx.ErrFenced):
				initialize(t, p)
			case errors.Is(err, kafkatx.ErrAborted):
			default:
				t.Fatalf("Commit = %v", err)
			}
		}
		committed = append(committed, value)
	}
	weather.clear(t)
	initialize(t, p)
	inBoth(t, b, topic, committed...)
	for partition := range 2 {
		ours, _ := readOurs(t, reader, topic, partition, 0)
		if !slices.Equal(values(ours), committed) {
			t.Errorf("we read %q", values(ours))
		}
	}
}

// inPieces commits records, some of them in pieces of their own before. A failure of one is also that of the commit.
func inPieces(ctx context.Context, tx *kafkatx.Transaction, records []kafkatx.Record, pieces int) error {
	for range pieces {
		if tx.Write(ctx, tx.Encode(kafkatx.List(records[:1]))) != nil {
			break
		}
		records = records[1:]
	}
	return tx.Commit(ctx, kafkatx.List(records))
}

// initialize is Init by an owner who insists.
func initialize(t testing.TB, p *kafkatx.Producer) {
	t.Helper()
	err := p.Init(testContext(t))
	for errors.Is(err, kafkatx.ErrFenced) { // another Init of our own was late
		err = p.Init(testContext(t))
	}
	if err != nil {
		t.Fatalf("Init: %v", err)
	}
}

// last says whether a value is the last one in partition 0.
func last(t testing.TB, c *kafkatx.Client, topic, value string) (string, bool) {
	t.Helper()
	records, _ := readOurs(t, c, topic, 0, 0)
	if len(records) == 0 {
		return "", false
	}
	v := string(records[len(records)-1].Value)
	return v, v == value
}

// weather interferes with requests at random.
type weather struct {
	mu   sync.Mutex
	rng  *rand.Rand
	late chan sender
	calm bool
}

func (w *weather) roll() (what int, late sender) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.calm {
		return -1, nil
	}
	if w.rng.IntN(4) == 0 {
		select {
		case late = <-w.late:
		default:
		}
	}
	return w.rng.IntN(40), late
}

func (w *weather) hook(t testing.TB) hook {
	return func(ctx context.Context, kind string, _ protocol.Message, send sender) (bool, protocol.Message, error) {
		if kind == "Metadata" {
			return false, nil, nil
		}
		what, late := w.roll()
		if late != nil {
			_, _ = late(testContext(t))
		}
		switch what {
		case 0: // the request is lost
			return true, nil, errInjected
		case 1: // the answer is lost
			_, _ = send(ctx)
			return true, nil, errInjected
		case 2: // the request is late
			w.keep(send)
			return true, nil, errInjected
		case 3: // the request arrives, and once more later
			w.keep(send)
			_, _ = send(ctx)
			return true, nil, errInjected
		}
		return false, nil, nil
	}
}

func (w *weather) keep(send sender) {
	select {
	case w.late <- send:
	default:
	}
}

// clear delivers what is still on its way and ends the disturbance.
func (w *weather) clear(t testing.TB) {
	w.mu.Lock()
	w.calm = true
	w.mu.Unlock()
	for {
		select {
		case late := <-w.late:
			_, _ = late(testContext(t))
		default:
			return
		}
	}
}
