//go:build linux

package bench_test

import (
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/event"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/schedule"
	"attemptstream/internal/state"
)

const (
	yearPoll   = 30 * time.Second
	yearExpiry = 7 * 24 * time.Hour
	// stateSegment is segment.bytes of the state topic, see internal/topics.
	stateSegment = 32 << 20
)

// A yearsAccount is an account that lives: invitations are sent all day, in the order of their ids. Of ten, seven are
// completed, half of them within a day, two expire after a week, one is cancelled; one in a hundred of the expired ones
// is sent again, and completed. Every half minute the worker commits what it was shown.
type yearsAccount struct {
	rng    *rand.Rand
	perDay int   // invitations
	every  int64 // of so many ids one is the account's

	memory  *state.Account
	now     time.Time
	poll    int
	owed    float64 // invitations that are due
	invited int64
	due     [][]outcome // by poll, for a week and a bit
}

type outcome struct {
	id     int64
	state  attempt.State
	status attempt.Status
}

func newYearsAccount(b testing.TB, perDay int, every int64, log *compactedLog) *yearsAccount {
	y := &yearsAccount{rng: rand.New(rand.NewPCG(1, 2)), perDay: perDay, every: every,
		now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), due: make([][]outcome, yearExpiry/yearPoll+10)}
	var err error
	y.memory, err = state.Recover(b.Context(), log, state.Partition{Topic: log.to.topic}, attempt.DefaultAccount)
	if err != nil {
		b.Fatal(err)
	}
	return y
}

// step goes on to the next poll, and returns what it shows.
func (y *yearsAccount) step() []outcome {
	y.poll++
	y.now = y.now.Add(yearPoll)
	for y.owed += float64(y.perDay) * yearPoll.Hours() / 24; y.owed >= 1; y.owed-- {
		y.invite(2_655_161 + y.invited*y.every + y.rng.Int64N(y.every))
		y.invited++
	}
	slot := &y.due[y.poll%len(y.due)]
	shown := *slot
	*slot = nil
	for _, o := range shown {
		if o.state == attempt.Expired && y.rng.IntN(100) == 0 {
			y.after(y.delay(), outcome{o.id, attempt.Completed, "Completed"})
		}
	}
	return shown
}

func (y *yearsAccount) invite(id int64) {
	switch n := y.rng.IntN(100); {
	case n < 68:
		y.after(y.delay(), outcome{id, attempt.Completed, "Completed"})
	case n < 70:
		y.after(y.delay(), outcome{id, attempt.Completed, "Testleft"})
	case n < 80:
		y.after(time.Duration(y.rng.Int64N(int64(yearExpiry))), outcome{id, attempt.Cancelled, "Cancelled"})
	default:
		y.after(yearExpiry+time.Duration(y.rng.Int64N(int64(time.Minute))), outcome{id, attempt.Expired, "Expired"})
	}
}

// delay is how long somebody takes for an invitation.
func (y *yearsAccount) delay() time.Duration {
	return min(time.Duration(float64(24*time.Hour)*math.Exp(1.2*y.rng.NormFloat64())), yearExpiry-yearPoll)
}

func (y *yearsAccount) after(d time.Duration, o outcome) {
	slot := &y.due[(y.poll+1+int(d/yearPoll))%len(y.due)]
	*slot = append(*slot, o)
}

// tell does to the memory what the worker does that was shown something, and returns the records of the transaction.
func (y *yearsAccount) tell(shown []outcome) ([]kafkatx.Record, error) {
	for _, o := range shown {
		y.memory.Index.Tell(o.id, o.status)
		y.coverage(o.state).Counts.Told++
	}
	for _, s := range attempt.States() {
		c := y.coverage(s)
		c.Front = attempt.InstantOf(y.now)
		for i, every := range []int{20, 120, 720, 2880} {
			if y.poll%every == 0 {
				c.LookedBack[i] = c.Front
			}
		}
	}
	return y.memory.AppendRecords(nil)
}

func (y *yearsAccount) coverage(of attempt.State) *schedule.Coverage {
	c := y.memory.Checkpoint.States[of]
	if c == nil {
		start := attempt.InstantOf(y.now)
		c = &schedule.Coverage{Start: start, Front: start, Width: 86400, LookedBack: []attempt.Instant{start, start, start, start}}
		y.memory.Checkpoint.States[of] = c
	}
	return c
}

// live lets the account live for some days. Where events is not nil, those of some commits are made as well, to count them.
func (y *yearsAccount) live(b testing.TB, days int, log *compactedLog, events *eventLog) {
	for end := y.poll + days*int(24*time.Hour/yearPoll); y.poll < end; {
		shown := y.step()
		if events != nil && y.poll%20 == 0 {
			events.commit(b, y.now, shown)
		}
		records, err := y.tell(shown)
		if err == nil {
			err = log.commit(b.Context(), y.now, records)
		}
		if err != nil {
			b.Fatal(err)
		}
		y.memory.Commit()
	}
}

