package metrics_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"attemptstream/internal/attempt"
	"attemptstream/internal/imochasim"
	"attemptstream/internal/witness"
)

// Some hours of an API with every kind of fault, with late arrivals, entries that cannot be events, a second that cannot be read
// and an entry that Kafka does not take. What is measured is what the API has answered and what is in Kafka.
func TestWorkerIsMeasured(t *testing.T) {
	inVirtualTime(t, imochasim.Config{Seed: 1, Latency: imochasim.Latency{Fixed: 20 * time.Millisecond, Random: 200 * time.Millisecond}}, func(w *world) {
		lives := imochasim.DefaultLives(1)
		lives.PerDay, lives.Speed, lives.BurstsPerDay, lives.Quick = 60, 24, 0, 0
		lives.Late, lives.LateBy, lives.Malformed, lives.ComeBacks, lives.Resent = .25, 3*24*time.Hour, .1, .5, .8
		w.must(w.sim.Populate(string(account), lives, w.began, w.began.Add(4*time.Hour)))
		poisoned := attempt.InstantOf(w.began.Add(75*time.Minute + 7*time.Second))
		w.limit("40000")
		w.must(w.sim.AddRaw(string(account), attempt.Expired, w.began.Add(2*time.Hour),
			`{"testInvitationId":77,"testStatus":"Expired","report":"`+strings.Repeat("more than the topic takes ", 2000)+`"}`))
		faults := imochasim.Faults{Poisoned: []imochasim.Poisoned{{State: attempt.Cancelled, Second: poisoned}}}
		passing, lasting := imochasim.PassingKinds(), imochasim.LastingKinds()
		faults.Script = func(n int, r imochasim.Request) imochasim.Fault {
			if since := r.At.Sub(w.began); since > 150*time.Minute && since < 200*time.Minute && n%2 == 0 {
				return imochasim.Fault{Kind: lasting[n/2%len(lasting)]}
			}
			if n%9 == 0 {
				return imochasim.Fault{Kind: passing[n/9%len(passing)]}
			}
			return imochasim.Fault{}
		}
		w.must(w.sim.SetFaults(faults))

		p := w.start()
		time.Sleep(time.Minute - time.Second) // nothing has settled
		_, f := p.scrape()
		for _, outcome := range []string{"told", "known", "dead"} {
			if n := len(f.series("attempts_total", "account", "default", "state", "expired", "outcome", outcome)); n != 1 {
				t.Errorf("%d series of expired attempts that are %s before the first one", n, outcome)
			}
		}

		time.Sleep(270 * time.Minute)
		_, f = p.scrape()
		gap := f.sum(t, "gap_seconds", "account", "default", "state", "cancelled")
		if n := f.sum(t, "gaps", "state", "cancelled"); n != 1 || gap < 1 || gap > 3 {
			t.Errorf("%v gaps of %v s, want one of the second that cannot be read, and what cannot be told from it", n, gap)
		}
		if through := f.sum(t, "covered_through_timestamp_seconds", "state", "cancelled"); math.Abs(through-float64(poisoned)) > 2 {
			t.Errorf("cancelled is covered through %v, want %d, where the second is that cannot be read", through, poisoned)
		}
		if n := f.sum(t, "gaps", "state", "expired"); n != 1 {
			t.Errorf("%v gaps of expired, want that of the entry that Kafka does not take", n)
		}

		faults.Poisoned = nil
		w.must(w.sim.SetFaults(faults))
		time.Sleep(3 * time.Hour)
		if err := p.end(); err != nil {
			t.Fatal(err)
		}
		text, f := p.scrape() // of a worker that has ended
		if n := f.sum(t, "gaps", "state", "cancelled"); n != 0 {
			t.Errorf("%v gaps of cancelled, which can be read again", n)
		}
		w.compareRequests(f)
		w.compareEvents(f)
		w.compareTransactions(f)
		w.holdsNoPeople(text, f)
	})
}

// limit sets how large records of the events' topic may be.
func (w *world) limit(bytes string) {
	w.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(brokerAddr), w.dialer())
	w.must(err)
	defer client.Close()
	results, err := kadm.NewClient(client).AlterTopicConfigs(w.Context(), []kadm.AlterConfig{{Name: "max.message.bytes", Value: &bytes}}, topic)
	w.must(err)
	for _, r := range results {
		w.must(r.Err)
	}
}

// Where nothing goes wrong and answers are short, what was told and what was known is all that the API has ever shown.
func TestAllThatWasSeenIsCounted(t *testing.T) {
	inVirtualTime(t, imochasim.Config{Seed: 6}, func(w *world) {
		const changes = 8 // answers of up to ten need no proof
		for i := range changes {
			w.must(w.sim.Add(string(account), imochasim.Change{ID: int64(i + 1), Status: "Completed", At: w.began.Add(time.Duration(i)*7*time.Minute + time.Second/2)}))
		}
		p := w.start()
		time.Sleep(3 * time.Hour)
		w.must(p.end())
		_, f := p.scrape()
		told, known := f.sum(t, "attempts_total", "outcome", "told"), f.sum(t, "attempts_total", "outcome", "known")
		if shown := float64(w.sim.Stats().Attempts); told != changes || told+known != shown || known < changes {
			t.Errorf("%v attempts were told, %v known, the API has shown %v", told, known, shown)
		}
		if f.sum(t, "requests_total", "outcome", "ok") != float64(w.sim.Stats().Requests["ok"]) || f.sum(t, "requests_total") != float64(w.sim.Requests()) {
			t.Error("other numbers of requests than the API has had")
		}
	})
}

