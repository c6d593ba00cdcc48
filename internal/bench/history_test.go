//go:build linux

package bench_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	"attemptstream/internal/attempt"
)

// A history is what an account's invitations went through: so many attempts, spread evenly over time.
type history struct {
	attempts   int
	start, end time.Time
}

// historyOf is one that ends an hour ago, with an attempt every four seconds.
func historyOf(attempts int) history {
	end := time.Now().Add(-time.Hour).Truncate(time.Second)
	return history{attempts: attempts, start: end.Add(-time.Duration(attempts) * 4 * time.Second), end: end}
}

func (h history) args() []string {
	return []string{strconv.Itoa(h.attempts), h.start.Format(time.RFC3339), h.end.Format(time.RFC3339)}
}

func parseHistory(args []string) (h history, err error) {
	if len(args) != 3 {
		return h, fmt.Errorf("%d arguments: want attempts, start and end", len(args))
	}
	if h.attempts, err = strconv.Atoi(args[0]); err != nil {
		return h, err
	}
	if h.start, err = time.Parse(time.RFC3339, args[1]); err != nil {
		return h, err
	}
	h.end, err = time.Parse(time.RFC3339, args[2])
	return h, err
}

// startAPI serves a history from a process of its own and returns its URL.
func startAPI(b testing.TB, h history) string {
	b.Helper()
	return "http://" + start(b, "api", h.args()...)
}

// A stateHistory is the entries of one state in order, as text with a comma before each.
type stateHistory struct {
	at   []attempt.Instant
	ends []int // in text
	text []byte
}

// Ids are given out when invitations are sent, and attempts end in another order: within so many they are shuffled.
const shuffled = 1 << 14

// render writes all entries: of ten attempts seven are completed, two expired, one cancelled.
func (h history) render() map[attempt.State]*stateHistory {
	const firstID = 2_655_161
	states := map[attempt.State]*stateHistory{attempt.Completed: {}, attempt.Expired: {}, attempt.Cancelled: {}}
	random := rand.New(rand.NewPCG(1, 2))
	order := random.Perm(shuffled)
	for i := range h.attempts {
		state, status := attempt.Completed, "Completed"
		switch i % 10 {
		case 3, 6:
			state, status = attempt.Expired, "Expired"
		case 9:
			state, status = attempt.Cancelled, "Cancelled"
		case 5:
			status = "Testleft"
		}
		first, last := word(random), word(random)
		s := states[state]
		s.text = fmt.Appendf(s.text, `,{"testInvitationId":%d,"testId":%d,"name":"%c%s %c%s","email":"%s.%s@example.com","invitationtype":"api","testStatus":"%s"}`,
			firstID+i-i%shuffled+order[i%shuffled], 292_930+random.IntN(40), first[0]-'a'+'A', first[1:], last[0]-'a'+'A', last[1:], first, last, status)
		s.at = append(s.at, attempt.InstantOf(h.start.Add(h.end.Sub(h.start)/time.Duration(h.attempts)*time.Duration(i))))
		s.ends = append(s.ends, len(s.text))
	}
	return states
}

func word(random *rand.Rand) string {
	syllables := []string{"an", "bel", "cor", "da", "el", "fi", "gra", "ho", "is", "jo", "ka", "lu", "ma", "ni", "ol", "per"}
	w := ""
	for range 2 + random.IntN(2) {
		w += syllables[random.IntN(len(syllables))]
	}
	return w
}

// between is the text of the entries in a window, whose ends both count.
func (s *stateHistory) between(w attempt.Window) []byte {
	i, _ := slices.BinarySearch(s.at, w.Start)
	j, _ := slices.BinarySearch(s.at, w.End+1)
	if i == j {
		return nil
	}
	from := 1 // after the comma
	if i > 0 {
		from += s.ends[i-1]
	}
	return s.text[from:s.ends[j-1]]
}

// serve answers the API's requests until the process ends.
func (h history) serve() (addr string, err error) {
	states := h.render()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	go http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { //nolint:gosec // for a benchmark
		var window struct {
			Start attempt.Instant `json:"StartDateTime"`
			End   attempt.Instant `json:"EndDateTime"`
		}
		s := states[attempt.State(r.URL.Query().Get("state"))]
		if err := json.NewDecoder(r.Body).Decode(&window); err != nil || s == nil {
			http.Error(w, "bad request", http.StatusBadRequest)
			return
		}
		const before, after = `{"result":{"testAttempts":[`, `]},"errors":null}`
		text := s.between(attempt.Window(window))
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.Header().Set("Content-Length", strconv.Itoa(len(before)+len(text)+len(after)))
		_, _ = w.Write([]byte(before))
		_, _ = w.Write(text)
		_, _ = w.Write([]byte(after))
	}))
	return listener.Addr().String(), nil
}
