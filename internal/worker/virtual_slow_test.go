package worker_test

import (
	"context"
	"testing"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/imocha"
	"attemptstream/internal/imochasim"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/worker"
)

// A slowForNew is an API that takes its time for the youngest window of a poll.
type slowForNew struct {
	worker.API
	settle, takes time.Duration
}

func (s slowForNew) Attempts(ctx context.Context, state attempt.State, w attempt.Window, each func(*imocha.Entry) error) error {
	if time.Since(w.End.Time()) < s.settle+5*time.Second {
		select {
		case <-time.After(s.takes):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return s.API.Attempts(ctx, state, w, each)
}

// What has been read is not held up by the answers for the windows after it, however long these take.
func TestVirtualToldBesideSlowAnswer(t *testing.T) {
	inVirtualTime(t, imochasim.Config{Seed: 31}, func(w *virtualWorld) {
		w.schedule.WindowMax = 11 * time.Second // a poll is three windows
		w.populate(account, liveLives(31), 3*time.Hour)
		client := w.kafkaClient(nil)
		defer client.Close()
		next := make([]int64, w.layout.Events.Partitions)
		longest, n := time.Duration(0), 0
		p := w.start(func(c *worker.Config) {
			c.Accounts[0].API = slowForNew{c.Accounts[0].API, w.schedule.SettleDelay, 20 * time.Second}
			c.Committed = func(worker.Commit) {
				for p := range next {
					var err error
					next[p], err = client.ReadCommitted(w.Context(), w.layout.Events.Name, p, next[p], func(r kafkatx.Record) error {
						longest, n = max(longest, time.Since(r.Time)), n+1
						return nil
					})
					if err != nil {
						w.Error(err)
					}
				}
			}
		})
		time.Sleep(w.until(2 * time.Hour))
		p.stop()
		w.verify(account, w.scope(p.progressOf(account), time.Now()))
		if longest > 2*time.Second || n < 50 { // some of it is the rate limit
			t.Errorf("the longest time from an answer to its commit was %s, of %d events; want less than 2s", longest, n)
		}
	})
}
