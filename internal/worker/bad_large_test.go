package worker_test

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"attemptstream/internal/attempt"
	"attemptstream/internal/brokertest"
	"attemptstream/internal/imochasim"
	"attemptstream/internal/imochasim/ledger"
	"attemptstream/internal/topics"
	"attemptstream/internal/witness"
	"attemptstream/internal/worker"
)

// noise is text of n characters that no compression brings below half of them.
func noise(seed uint64, n int) string {
	random := rand.New(rand.NewPCG(seed, 7))
	b := make([]byte, n/2)
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	return hex.EncodeToString(b)
}

// Entries of 5 MB, one an event and one a dead letter, which Kafka's usual max.message.bytes of 1 MiB refuses: their second
// becomes a gap, all else is told meanwhile, the operator hears which topic it is and what to raise, and once it is raised
// they are told.
func TestEntryLargerThanItsTopicAllows(t *testing.T) {
	brokertest.OnBoth(t, func(t *testing.T, brokers []string) {
		start := time.Now().Add(-time.Hour).Truncate(time.Second)
		w := newWorld(t, brokers, imochasim.Config{}, start, start.Add(50*time.Minute))
		w.timeout, w.schedule.WindowMax = 10*time.Second, 2*time.Minute
		l := lives(70)
		l.PerDay = 500
		w.populate(l)
		const id, size = 930001, 5 << 20
		at := start.Add(20 * time.Minute)
		w.add(attempt.Completed, at, fmt.Sprintf(`{"testInvitationId":%d,"testStatus":"Completed","report":"%s"}`, id, noise(1, size)))
		w.add(attempt.Completed, at, `{"testInvitationId":930002,"testStatus":"Completed"}`) // in the same second, and no larger than others
		letter := `{"testInvitationId":"none","report":"` + noise(2, size) + `"}`
		w.add(attempt.Expired, at.Add(5*time.Minute), letter)
		end := w.schedule.Stop
		w.schedule.Stop = 0 // it has to run for long enough to come back to its gaps

		logs, c := newLog(), &clock{}
		s := w.play(w.worker(nil, logs.use, c.use))
		waiting := s.until("all but what is too large", func(p worker.Progress) bool {
			return attempt.InstantOf(p.Front) >= end && p.Gaps > 0
		})
		w.missingOnly(id, scopeOf(start, end.Time()))
		if through := at.Add(-2 * time.Second); waiting.Through.Before(through) || waiting.Through.After(at) {
			t.Errorf("covered through %s, want up to the second of the entry that was refused, %s", waiting.Through, at)
		}
		for _, topic := range []string{w.topic, topics.DLQTopic(w.topic)} {
			logs.mustMention(t, "an entry is larger than its topic allows and becomes a gap", topic, "raise max.message.bytes")
		}
		if text := logs.text(); len(text) > 1<<20 {
			t.Errorf("the log has %d bytes: is the entry in it?", len(text))
		}

		w.allow(6 << 20)
		// A pass that was under way before may leave some of them for the next one. Kafka takes no timestamp that is an hour
		// ahead, so the clock moves on a few times only.
		next, pause := time.Now(), 3*time.Second
		s.until("the gaps to be read", func(p worker.Progress) bool {
			if now := time.Now(); pause < time.Minute && now.After(next) {
				next, pause = now.Add(pause), 3*pause
				c.advance(11 * time.Minute)
			}
			return p.Gaps == 0
		})
		s.end()
		w.verify(scopeOf(start, end.Time()))
		w.agree(s.process)
		events := witness.Events(t, brokers, w.topic, account)
		for _, e := range events {
			if e.ID == id && !e.Late {
				t.Error("what was told from a gap does not say late")
			}
		}
		w.lettersSay(map[string]string{letter: "not a 64-bit integer"})
	})
}

// scopeOf is what has been read, some of it out of order.
func scopeOf(from, to time.Time) ledger.Scope {
	return ledger.Scope{From: from, To: to, Seen: time.Now(), Gaps: true}
}

// missingOnly holds what was told to being all but one invitation's, and all dead letters but the large one.
func (w *world) missingOnly(id int64, scope ledger.Scope) {
	w.t.Helper()
	if missing := w.missing(scope); len(missing) != 1 || !missing[id] {
		w.t.Errorf("these are not told: %v; want all but %d to be", missing, id)
	}
	letters := witness.Letters(w.t, w.brokers, topics.DLQTopic(w.topic), account)
	lost := ledger.CheckLetters(w.sim.Expected(string(account), scope), letters)
	if len(lost) != 1 || !strings.Contains(lost[0], `{"testInvitationId":"none"`) {
		w.t.Errorf("dead letters: %q; want all but the large one to be told", lost)
	}
}

// allow lets the topics of events and dead letters take larger records, as the message tells an operator to.
func (w *world) allow(bytes int) {
	w.t.Helper()
	admin, done := w.admin()
	defer done()
	value := fmt.Sprint(bytes)
	results, err := admin.AlterTopicConfigs(w.t.Context(), []kadm.AlterConfig{{Name: "max.message.bytes", Value: &value}},
		w.topic, topics.DLQTopic(w.topic))
	if err != nil {
		w.t.Fatal(err)
	}
	for _, r := range results {
		if r.Err != nil {
			w.t.Fatal(r.Err)
		}
	}
}
