package metrics_test

import (
	"testing"
	"time"

	"attemptstream/internal/imochasim"
	"attemptstream/internal/operate/replay"
	"attemptstream/internal/witness"
)

// Of two replays one runs and one waits, then none is left, and their events are those in the topic.
func TestReplaysAreMeasured(t *testing.T) {
	inVirtualTime(t, imochasim.Config{Seed: 5, Latency: imochasim.Latency{Fixed: 10 * time.Second}}, func(w *world) {
		lives := imochasim.DefaultLives(5)
		lives.PerDay, lives.Speed = 100, 12
		w.must(w.sim.Populate(string(account), lives, w.began, w.began.Add(2*time.Hour)))
		p := w.start()
		time.Sleep(2*time.Hour + time.Minute)
		for range 2 {
			board, err := replay.Look(w.Context(), p.kafka, w.layout, "")
			w.must(err)
			requests, err := board.Requests(replay.Wish{From: w.schedule.Start, To: w.schedule.Start.Add(time.Hour)}, time.Now())
			w.must(err)
			w.must(board.Ask(w.Context(), p.kafka.Kafka(), requests...))
			time.Sleep(time.Second) // replays have their second in their names
		}
		// Both are known when the account comes to them, between two polls that take 10 s each.
		running, waiting := 0., 0.
		for range 60 {
			_, f := p.scrape()
			running, waiting = f.sum(t, "replays", "account", "default", "status", "running"), f.sum(t, "replays", "account", "default", "status", "waiting")
			if running+waiting == 2 {
				break
			}
			time.Sleep(time.Second)
		}
		if running != 1 || waiting != 1 {
			t.Errorf("%v replays run and %v wait, want one each", running, waiting)
		}
		time.Sleep(2 * time.Hour)
		w.must(p.end())
		_, f := p.scrape()
		if f.sum(t, "replays") != 0 {
			t.Error("a replay has not ended")
		}
		replayed := 0.0
		for _, e := range witness.Events(w.T, []string{brokerAddr}, topic, account, w.dialer()) {
			if e.ReplayID != "" {
				replayed++
			}
		}
		if got := f.sum(t, "replayed_events_total", "account", "default"); got != replayed || got < 10 {
			t.Errorf("%v events were replayed, in the topic are %v", got, replayed)
		}
	})
}
