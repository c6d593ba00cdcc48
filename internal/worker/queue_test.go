package worker

import (
	"context"
	"testing"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/gate"
	"attemptstream/internal/imocha"
	"attemptstream/internal/schedule"
)

// Where accounts have much under way together, each reads one span; where there is room, enough for all of its requests.
func TestSpansUnderWay(t *testing.T) {
	t.Parallel()
	const concurrency = 4 // of three states: two spans, and one to be judged
	settings := schedule.Settings{States: attempt.States(), PollInterval: time.Second, WindowMax: time.Hour, WindowAttempts: 1000}
	w := &Worker{Config: Config{Concurrency: concurrency, Schedule: settings, Now: time.Now}, spans: gate.New(concurrency, time.Hour)}
	s := &session{account: &account{worker: w, stats: newStats("a", time.Now)}}
	s.reader.Now = time.Now
	s.reader.Request = func(ctx context.Context, _ attempt.State, _ attempt.Window, begin func() func(*imocha.Entry) error) error {
		begin()
		<-ctx.Done()
		return ctx.Err()
	}
	run := schedule.NewPlanner(settings, schedule.NewCheckpoint("a"), time.Now()).Begin(time.Now())
	if run == nil || len(run.States) != 3 {
		t.Fatalf("there is %+v to do", run)
	}
	var others []func()
	for range concurrency {
		leave, _ := w.spans.TryEnter()
		others = append(others, leave)
	}
	q := s.newQueue(t.Context(), run)
	q.fill()
	if n := len(q.spans); n != 1 {
		t.Errorf("%d spans are under way though others have all the room, want 1", n)
	}
	others[0]()
	q.fill()
	if n := len(q.spans); n != 2 {
		t.Errorf("%d spans are under way with room for one more, want 2", n)
	}
	others[1]()
	others[2]()
	q.fill()
	if n := len(q.spans); n != 3 {
		t.Errorf("%d spans are under way with room for many, want 3", n)
	}
	q.close()
	room := 0
	for range 2 * concurrency {
		if _, ok := w.spans.TryEnter(); ok {
			room++
		}
	}
	if room != concurrency-1 {
		t.Errorf("there is room for %d when all but one of the others have ended, want %d", room, concurrency-1)
	}
}
