package state_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"attemptstream/internal/attempt"
	"attemptstream/internal/dedupe"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/schedule"
	"attemptstream/internal/state"
	"attemptstream/internal/witness"
)

// patience bounds every wait of a test for something that has to come.
const patience = time.Minute

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// A stateTopic is a compacted topic of one partition, which all accounts share.
type stateTopic struct {
	t       testing.TB
	brokers []string
	at      state.Partition
	client  *kafkatx.Client
	admin   *kadm.Client
}

var topicNumber atomic.Int64

func newTopic(t testing.TB, brokers []string, configs ...string) *stateTopic {
	t.Helper()
	name := fmt.Sprintf("state-%d-%d", os.Getpid(), topicNumber.Add(1))
	cl, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	admin := kadm.NewClient(cl)
	settings := map[string]*string{"cleanup.policy": kadm.StringPtr("compact")}
	for _, c := range configs {
		k, v, _ := strings.Cut(c, "=")
		settings[k] = &v
	}
	if _, err := admin.CreateTopic(testContext(t), 1, 1, settings, name); err != nil {
		t.Fatal(err)
	}
	c := kafkatx.NewClient(kafkatx.Config{Brokers: brokers, RequestTimeout: 20 * time.Second, MetadataTopics: []string{name}})
	t.Cleanup(c.Close)
	return &stateTopic{t, brokers, state.Partition{Topic: name}, c, admin}
}

// producer takes the transactional id of an account, as its owner does before it recovers.
func (s *stateTopic) producer(name attempt.Account) *kafkatx.Producer {
	s.t.Helper()
	p := s.client.NewProducer(kafkatx.ProducerConfig{TransactionalID: s.at.Topic + "/" + string(name), Compression: kafka.Zstd})
	if err := p.Init(testContext(s.t)); err != nil {
		s.t.Fatal(err)
	}
	return p
}

func (s *stateTopic) recover(name attempt.Account) *state.Account {
	s.t.Helper()
	a, err := state.Recover(testContext(s.t), s.client, s.at, name)
	if err != nil {
		s.t.Fatal(err)
	}
	return a
}

// stranger is a franz-go producer with a transaction that has begun.
func (s *stateTopic) stranger(id string) *kgo.Client {
	s.t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(s.brokers...), kgo.TransactionalID(id), kgo.DefaultProduceTopic(s.at.Topic))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(cl.Close)
	if err := cl.BeginTransaction(); err != nil {
		s.t.Fatal(err)
	}
	return cl
}