// An eventLog counts what events take.
type eventLog struct {
	counted  int64
	to       *nowhere
	producer *kafkatx.Producer
	encoder  *event.Encoder
	records  records
	told     []event.Observation
}

func newEventLog(b testing.TB) *eventLog {
	l := newCompactedLog(b, "events", math.MaxInt64)
	encoder, err := event.NewEncoder(event.Plain, nil)
	if err != nil {
		b.Fatal(err)
	}
	return &eventLog{to: l.to, producer: l.producer, encoder: encoder, told: observations(1000)}
}

func (l *eventLog) commit(b testing.TB, now time.Time, shown []outcome) {
	if len(shown) == 0 {
		return
	}
	told := l.told[:min(len(shown), len(l.told))]
	for i := range told {
		o := &told[i]
		o.State, o.ObservedAt, o.Attempt.ID, o.Attempt.Status = shown[i].state, now, shown[i].id, shown[i].status
		o.Window = attempt.Window{Start: attempt.InstantOf(now.Add(-2 * yearPoll)), End: attempt.InstantOf(now.Add(-yearPoll))}
	}
	if err := l.producer.Commit(b.Context(), l.records.of(l.encoder, l.to.topic, told)); err != nil {
		b.Fatal(err)
	}
	l.counted += int64(len(told))
	l.to.written += markerBytes * int64(min(len(told), partitions))
}

// BenchmarkYear lets an account with 50,000 invitations a day live for a year, or for ATTEMPTSTREAM_BENCH_DAYS, with a
// commit every half minute, and says what its part of the state topic comes to: what was written in all; what it takes at
// most, which is what recovery reads at worst; and what is left when all of it has been compacted. dense is an account
// that has all ids, sparse one that has one in a hundred.
func BenchmarkYear(b *testing.B) {
	days := 365
	if text := os.Getenv("ATTEMPTSTREAM_BENCH_DAYS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			b.Fatalf("ATTEMPTSTREAM_BENCH_DAYS is %q: want a whole number from 1 on", text)
		}
		days = n
	}
	for name, every := range map[string]int64{"dense": 1, "sparse": 100} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				log, events := newCompactedLog(b, "state", stateSegment), newEventLog(b)
				y := newYearsAccount(b, 50_000, every, log)
				y.live(b, days, log, events)
				told := float64(y.memory.Index.Told())
				b.ReportMetric(told/1e6, "M-events")
				b.ReportMetric(float64(events.to.written)/float64(events.counted), "event-B/event")
				b.ReportMetric(float64(log.written)/told, "state-B/event")
				b.ReportMetric(float64(log.written)/float64(days)/1e6, "state-MB/day")
				b.ReportMetric(float64(log.most)/1e6, "most-MB")
				if err := log.all(b.Context()); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(log.size)/1e6, "left-MB")
				b.ReportMetric(float64(log.size)/told, "left-B/event")
				b.ReportMetric(float64(log.records()), "left-records")
				b.ReportMetric(float64(len(log.commits)), "left-batches")
				b.ReportMetric(0, "ns/op")
				y.recovers(b, log, log.to.topic)
			}
		})
	}
}

// recovers checks that what is left holds all that was told.
func (y *yearsAccount) recovers(b testing.TB, from state.Reader, topic string) {
	b.Helper()
	began := time.Now()
	again, err := state.Recover(b.Context(), from, state.Partition{Topic: topic}, attempt.DefaultAccount)
	if err != nil {
		b.Fatal(err)
	}
	if got, want := again.Index.Told(), y.memory.Index.Told(); got != want {
		b.Fatalf("%d events are remembered, want %d", got, want)
	}
	if b, ok := b.(*testing.B); ok {
		b.ReportMetric(float64(time.Since(began).Milliseconds()), "recover-ms")
	}
}

// A day of a small account, so that the model of BenchmarkYear is known to hold what it says.
func TestDayIsCompacted(t *testing.T) {
	t.Parallel()
	log := newCompactedLog(t, "state", 16<<10)
	y := newYearsAccount(t, 2000, 1, log)
	y.live(t, 1, log, nil)
	y.recovers(t, log, log.to.topic)
	if log.cleanings == 0 {
		t.Error("nothing was compacted")
	}
	if err := log.all(t.Context()); err != nil {
		t.Fatal(err)
	}
	y.recovers(t, log, log.to.topic)
	keys := map[string]bool{}
	for _, c := range log.commits {
		for _, r := range c.records {
			if keys[string(r.Key)] {
				t.Errorf("there are two records with the key %s", r.Key)
			}
			keys[string(r.Key)] = true
		}
	}
	if len(keys) != log.records() || int64(len(keys)) < y.invited>>12 {
		t.Errorf("%d records are left for %d keys", log.records(), len(keys))
	}
}
