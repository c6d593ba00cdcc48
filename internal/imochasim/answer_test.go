package imochasim_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/imochasim"
	"attemptstream/internal/imochasim/ledger"
)

// The answer of the contract's example, to the byte.
func TestAnswerIsTheContracts(t *testing.T) {
	t.Parallel()
	s := newSimulator(t, imochasim.Config{})
	add(t, s, imochasim.Change{ID: 2655161, TestID: 292930, Name: "May", Email: "may@example.com", InvitationType: "api", Status: "Completed", At: at(10)})
	w := httptest.NewRecorder()
	s.ServeHTTP(w, request(attempt.Completed, at(0), at(20)))
	const want = `{"result":{"testAttempts":[{"testInvitationId":2655161,"testId":292930,"name":"May","email":"may@example.com","invitationtype":"api","testStatus":"Completed"}]},"errors":null}`
	if got := w.Body.String(); got != want || w.Header().Get("Content-Length") != fmt.Sprint(len(want)) {
		t.Errorf("%s, length %s, want\n%s", got, w.Header().Get("Content-Length"), want)
	}
	w = httptest.NewRecorder()
	s.ServeHTTP(w, request(attempt.Expired, at(0), at(20)))
	if got := w.Body.String(); got != `{"result":{"testAttempts":[]},"errors":null}` {
		t.Errorf("an empty answer: %s", got)
	}
}

func TestFieldsAndText(t *testing.T) {
	t.Parallel()
	s := newSimulator(t, imochasim.Config{})
	const name = "Zoë \"Q\" \\ \x01\t李娜 𝒜\u2028"
	add(t, s, imochasim.Change{ID: 1 << 41, Status: "Überprüft", At: at(1), Name: name, Null: imochasim.FieldTestID | imochasim.FieldEmail,
		Absent: imochasim.FieldInvitationType, Extra: `"score":87.50,"a":{"b":[9007199254740993]}`})
	entries := ask(t, s, attempt.Completed, at(0), at(2))
	var got map[string]any
	if err := json.Unmarshal(entries[0], &got); err != nil {
		t.Fatal(err)
	}
	_, absent := got["invitationtype"]
	testID, null := got["testId"]
	if got["name"] != name || got["testStatus"] != "Überprüft" || absent || !null || testID != nil || got["email"] != nil {
		t.Errorf("%s", entries[0])
	}
	if !strings.HasSuffix(string(entries[0]), `,"score":87.50,"a":{"b":[9007199254740993]}}`) {
		t.Errorf("further members are not as they were given: %s", entries[0])
	}
	if !strings.Contains(string(entries[0]), `\u`) || !strings.Contains(string(entries[0]), "\xc3\xab") && !strings.Contains(string(entries[0]), "\xe6") {
		t.Errorf("not both escapes and UTF-8: %s", entries[0])
	}
}

func TestStates(t *testing.T) {
	t.Parallel()
	s := newSimulator(t, imochasim.Config{})
	for i, status := range []attempt.Status{"Completed", "Testleft", "Terminated", "Cancelled", "Expired", "Pending", "Brand new"} {
		add(t, s, imochasim.Change{ID: int64(i), Status: status, At: at(1)})
	}
	for state, want := range map[attempt.State][]int64{attempt.Completed: {0, 1, 2, 6}, attempt.Cancelled: {3}, attempt.Expired: {4}} {
		if got := idsOf(t, ask(t, s, state, at(0), at(2))); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", state, got, want)
		}
	}
}

func TestCap(t *testing.T) {
	t.Parallel()
	for newest, want := range map[bool][]int64{false: {8, 2, 3}, true: {3, 4, 9}} {
		s := newSimulator(t, imochasim.Config{Cap: 3, CapNewest: newest})
		// By time and then id: 8, 2, 3, 4, 9; one more is not visible yet and counts for nothing.
		for _, c := range []struct {
			id      int64
			seconds float64
		}{{9, 3}, {4, 2}, {2, 2}, {3, 2}, {8, 1}} {
			add(t, s, imochasim.Change{ID: c.id, Status: "Expired", At: at(c.seconds)})
		}
		add(t, s, imochasim.Change{ID: 1, Status: "Expired", At: at(2), Visible: epoch.Add(1000 * time.Hour)})
		if got := idsOf(t, ask(t, s, attempt.Expired, at(0), at(9))); !slices.Equal(got, want) {
			t.Errorf("newest %v: %v, want %v", newest, got, want)
		}
		for _, e := range s.Ledger("default") {
			if crowded := true; e.Unsure != crowded {
				t.Errorf("invitation %d is unsure: %v, want it since no window around its second holds all", e.ID, e.Unsure)
			}
		}
		add(t, s, imochasim.Change{ID: 20, Status: "Expired", At: at(100)})
		if entries := s.Ledger("default"); entries[len(entries)-1].Unsure {
			t.Error("what fits an answer is unsure")
		}
	}
}

