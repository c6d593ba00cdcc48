package catchup

import (
	"context"
	"slices"
	"time"

	"go.uber.org/zap"

	"attemptstream/internal/console"
	"attemptstream/internal/worker"
)

// Intervals of looking at a worker.
const (
	screenInterval = 500 * time.Millisecond
	logInterval    = 30 * time.Second
)

// A Watch shows how far a worker has come: on a screen a line while an account is behind, in the log a line for each
// account every 30 seconds and at the end.
type Watch struct {
	Progress func() []worker.Progress
	// Slack is how far behind an account may be without being called so.
	Slack  time.Duration
	Screen *console.Screen // nil: the log
	Log    *zap.Logger
	Now    func() time.Time // nil: time.Now
}

// Run watches until ctx ends.
func (w *Watch) Run(ctx context.Context) {
	interval := logInterval
	if w.Screen != nil {
		interval = screenInterval
		defer w.Screen.Show("")
	}
	now := w.Now
	if now == nil {
		now = time.Now
	}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	b := &backfill{slack: w.Slack}
	var last *Status
	for {
		select {
		case <-ctx.Done():
			if w.Screen == nil {
				w.log(now())
			}
			return
		case <-tick.C:
		}
		if w.Screen == nil {
			w.log(now())
			continue
		}
		switch s, ended := b.see(now(), w.own()); {
		case ended:
			w.Screen.Show("")
			w.Log.Info("caught up", zap.Int64("events", last.Events), zap.Duration("covered", last.Covered.Round(time.Second)))
		case s != nil:
			last = s
			w.Screen.Show(s.Line(w.Screen.Width()))
		}
	}
}

// own is the progress of the accounts that no other worker has.
func (w *Watch) own() []worker.Progress {
	return slices.DeleteFunc(w.Progress(), func(p worker.Progress) bool { return p.Standby })
}

// log writes a line for each account.
func (w *Watch) log(now time.Time) {
	for _, p := range w.own() {
		fields := []zap.Field{zap.String("account", string(p.Account))}
		if !p.Front.IsZero() {
			fields = append(fields, zap.Time("covered_through", p.Through), zap.Time("front", p.Front),
				zap.Duration("behind", max(0, now.Sub(p.Front)).Round(time.Second)))
		}
		fields = append(fields, zap.Int("gaps", p.Gaps), zap.Int("events", p.Events), zap.Int("late", p.Late), zap.Int("dead", p.Dead),
			zap.Int64("requests", p.Requests), zap.Int64("failed", p.Failed))
		if p.Problem != "" {
			fields = append(fields, zap.String("problem", p.Problem))
		}
		w.Log.Info("progress", fields...)
	}
}