func produce(t testing.TB, cl *kgo.Client, records ...kafkatx.Record) {
	t.Helper()
	for _, r := range records {
		if err := cl.ProduceSync(testContext(t), &kgo.Record{Key: r.Key, Value: r.Value}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

func end(t testing.TB, cl *kgo.Client, how kgo.TransactionEndTry) {
	t.Helper()
	if err := cl.EndTransaction(testContext(t), how); err != nil {
		t.Fatal(err)
	}
}

// committed is the last committed record of every key, by a client that is not ours.
func (s *stateTopic) committed() map[string]string {
	s.t.Helper()
	records, err := witness.Records(testContext(s.t), s.brokers, s.at.Topic)
	if err != nil {
		s.t.Fatal(err)
	}
	last := map[string]string{}
	for _, r := range records {
		last[string(r.Key)] = string(r.Value)
	}
	return last
}

var statuses = []attempt.Status{"Completed", "Expired", "Cancelled", "Testleft"}

// A life is an account that changes at random, and the records that it had last.
type life struct {
	*state.Account
	rng     *rand.Rand
	ids     []int64 // that were touched
	letters []dedupe.Hash
	last    map[string]string // committed values by key
}

func newLife(a *state.Account, seed uint64) *life {
	return &life{Account: a, rng: rand.New(rand.NewPCG(seed, 1)), last: map[string]string{}}
}

// change stages some ids that lie together, some that do not, a dead letter, and a moved front.
func (l *life) change() {
	from := 2_655_161 + l.rng.Int64N(50_000)
	for range 40 {
		id := from + l.rng.Int64N(200)
		if l.rng.IntN(4) == 0 {
			id = l.rng.Int64() - math.MaxInt64/2
		}
		l.ids = append(l.ids, id)
		if s := statuses[l.rng.IntN(len(statuses))]; l.rng.IntN(3) == 0 {
			l.Index.TellLate(id, s)
		} else {
			l.Index.Tell(id, s)
		}
	}
	h := dedupe.HashOf(l.Name, attempt.Completed, fmt.Sprint(from))
	l.Letters.Add(h)
	l.letters = append(l.letters, h)
	c := l.Checkpoint.States[attempt.Completed]
	if c == nil {
		c = &schedule.Coverage{Start: 1000, Front: 1000}
		l.Checkpoint.States[attempt.Completed] = c
	}
	c.Front += attempt.Instant(1 + l.rng.IntN(100))
}

// records are those of what changed.
func (l *life) records(t testing.TB) []kafkatx.Record {
	t.Helper()
	records, err := l.AppendRecords(nil)
	if err != nil {
		t.Fatal(err)
	}
	return records
}

// commit commits what changed.
func (l *life) commit(t testing.TB, p *kafkatx.Producer) {
	t.Helper()
	records := l.records(t)
	if err := p.Commit(testContext(t), records); err != nil {
		t.Fatal(err)
	}
	l.Commit()
	for _, r := range records {
		l.last[string(r.Key)] = string(r.Value)
	}
}

// same holds what was recovered to what l knows.
func (l *life) same(t testing.TB, got *state.Account) {
	t.Helper()
	if got.Name != l.Name || got.Index.Told() != l.Index.Told() || got.Letters.Len() != l.Letters.Len() {
		t.Fatalf("account %s: %d told and %d letters, want %s: %d and %d", got.Name, got.Index.Told(), got.Letters.Len(),
			l.Name, l.Index.Told(), l.Letters.Len())
	}
	for _, id := range l.ids {
		for _, s := range statuses {
			if g, w := got.Index.Look(id, s), l.Index.Look(id, s); g != w {
				t.Fatalf("account %s: %d %s is %+v, want %+v", l.Name, id, s, g, w)
			}
		}
	}
	for _, h := range l.letters {
		if got.Letters.Has(h) != l.Letters.Has(h) {
			t.Fatalf("account %s: letter %x: %v, want %v", l.Name, h, got.Letters.Has(h), l.Letters.Has(h))
		}
	}
	if g, w := encoded(t, got), encoded(t, l.Account); !bytes.Equal(g, w) {
		t.Fatalf("account %s: checkpoint %s, want %s", l.Name, g, w)
	}
	if changed, err := got.Changed(); changed || err != nil {
		t.Fatalf("account %s: changed %v (%v) right after it was recovered", l.Name, changed, err)
	}
}

func encoded(t testing.TB, a *state.Account) []byte {
	t.Helper()
	c, err := a.Checkpoint.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A fakeLog is a partition's committed records. Offsets are places in it, if they are not set.
type fakeLog []kafkatx.Record

func (l fakeLog) ReadCommitted(_ context.Context, topic string, partition int, from int64, fn func(kafkatx.Record) error) (int64, error) {
	n := int64(len(l))
	if from > n {
		return from, &kafkatx.OffsetOutOfRangeError{Topic: topic, Partition: partition, Offset: from, End: n}
	}
	for i := from; i < n; i++ {
		r := l[i]
		r.Topic, r.Partition, r.Offset = topic, partition, i
		// The memory is the reader's, and used again.
		r.Key, r.Value = bytes.Clone(r.Key), bytes.Clone(r.Value)
		if err := fn(r); err != nil {
			return i, err
		}
		for _, b := range [][]byte{r.Key, r.Value} {
			for j := range b {
				b[j] ^= 0xa5
			}
		}
	}
	return n, nil
}

func letterKey(account attempt.Account, h dedupe.Hash) string {
	return string(account) + "/letter/" + hex.EncodeToString(h[:])
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
