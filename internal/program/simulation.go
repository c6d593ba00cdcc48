package program

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/imochasim/ledger"
)

// A Simulation is the simulated API as a process of its own.
type Simulation struct {
	*Process
	URL string
}

// Simulate starts the simulated API, by the command at path, and waits until it answers.
func Simulate(t testing.TB, path string, within time.Duration, args ...string) *Simulation {
	t.Helper()
	p := Start(t, path, nil, append([]string{"simulate"}, args...)...)
	p.Says(within, "Ctrl-C ends it") // the last line
	first, _, _ := strings.Cut(p.Stdout(), "\n")
	return &Simulation{p, first}
}

// answerTime bounds what the simulation may take to answer for itself; a ledger can be long, and the machine busy.
const answerTime = 3 * time.Minute

// Ask asks for what the simulation has beside the API, and hands the answer to read unless that is nil. The answer has to
// have the status want. The process must not stand still.
func (s *Simulation) Ask(method, path string, want int, read func(io.Reader) error) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), answerTime)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, s.URL+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatalf("%v; the log of %s ends:\n%s", err, s.name, s.Tail())
	}
	defer res.Body.Close()
	if res.StatusCode != want {
		body, _ := io.ReadAll(res.Body) // for the message
		s.t.Fatalf("%s %s: %s %s", method, path, res.Status, body)
	}
	if read != nil {
		if err := read(res.Body); err != nil {
			s.t.Fatalf("%s %s: %v", method, path, err)
		}
	}
}

// Ledger is what has happened in an account by now.
func (s *Simulation) Ledger(name attempt.Account) (entries []ledger.Entry) {
	s.t.Helper()
	s.Ask(http.MethodGet, "/ledger?account="+url.QueryEscape(string(name)), http.StatusOK, func(body io.Reader) (err error) {
		entries, err = ledger.Read(body)
		return err
	})
	return entries
}
