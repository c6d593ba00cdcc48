package catchup

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"attemptstream/internal/console"
	"attemptstream/internal/console/consoletest"
	"attemptstream/internal/worker"
)

// run watches for a time and returns what was logged.
func run(t *testing.T, w *Watch, d time.Duration) *observer.ObservedLogs {
	t.Helper()
	core, logs := observer.New(zap.InfoLevel)
	w.Log = zap.New(core)
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	w.Run(ctx)
	return logs
}

func TestLogEveryHalfMinute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		front := time.Now().Add(-time.Hour)
		w := &Watch{Progress: func() []worker.Progress {
			return []worker.Progress{{Account: "new"}, {
				Account: "a", Front: front, Through: front.Add(-time.Minute), Gaps: 1,
				Counts: worker.Counts{Events: 10, Late: 2, Dead: 3}, Requests: 20, Failed: 4, Problem: "the key is refused",
			}}
		}}
		logs := run(t, w, 95*time.Second)
		if logs.Len() != 2*4 {
			t.Fatalf("%d lines, want one for each of two accounts at 30, 60 and 90 s and at the end", logs.Len())
		}
		first := logs.All()[1].ContextMap()
		want := map[string]any{"account": "a", "covered_through": front.Add(-time.Minute), "front": front, "behind": time.Hour + 30*time.Second,
			"gaps": int64(1), "events": int64(10), "late": int64(2), "dead": int64(3), "requests": int64(20), "failed": int64(4),
			"problem": "the key is refused"}
		for name, value := range want {
			if at, ok := value.(time.Time); ok && at.Equal(first[name].(time.Time)) {
				continue
			}
			if first[name] != value {
				t.Errorf("%s: %v, want %v", name, first[name], value)
			}
		}
		if len(first) != len(want) {
			t.Errorf("%v", first)
		}
		for _, name := range []string{"covered_through", "front", "behind", "problem"} {
			if v, ok := logs.All()[0].ContextMap()[name]; ok {
				t.Errorf("an account that was not taken over and has no problem: %s is %v", name, v)
			}
		}
	})
}

func TestLineWhileBehind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		term := &consoletest.Terminal{}
		// It reads an hour of time a second, from ten hours ago, and is there after ten seconds and a bit.
		w := &Watch{Slack: 4 * time.Minute, Screen: console.NewScreen(term, func() int { return 80 }), Progress: func() []worker.Progress {
			now := time.Now()
			front := begin.Add(-10*time.Hour + time.Duration(now.Sub(begin).Seconds()*float64(time.Hour)))
			if front.After(now) {
				front = now
			}
			return []worker.Progress{at("a", front, int(now.Sub(begin)/time.Millisecond))}
		}}
		ended := make(chan *observer.ObservedLogs)
		go func() { ended <- run(t, w, 20*time.Second) }()
		time.Sleep(5*time.Second + 100*time.Millisecond)
		synctest.Wait()
		if got, want := term.String(), "4h 30m of 9h 30m, 4,500 events, 1,000/s, 5s to go"; !strings.Contains(got, want) {
			t.Errorf("on the terminal: %q, want %q", got, want)
		}
		logs := <-ended
		if got := term.String(); got != "" {
			t.Errorf("left on the terminal: %q", got)
		}
		if logs.Len() != 1 || logs.All()[0].Message != "caught up" {
			t.Errorf("%v, want one line that says that it has caught up", logs.All())
		}
	})
}

func TestNoLineIsLeftBehind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		term := &consoletest.Terminal{}
		w := &Watch{Screen: console.NewScreen(term, func() int { return 80 }), Progress: func() []worker.Progress {
			return []worker.Progress{at("a", time.Now().Add(-time.Hour), 1)}
		}}
		if run(t, w, 3*time.Second); term.Writes() < 3 || term.String() != "" {
			t.Errorf("%d writes, and in the end %q", term.Writes(), term.String())
		}
	})
}
