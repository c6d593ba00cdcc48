package audit_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"attemptstream/internal/attempt"
	"attemptstream/internal/brokertest"
	"attemptstream/internal/imocha"
	"attemptstream/internal/imochasim"
	"attemptstream/internal/operate/audit"
)

// An acting API does something once, at the n-th request.
type acting struct {
	audit.API
	mu  sync.Mutex
	n   int
	act func(n int, state attempt.State, w attempt.Window)
}

func (a *acting) Attempts(ctx context.Context, state attempt.State, w attempt.Window, each func(*imocha.Entry) error) error {
	a.mu.Lock()
	a.n++
	n := a.n
	a.mu.Unlock()
	a.act(n, state, w)
	return a.API.Attempts(ctx, state, w, each)
}

// What changes while an audit runs is not missing: what is told meanwhile, what was told long before, and what is not shown
// any more.
func TestChangesMeanwhile(t *testing.T) {
	brokertest.OnBoth(t, func(t *testing.T, brokers []string) {
		end := ago(time.Hour)
		start := end.Add(-12 * time.Hour)
		w := newWorld(t, brokers, imochasim.Config{Current: true}, start, end)
		add := func(id int64, status attempt.Status, at time.Time) {
			t.Helper()
			if err := w.sim.Add(string(account), imochasim.Change{ID: id, Status: status, At: at}); err != nil {
				t.Fatal(err)
			}
		}
		for i := range int64(720) {
			add(i+1, "Completed", start.Add(time.Duration(i)*time.Minute))
		}
		w.tell()
		// 1001 expires again with nothing but Pending in between: told at its first time, and shown at the second one alone.
		// Its first event lies before what an audit of the second time reads.
		old := w.records(w.topic)[0]
		first := *old
		first.Timestamp = start
		first.Key = []byte("1001")
		first.Value = []byte(strings.NewReplacer(
			fmt.Sprintf(":%d:Completed", parse(t, old).Attempt.TestInvitationID), ":1001:Expired",
			`"state":"completed"`, `"state":"expired"`, `"testStatus":"Completed"`, `"testStatus":"Expired"`,
			fmt.Sprintf(`"testInvitationId":%d`, parse(t, old).Attempt.TestInvitationID), `"testInvitationId":1001`,
		).Replace(string(old.Value)))
		c := w.copy(func(records []*kgo.Record) []*kgo.Record {
			for _, r := range records { // as if they had been told as they happened
				r.Timestamp = parse(t, r).Window.End.Time()
			}
			return append([]*kgo.Record{&first}, records...)
		})
		add(1001, "Expired", end.Add(-10*time.Minute))
		add(1002, "Expired", end.Add(-10*time.Minute)) // sent again while the audit runs
		add(1003, "Expired", end.Add(-10*time.Minute)) // told while the audit runs
		add(1004, "Expired", end.Add(-10*time.Minute)) // missing
		of := func(id int64) *kgo.Record {
			r := first
			r.Timestamp = time.Now()
			r.Key = fmt.Append(nil, id)
			r.Value = bytes.ReplaceAll(first.Value, []byte("1001"), fmt.Append(nil, id))
			return &r
		}
		var once sync.Once
		asked := map[attempt.Window]int{}
		f := c.audit(w.schedule.Stop-7200, w.schedule.Stop, func(cfg *audit.Config) {
			api := &acting{API: cfg.Accounts[0].API}
			var mu sync.Mutex
			api.act = func(_ int, state attempt.State, window attempt.Window) {
				mu.Lock()
				defer mu.Unlock()
				if asked[window]++; state != attempt.Expired || asked[window] < 4 { // three states ask for it in the first round
					return
				}
				once.Do(func() {
					add(1002, "Pending", end.Add(-5*time.Minute))
					c.write(c.topic, kgo.TryCommit, of(1003))
				})
			}
			cfg.Accounts[0].API = api
		})
		f.wants(t, audit.Missing, "1004:Expired")
		if f.Totals.Missing != 1 || f.Totals.Shown != f.Totals.Told+1 {
			t.Errorf("the report:\n%s", f.table)
		}
		c.write(c.topic, kgo.TryCommit, of(1004))
		f = c.audit(w.schedule.Stop-7200, w.schedule.Stop)
		f.clean(t)
		if f.Totals.Told != 120+3 {
			t.Errorf("%d told, want those of two hours and three:\n%s", f.Totals.Told, f.table)
		}
		// What is not shown any more is told of, and is no fault.
		add(450, "Cancelled", end.Add(2*time.Minute))
		c.write(c.topic, kgo.TryCommit, of(2000))
		f = c.audit(w.schedule.Start, w.schedule.Stop, func(cfg *audit.Config) {
			cfg.Accounts[0].API = &acting{API: cfg.Accounts[0].API, act: func(n int, _ attempt.State, _ attempt.Window) {
				if n == 1 { // as if it had become visible, and been told, after its window was read
					c.write(c.topic, kgo.TryCommit, of(2001))
				}
			}}
		})
		f.wants(t, audit.NotShown, "450:Completed", "2000:Expired")
		f.clean(t)
	})
}
