//go:build linux

package bench_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"attemptstream/internal/attempt"
)

// A stream is what an account's invitations go through for ever: an attempt after each spacing, from start on, in past and
// future. Nothing is kept of them, so there can be any number.
type stream struct {
	first   int64 // id
	start   time.Time
	spacing time.Duration
}

// Keys of the streams. A live one has a number.
const (
	liveKey = "live-"
	longKey = "long"
)

// Ids of the streams lie apart.
const (
	liveIDs = 1_000_000_000 // for each live one
	longIDs = 1_000_000_000_000
)

// streamOf is that of the account with the key.
func streamOf(key string, live stream, long stream) (s stream, ok bool) {
	if key == longKey {
		return long, true
	}
	number, found := strings.CutPrefix(key, liveKey)
	n, err := strconv.ParseInt(number, 10, 32)
	if !found || err != nil {
		return stream{}, false
	}
	live.first = (1 + n) * liveIDs
	return live, true
}

// between calls each for the attempts of a state in a window, whose ends both count, as far as they have happened.
func (s stream) between(state attempt.State, w attempt.Window, now time.Time, each func(i int64)) {
	index := func(t time.Time) int64 { return int64((t.Sub(s.start) + s.spacing - 1) / s.spacing) } // of the first at or after t
	until := w.End.Time().Add(time.Second)
	if until.After(now) {
		until = now
	}
	for i := max(0, index(w.Start.Time())); i < index(until); i++ {
		if stateOf(i) == state {
			each(i)
		}
	}
}

func stateOf(i int64) attempt.State {
	switch i % 10 {
	case 3, 6:
		return attempt.Expired
	case 9:
		return attempt.Cancelled
	}
	return attempt.Completed
}

// A liveAPI answers with attempts that happen while it answers, and remembers when it showed each of the live ones first.
type liveAPI struct {
	live, long stream
	people     [][]byte // what follows the id in an entry, without the status

	mu    sync.Mutex
	shown map[int64]time.Time
}

func newLiveAPI(live, long stream) *liveAPI {
	a := &liveAPI{live: live, long: long, shown: map[int64]time.Time{}}
	h := history{attempts: shuffled, start: live.start, end: live.start.Add(time.Hour)}
	for entry := range strings.SplitSeq(string(h.render()[attempt.Completed].text), ",{\"testInvitationId\":") {
		if _, rest, ok := strings.Cut(entry, ","); ok {
			rest, _, _ = strings.Cut(rest, `"testStatus"`)
			a.people = append(a.people, []byte(rest))
		}
	}
	return a
}

// ServeHTTP takes the time of an answer before its last bytes leave, so that no answer can be used before its time.
func (a *liveAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/shown" {
		a.tell(w)
		return
	}
	var window struct {
		Start attempt.Instant `json:"StartDateTime"`
		End   attempt.Instant `json:"EndDateTime"`
	}
	state := attempt.State(r.URL.Query().Get("state"))
	s, ok := streamOf(r.Header.Get("X-API-KEY"), a.live, a.long)
	if err := json.NewDecoder(r.Body).Decode(&window); err != nil || !ok {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	status := map[attempt.State]string{attempt.Completed: "Completed", attempt.Expired: "Expired", attempt.Cancelled: "Cancelled"}[state]
	text := []byte(`{"result":{"testAttempts":[`)
	var ids []int64
	s.between(state, attempt.Window(window), time.Now(), func(i int64) {
		if text[len(text)-1] == '}' {
			text = append(text, ',')
		}
		text = strconv.AppendInt(append(text, `{"testInvitationId":`...), s.first+i, 10)
		text = append(append(text, ','), a.people[i%int64(len(a.people))]...)
		text = append(append(append(text, `"testStatus":"`...), status...), `"}`...)
		if s.first < longIDs {
			ids = append(ids, s.first+i)
		}
	})
	text = append(text, `]},"errors":null}`...)
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	last := len(text) - 1
	_, _ = w.Write(text[:last])
	sent := time.Now()
	_, _ = w.Write(text[last:])
	_ = http.NewResponseController(w).Flush()

	a.mu.Lock()
	defer a.mu.Unlock()
	for _, id := range ids {
		if a.shown[id].IsZero() {
			a.shown[id] = sent
		}
	}
}

// tell writes when what was shown first, a line for each attempt.
func (a *liveAPI) tell(w http.ResponseWriter) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for id, at := range a.shown {
		fmt.Fprintln(w, id, at.UnixNano())
	}
}

// serveLive answers the API's requests until the process ends.
func serveLive(args []string) (addr string, err error) {
	var live, long stream
	for s, text := range map[*stream]string{&live: args[0], &long: args[1]} {
		at, spacing, _ := strings.Cut(text, "/")
		if s.start, err = time.Parse(time.RFC3339, at); err != nil {
			return "", err
		}
		if s.spacing, err = time.ParseDuration(spacing); err != nil {
			return "", err
		}
	}
	long.first = longIDs
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	go http.Serve(listener, newLiveAPI(live, long)) //nolint:gosec // for a benchmark
	return listener.Addr().String(), nil
}

// startLiveAPI serves streams from a process of its own and returns its URL.
func startLiveAPI(b testing.TB, live, long stream) string {
	b.Helper()
	text := func(s stream) string { return s.start.Format(time.RFC3339) + "/" + s.spacing.String() }
	return "http://" + start(b, "live", text(live), text(long))
}

// shownAt are the times at which an API's answers had been sent that first showed an attempt.
func shownAt(b testing.TB, api string) map[int64]time.Time {
	b.Helper()
	res, err := http.Get(api + "/shown") //nolint:gosec // its own process
	if err != nil {
		b.Fatal(err)
	}
	defer res.Body.Close()
	shown := map[int64]time.Time{}
	for {
		var id, nanos int64
		if _, err := fmt.Fscanln(res.Body, &id, &nanos); err != nil {
			return shown
		}
		shown[id] = time.Unix(0, nanos)
	}
}