// Two workers in one process, each with a registry, take the same account: the first one is fenced.
func TestTwoWorkers(t *testing.T) {
	inVirtualTime(t, imochasim.Config{Seed: 2}, func(w *world) {
		lives := imochasim.DefaultLives(2)
		lives.PerDay, lives.Speed = 100, 12
		w.must(w.sim.Populate(string(account), lives, w.began, w.began.Add(3*time.Hour)))
		first := w.start()
		time.Sleep(time.Hour)
		_, f := first.scrape()
		told := f.sum(t, "attempts_total", "outcome", "told")
		if ready := f.sum(t, "account_ready", "account", "default"); ready != 1 || f.sum(t, "ready") != 1 {
			t.Error("the first worker is not ready")
		}
		second := w.start()
		_, f = second.scrape()
		if f.series("front_timestamp_seconds") != nil || f.series("index_entries") != nil || f.sum(t, "account_ready") != 0 || f.sum(t, "ready") != 0 {
			t.Error("the second worker shows a front before it has one, or is ready")
		}
		time.Sleep(2 * time.Hour)
		if err := <-first.done; err == nil {
			t.Error("the first worker has ended well")
		} else {
			first.done <- nil
		}
		_, f = first.scrape()
		if f.sum(t, "fences_total", "account", "default") != 1 || f.sum(t, "transactions_total", "outcome", "fenced") != 1 || f.sum(t, "ready") != 0 {
			t.Error("the first worker was not fenced once")
		}
		if f.series("gaps") != nil || f.series("front_timestamp_seconds") == nil {
			t.Error("the worker that was fenced speaks of gaps, which may not be there any more, or not of its front")
		}
		events := float64(len(witness.Events(w.T, []string{brokerAddr}, topic, account, w.dialer())))
		_, g := second.scrape()
		if g.sum(t, "fences_total") != 0 || g.sum(t, "account_ready") != 1 {
			t.Error("the second worker was fenced, or is not ready")
		}
		one, two := f.sum(t, "attempts_total", "outcome", "told"), g.sum(t, "attempts_total", "outcome", "told")
		if one < told || told == 0 || two == 0 || one+two != events {
			t.Errorf("the workers told %v and %v, in Kafka are %v", one, two, events)
		}
		for _, state := range attempt.States() {
			age := float64(time.Now().Unix()) - g.sum(t, "front_timestamp_seconds", "state", string(state))
			if age < 30 || age > 30+300+30 {
				t.Errorf("the front of %s is %v s old: want settle delay, and poll interval at most", state, age)
			}
		}
	})
}

// An API that cuts its answers: the cap is the simulator's, and one second that holds more than that is counted.
func TestCutAnswersAreMeasured(t *testing.T) {
	const most = 30
	inVirtualTime(t, imochasim.Config{Seed: 4, Cap: most}, func(w *world) {
		crowded := w.began.Add(20 * time.Minute)
		for i := range 4 * most {
			w.must(w.sim.Add(string(account), imochasim.Change{ID: int64(1000 + i), Status: "Expired", At: crowded.Add(time.Duration(max(0, i-2*most)) * time.Second)}))
		}
		p := w.start()
		time.Sleep(40 * time.Minute)
		_, f := p.scrape()
		if got := f.sum(t, "answer_cap", "account", "default"); got != most {
			t.Errorf("the cap is %v, want %d", got, most)
		}
		if got := f.sum(t, "proven_length", "account", "default"); got > most || got < 1 {
			t.Errorf("the proven length is %v, where %d is shown at most", got, most)
		}
		if f.sum(t, "possibly_truncated_total", "state", "expired") < 1 || f.sum(t, "possibly_truncated_total", "state", "completed") != 0 {
			t.Error("the crowded second of expired was not counted as possibly cut, or something else was")
		}
		w.must(p.end())
	})
}

// Scrapes go on while a worker stops, and after that.
func TestScrapeDuringShutdown(t *testing.T) {
	inVirtualTime(t, imochasim.Config{Seed: 3, Latency: imochasim.Latency{Fixed: time.Second}}, func(w *world) {
		lives := imochasim.DefaultLives(3)
		w.must(w.sim.Populate(string(account), lives, w.began, w.began.Add(time.Hour)))
		p := w.start()
		time.Sleep(2*time.Minute + time.Second/2)
		p.cancel()
		for range 100 {
			p.scrape()
		}
		w.must(p.end())
		text, _ := p.scrape()
		if !strings.Contains(text, "attemptstream_ready 0\n") {
			t.Error("a worker that has ended is ready")
		}
	})
}
