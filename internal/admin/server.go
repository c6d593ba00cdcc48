package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"attemptstream/internal/operate/groups"
	"attemptstream/internal/worker"
)

// Config is all that a Server is made of.
type Config struct {
	Version   string
	Topic     string // of the events
	Progress  func() []worker.Progress
	Settings  Settings
	Readiness *Readiness    // nil: one of its own
	Lookback  time.Duration // 0: covered time is not read again
	// Groups are the consumer groups of the events, nil while they are not known. It answers at once. nil: they never are.
	Groups func() *groups.Report
	// List says what is wrong with the accounts file, and since when: then the list that is in force is an older one. It answers
	// at once. nil: there is no file.
	List    func() (problem string, since time.Time)
	Metrics http.Handler // nil: there are none
	// Hosts are the only names under which it may be asked for, beside those of this machine; nil: all names.
	Hosts []string
	Now   func() time.Time // nil: time.Now
}

// A Server answers requests while its Run runs; before and after that all but /events.
type Server struct {
	config  Config
	started time.Time
	rates   rates
	page    *page
	events  broadcast
	pace    pace
	mux     *http.ServeMux

	mu     sync.Mutex
	latest *Report // the last one that was made for /status
}

// New is a server of what the configuration leads to.
func New(c Config) *Server {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Readiness == nil {
		c.Readiness = NewReadiness(c.Settings)
	}
	s := &Server{config: c, started: c.Now(), page: newPage(), pace: pace{heartbeat, writeTime}, mux: http.NewServeMux()}
	s.events.listeners = map[*listener]struct{}{}
	s.mux.HandleFunc("/{$}", s.servePage)
	s.mux.HandleFunc("/healthz", s.healthz)
	s.mux.HandleFunc("/readyz", s.readyz)
	s.mux.HandleFunc("/status", s.status)
	s.mux.HandleFunc("/events", s.stream)
	if c.Metrics != nil {
		s.mux.Handle("/metrics", c.Metrics)
	}
	return s
}

// Run looks at the worker every few seconds and sends reports to open pages until ctx ends. Then it ends their connections.
func (s *Server) Run(ctx context.Context) {
	defer s.events.close()
	look := time.NewTicker(step)
	defer look.Stop()
	second := time.NewTicker(time.Second)
	defer second.Stop()
	s.look()
	for {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
			s.look()
		case <-second.C:
			s.publish()
		}
	}
}

// look takes note of how fast it is, and which fronts move.
func (s *Server) look() {
	accounts := s.config.Progress()
	s.rates.step(accounts)
	now := s.config.Now()
	for i := range accounts {
		s.config.Readiness.Of(accounts[i], now)
	}
	s.config.Readiness.keep(accounts)
}

// healthz answers as long as the process can.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) { text(w, http.StatusOK, "ok\n") }

// readyz says whether the worker makes progress, in a line for each account. An accounts file that cannot be taken is named,
// and takes nothing from those that are read: a worker that was taken out of service for it would help nobody.
func (s *Server) readyz(w http.ResponseWriter, _ *http.Request) {
	now, code := s.config.Now(), http.StatusOK
	var b strings.Builder
	for _, p := range s.config.Progress() {
		if ready, reason := s.config.Readiness.Of(p, now); ready {
			fmt.Fprintf(&b, "%s: ready\n", p.Account)
		} else {
			code = http.StatusServiceUnavailable
			fmt.Fprintf(&b, "%s: not ready: %s\n", p.Account, oneLine(reason))
		}
	}
	if b.Len() == 0 {
		code = http.StatusServiceUnavailable
		b.WriteString("not connected to Kafka yet\n")
	}
	if problem, _ := s.list(); problem != "" {
		fmt.Fprintf(&b, "(the list of accounts as it was stays in force: %s)\n", oneLine(problem))
	}
	text(w, code, b.String())
}

// list is what is wrong with the accounts file.
func (s *Server) list() (problem string, since time.Time) {
	if s.config.List == nil {
		return "", time.Time{}
	}
	return s.config.List()
}

// oneLine is text without line ends.
func oneLine(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' }), " ")
}

func text(w http.ResponseWriter, code int, body string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	_, _ = w.Write([]byte(body)) // who asked has gone away: nobody is left to tell
}

// reportAge is how old a report may be that is given out once more: many who ask cost no more than one.
const reportAge = 500 * time.Millisecond

func (s *Server) report() *Report {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.config.Now()
	if s.latest == nil || now.Sub(s.latest.At) > reportAge || now.Before(s.latest.At) {
		s.latest = s.build(now)
		s.latest.stamp()
	}
	return s.latest
}

func (s *Server) status(w http.ResponseWriter, _ *http.Request) {
	body, err := json.MarshalIndent(s.report(), "", "  ")
	if err != nil {
		http.Error(w, "the status cannot be written: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(body, '\n')) // as in text
}
