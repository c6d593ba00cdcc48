package imochasim_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"attemptstream/internal/attempt"
	"attemptstream/internal/imochasim"
)

// epoch is a round second from which the tests count.
var epoch = time.Date(2026, 11, 23, 21, 0, 0, 0, time.UTC)

func at(seconds float64) time.Time { return epoch.Add(time.Duration(seconds * float64(time.Second))) }

// A clock that tests set.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = t
}

func newSimulator(t interface {
	Helper()
	Fatal(...any)
}, c imochasim.Config) *imochasim.Simulator {
	t.Helper()
	if c.Now == nil {
		c.Now = (&clock{now: epoch.Add(24 * time.Hour)}).Now
	}
	s, err := imochasim.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func body(start, end time.Time) string {
	return fmt.Sprintf(`{"StartDateTime":%q,"EndDateTime":%q}`, start.UTC().Format(time.RFC3339), end.UTC().Format(time.RFC3339))
}

func request(state attempt.State, start, end time.Time) *http.Request {
	r := httptest.NewRequest(http.MethodPost, imochasim.Path+"?state="+string(state), strings.NewReader(body(start, end)))
	r.Header.Set("X-API-KEY", "key")
	r.Header.Set("Content-Type", "application/json")
	return r
}

// ask is the entries of an answer, which must be a good one.
func ask(t interface{ Fatalf(string, ...any) }, s http.Handler, state attempt.State, start, end time.Time) []json.RawMessage {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, request(state, start, end))
	var answer struct {
		Result struct{ TestAttempts []json.RawMessage }
		Errors any
	}
	text, _ := io.ReadAll(w.Body)
	if err := json.Unmarshal(text, &answer); err != nil || w.Code != http.StatusOK || answer.Errors != nil || answer.Result.TestAttempts == nil {
		t.Fatalf("status %d, error %v, answer %s", w.Code, err, text)
	}
	return answer.Result.TestAttempts
}

func idsOf(t interface{ Fatalf(string, ...any) }, entries []json.RawMessage) []int64 {
	ids := []int64{}
	for _, e := range entries {
		var entry struct{ TestInvitationID int64 }
		if err := json.Unmarshal(e, &entry); err != nil {
			t.Fatalf("%v in %s", err, e)
		}
		ids = append(ids, entry.TestInvitationID)
	}
	return ids
}

func add(t interface{ Fatal(...any) }, s *imochasim.Simulator, changes ...imochasim.Change) {
	if err := s.Add("default", changes...); err != nil {
		t.Fatal(err)
	}
}

func TestBoundaries(t *testing.T) {
	t.Parallel()
	// Invitation n completes at 10, 10.5, 11, …: 1 at the start of the window, 5 at its end.
	var changes []imochasim.Change
	for n := range 7 {
		changes = append(changes, imochasim.Change{ID: int64(n), Status: "Completed", At: at(9.5 + float64(n)/2)})
	}
	for boundary, want := range map[imochasim.Boundary][]int64{
		imochasim.Inclusive:      {1, 2, 3, 4, 5},
		imochasim.ExclusiveEnd:   {1, 2, 3, 4},
		imochasim.ExclusiveStart: {2, 3, 4, 5},
		imochasim.Exclusive:      {2, 3, 4},
	} {
		s := newSimulator(t, imochasim.Config{Boundary: boundary})
		add(t, s, changes...)
		if got := idsOf(t, ask(t, s, attempt.Completed, at(10), at(12))); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", boundary, got, want)
		}
		point := idsOf(t, ask(t, s, attempt.Completed, at(10), at(10)))
		if boundary == imochasim.Inclusive && !slices.Equal(point, []int64{1}) || boundary != imochasim.Inclusive && len(point) != 0 {
			t.Errorf("%s: a window of no length has %v", boundary, point)
		}
	}
}

// Whatever was added in whatever order, an answer is what a simple filter finds.
func TestAnswersAreWhatAFilterFinds(t *testing.T) {
	t.Parallel()
	statuses := []attempt.Status{"Completed", "Testleft", "Cancelled", "Expired", "Pending", "Evaluated"}
	stateOf := map[attempt.Status]attempt.State{"Completed": attempt.Completed, "Testleft": attempt.Completed,
		"Cancelled": attempt.Cancelled, "Expired": attempt.Expired, "Evaluated": attempt.Completed}
	rapid.Check(t, func(t *rapid.T) {
		boundary := rapid.SampledFrom(imochasim.Boundaries()).Draw(t, "boundary")
		now := &clock{now: epoch}
		s := newSimulator(t, imochasim.Config{Boundary: boundary, Now: now.Now})
		var all []imochasim.Change
		change := rapid.Custom(func(t *rapid.T) imochasim.Change {
			when := at(float64(rapid.IntRange(0, 40).Draw(t, "half seconds")) / 2)
			return imochasim.Change{ID: int64(rapid.IntRange(1, 9).Draw(t, "id")), Status: rapid.SampledFrom(statuses).Draw(t, "status"), At: when,
				Visible: when.Add(time.Duration(rapid.SampledFrom([]int{0, 0, 0, 7}).Draw(t, "delay")) * time.Second)}
		})
		for range rapid.IntRange(0, 6).Draw(t, "batches") {
			batch := rapid.SliceOfN(change, 0, 12).Draw(t, "batch")
			add(t, s, batch...)
			all = append(all, batch...)
			now.Set(at(float64(rapid.IntRange(0, 30).Draw(t, "now"))))
			start := rapid.IntRange(0, 20).Draw(t, "start")
			end := rapid.IntRange(start, 21).Draw(t, "end")
			state := rapid.SampledFrom(attempt.States()).Draw(t, "state")
			var want []imochasim.Change
			for _, c := range all {
				left, right := c.At.Compare(at(float64(start))), c.At.Compare(at(float64(end)))
				switch {
				case stateOf[c.Status] != state, c.Visible.After(now.Now()), left < 0, right > 0,
					left == 0 && strings.HasPrefix(boundary.String(), "("), right == 0 && strings.HasSuffix(boundary.String(), ")"):
				default:
					want = append(want, c)
				}
			}
			slices.SortStableFunc(want, func(a, b imochasim.Change) int {
				if d := a.At.Compare(b.At); d != 0 {
					return d
				}
				return int(a.ID - b.ID)
			})
			wantIDs := []int64{}
			for _, c := range want {
				wantIDs = append(wantIDs, c.ID)
			}
			if got := idsOf(t, ask(t, s, state, at(float64(start)), at(float64(end)))); !slices.Equal(got, wantIDs) {
				t.Fatalf("%s %s %d..%d: %v, want %v", boundary, state, start, end, got, wantIDs)
			}
		}
	})
}