func TestDuplicates(t *testing.T) {
	t.Parallel()
	s := newSimulator(t, imochasim.Config{Duplicates: .5, Seed: 3})
	for i := range 200 {
		add(t, s, imochasim.Change{ID: int64(i), Status: "Expired", At: at(float64(i))})
	}
	ids := idsOf(t, ask(t, s, attempt.Expired, at(0), at(300)))
	if twice := len(ids) - 200; twice < 60 || twice > 140 || len(slices.Compact(ids)) != 200 {
		t.Errorf("%d entries for 200", twice+200)
	}
}

func TestLateArrivals(t *testing.T) {
	t.Parallel()
	now := &clock{now: at(50)}
	s := newSimulator(t, imochasim.Config{Now: now.Now})
	add(t, s, imochasim.Change{ID: 1, Status: "Expired", At: at(10)}, imochasim.Change{ID: 2, Status: "Expired", At: at(10), Visible: at(60)},
		imochasim.Change{ID: 3, Status: "Expired", At: at(55)}, imochasim.Change{ID: 4, Status: "Expired", At: at(45), Visible: at(40)})
	if err := s.AddRawLate("default", attempt.Expired, at(10), at(70), `{"testInvitationId":5,"testStatus":"Expired"}`); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		now    float64
		want   []int64
		ledger int
	}{{5, []int64{}, 0}, {10, []int64{1}, 3}, {50, []int64{1, 4}, 4}, {59.999, []int64{1, 4, 3}, 5}, {60, []int64{1, 2, 4, 3}, 5}, {70, []int64{1, 2, 5, 4, 3}, 5}} {
		now.Set(at(step.now))
		if got := idsOf(t, ask(t, s, attempt.Expired, at(0), at(99))); !slices.Equal(got, step.want) {
			t.Errorf("at %v: %v, want %v", step.now, got, step.want)
		}
		if got := len(s.Ledger("default")); got != step.ledger {
			t.Errorf("at %v: %d have happened, want %d", step.now, got, step.ledger)
		}
	}
	if got := s.Ledger("default")[0]; !got.Visible.Equal(at(10)) {
		t.Errorf("%+v is visible before it happens", got)
	}
}

func TestCurrent(t *testing.T) {
	t.Parallel()
	now := &clock{}
	s := newSimulator(t, imochasim.Config{Current: true, Now: now.Now})
	add(t, s, imochasim.Change{ID: 1, Status: "Completed", At: at(30)}, imochasim.Change{ID: 1, Status: "Expired", At: at(10)},
		imochasim.Change{ID: 1, Status: "Pending", At: at(20)}, imochasim.Change{ID: 2, Status: "Expired", At: at(10)})
	for _, step := range []struct {
		now                float64
		expired, completed []int64
	}{{15, []int64{1, 2}, []int64{}}, {25, []int64{2}, []int64{}}, {30, []int64{2}, []int64{1}}} {
		now.Set(at(step.now))
		if got := idsOf(t, ask(t, s, attempt.Expired, at(0), at(99))); !slices.Equal(got, step.expired) {
			t.Errorf("at %v: expired %v, want %v", step.now, got, step.expired)
		}
		if got := idsOf(t, ask(t, s, attempt.Completed, at(0), at(99))); !slices.Equal(got, step.completed) {
			t.Errorf("at %v: completed %v, want %v", step.now, got, step.completed)
		}
	}
	for _, e := range s.Ledger("default") {
		if want := e.ID == 1 && e.Status == "Expired"; e.Unsure != want {
			t.Errorf("%d %s is unsure: %v, want %v", e.ID, e.Status, e.Unsure, want)
		}
	}
}

func TestRawEntries(t *testing.T) {
	t.Parallel()
	s := newSimulator(t, imochasim.Config{})
	huge := `{"testInvitationId":7,"testStatus":"Completed","blob":"` + strings.Repeat("x", 3<<20) + `"}`
	raws := []string{`null`, `7`, `{"testInvitationId":"x"}`, huge, ` [ 1 ]`, `{"testInvitationId":8,"testStatus":"Completed","testStatus":"Expired"}`}
	for i, raw := range raws {
		if err := s.AddRaw("default", attempt.Completed, at(float64(i)), raw); err != nil {
			t.Fatal(err)
		}
	}
	for i, got := range ask(t, s, attempt.Completed, at(0), at(99)) {
		if string(got) != strings.TrimSpace(raws[i]) {
			t.Errorf("entry %d: %.80s, want %.80s", i, got, raws[i])
		}
	}
	expected := s.Expected("default", ledger.Scope{})
	if expected.Required() != 1 || len(expected.Invitations[7]) != 1 || len(expected.Letters) != 5 {
		t.Errorf("%d events and %d letters, want one of invitation 7, and 5", expected.Required(), len(expected.Letters))
	}
	for _, bad := range []string{``, `{`, `1,2`, `{"a":}`} {
		if s.AddRaw("default", attempt.Completed, at(0), bad) == nil {
			t.Errorf("%q is taken, though it spoils the answer", bad)
		}
	}
	if s.AddRaw("default", "pending", at(0), `1`) == nil || s.Add("default", imochasim.Change{At: at(1)}) == nil ||
		s.Add("default", imochasim.Change{Status: "Expired"}) == nil || s.Add("default", imochasim.Change{Status: "Expired", At: at(1), Extra: `"a"`}) == nil {
		t.Error("a change that cannot be shown is taken")
	}
}
