package worker_test

import (
	"context"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"attemptstream/internal/imocha"
	"attemptstream/internal/imochasim"
	"attemptstream/internal/worker"
)

// A shutter sees how long transactions are open, in which consumers can read nothing that others write, and in how many
// requests they are written.
type shutter struct {
	kafka.RoundTripper
	onProduce func(nth int) // in the transaction; nil: nobody cares

	mu      sync.Mutex
	since   time.Time // zero: none is open
	pieces  int       // of the one that is open
	longest time.Duration
	most    int      // pieces
	ends    []string // how they ended
}

// over wraps a transport.
func (s *shutter) over(next kafka.RoundTripper) kafka.RoundTripper {
	s.RoundTripper = next
	return s
}

// CloseIdleConnections is how stale metadata is dropped.
func (s *shutter) CloseIdleConnections() {
	s.RoundTripper.(interface{ CloseIdleConnections() }).CloseIdleConnections()
}

func (s *shutter) RoundTrip(ctx context.Context, addr net.Addr, req kafka.Request) (kafka.Response, error) {
	kind := kindOf(req)
	response, err := s.RoundTripper.RoundTrip(ctx, addr, req)
	s.mu.Lock()
	nth, tell := 0, s.onProduce
	switch kind {
	case requestAdd:
		if s.since.IsZero() {
			s.since = time.Now()
		}
	case requestProduce:
		s.pieces++
		nth = s.pieces
	case requestCommit, "EndTxn(abort)":
		s.longest, s.most, s.ends = max(s.longest, time.Since(s.since)), max(s.most, s.pieces), append(s.ends, kind)
		s.since, s.pieces = time.Time{}, 0
	}
	s.mu.Unlock()
	if nth > 0 && tell != nil {
		tell(nth)
	}
	return response, err
}

// openFor is how long the transaction has been open that is; 0: none is.
func (s *shutter) openFor() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.since.IsZero() {
		return 0
	}
	return time.Since(s.since)
}

// sideBySide has all windows of a day asked for at once, without a limit.
func (w *virtualWorld) sideBySide(c *worker.Config) {
	c.Concurrency = 40
	transport := &http.Transport{DialContext: w.net.DialContext, MaxIdleConnsPerHost: c.Concurrency}
	api, err := imocha.New(imocha.Config{BaseURL: "http://" + virtualAPI, Account: account, Key: imocha.StaticKey("key"),
		RequestTimeout: 30 * time.Second, RateLimit: 1e6, Concurrency: c.Concurrency, Transport: transport})
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(transport.CloseIdleConnections)
	c.Accounts = []worker.Account{{Name: account, API: api}}
}

// What has been written ahead of a commit does not stay open while the API is asked for something, however slow it is: here
// for which of two windows a come-back lies in, and which of two statuses in a second came first.
func TestVirtualNothingStaysOpen(t *testing.T) {
	const slow = 10 * time.Second
	inVirtualTime(t, imochasim.Config{Latency: imochasim.Latency{Fixed: slow}, Seed: 3}, func(w *virtualWorld) {
		w.schedule.WindowMax, w.schedule.PollInterval, w.piece = 10*time.Minute, 10*time.Minute, 1
		w.populate(account, quietLives(11), 4*time.Hour)
		var changes []imochasim.Change
		for i := range 12 {
			id, at := int64(100+i), w.began.Add(time.Duration(3+13*i)*time.Minute)
			changes = append(changes, imochasim.Change{ID: id, Status: "Expired", At: at},
				imochasim.Change{ID: id, Status: "Completed", At: at.Add(20 * time.Minute)},
				imochasim.Change{ID: id, Status: "Expired", At: at.Add(41 * time.Minute)})
			together := at.Add(7 * time.Minute)
			changes = append(changes, imochasim.Change{ID: 200 + id, Status: "Cancelled", At: together},
				imochasim.Change{ID: 200 + id, Status: "Completed", At: together.Add(400 * time.Millisecond)})
		}
		if err := w.sim.Add(string(account), changes...); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Hour)
		s := &shutter{}
		w.kafka = s.over
		p := w.runFor(3*time.Hour, w.sideBySide)
		cameBack := 0
		for _, e := range w.verify(account, w.scope(p.progressOf(account), time.Now().Add(-40*time.Minute))) {
			if e.ID < 200 && strings.Contains(e.EventID, "@") {
				cameBack++
			}
		}
		if cameBack != 12 {
			t.Errorf("%d come-backs, want 12", cameBack)
		}
		if s.most < 3 {
			t.Errorf("no transaction was written in more than %d pieces: this shows little", s.most)
		}
		if s.longest > time.Second {
			t.Errorf("a transaction was open for %s", s.longest)
		}
		if slices.Contains(s.ends, "EndTxn(abort)") {
			t.Errorf("transactions were given up: %q", s.ends)
		}
	})
}

// A worker that ends, or whose account is taken from it, gives up at once what it has written of a transaction that is not at
// its end: others need not wait for the transaction timeout. The next one tells it.
func TestVirtualWrittenAheadAtTheEnd(t *testing.T) {
	for name, test := range map[string]struct {
		latency time.Duration // of the API
		sooner  bool          // before the worker knows that a piece is written
	}{
		"while the next piece waits for this one": {sooner: true},
		"while nothing is on its way":             {latency: 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			inVirtualTime(t, imochasim.Config{Seed: 4, Latency: imochasim.Latency{Fixed: test.latency}}, func(w *virtualWorld) {
				w.schedule.WindowMax, w.schedule.PollInterval, w.piece = 10*time.Minute, 10*time.Minute, 1
				w.populate(account, quietLives(12), 4*time.Hour)
				time.Sleep(5 * time.Hour)
				stop, end := make(chan struct{}), make(chan func(), 1)
				s := &shutter{}
				if test.sooner {
					s.onProduce = func(nth int) {
						if nth == 2 {
							time.Sleep(time.Millisecond) // until all that can be is on its way
							(<-end)()
							close(stop)
						}
					}
				}
				w.kafka = s.over
				p := w.start(w.sideBySide)
				end <- p.cancel
				if test.sooner {
					<-stop
				} else { // until a transaction waits for more, which is not there within its patience
					for s.openFor() < 100*time.Millisecond && time.Since(w.began) < 6*time.Hour {
						time.Sleep(20 * time.Millisecond)
					}
				}
				began := time.Now()
				p.stop()
				if took := time.Since(began); took > 10*time.Second {
					t.Errorf("the worker took %s to end", took)
				}
				if len(s.ends) == 0 || s.ends[len(s.ends)-1] != "EndTxn(abort)" || !s.since.IsZero() {
					t.Errorf("transactions ended %q, and one has been open since %s", s.ends, s.since)
				}
				w.kafka = nil
				p = w.runFor(3 * time.Hour)
				w.verify(account, w.scope(p.progressOf(account), time.Now().Add(-40*time.Minute)))
			})
		})
	}
}
