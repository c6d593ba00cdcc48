package imochasim_test

import (
	"encoding/json"
	"fmt"
	"net/http"
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

func TestRequestsThatAreRefused(t *testing.T) {
	t.Parallel()
	s := newSimulator(t, imochasim.Config{Keys: map[string]string{"key": "a"}})
	const good = `{"StartDateTime":"2026-11-23T21:00:00Z","EndDateTime":"2026-11-23T21:01:00Z"}`
	with := func(change func(r *http.Request)) *http.Request {
		r := request(attempt.Completed, at(0), at(60))
		change(r)
		return r
	}
	bodied := func(body string) *http.Request {
		r := httptest.NewRequest(http.MethodPost, imochasim.Path+"?state=completed", strings.NewReader(body))
		r.Header = request(attempt.Completed, at(0), at(60)).Header
		return r
	}
	for name, test := range map[string]struct {
		r    *http.Request
		code int
		text string
	}{
		"good":               {bodied(good), 200, `"errors":null`},
		"wrong path":         {with(func(r *http.Request) { r.URL.Path = "/v2/candidates/testattempts" }), 404, `"result":null`},
		"wrong method":       {with(func(r *http.Request) { r.Method = http.MethodGet }), 404, `"result":null`},
		"no key":             {with(func(r *http.Request) { r.Header.Del("X-API-KEY") }), 401, "API key"},
		"wrong key":          {with(func(r *http.Request) { r.Header.Set("X-API-KEY", "other") }), 401, "API key"},
		"no state":           {with(func(r *http.Request) { r.URL.RawQuery = "" }), 400, "state"},
		"unknown state":      {with(func(r *http.Request) { r.URL.RawQuery = "state=Completed" }), 400, "state"},
		"no type":            {with(func(r *http.Request) { r.Header.Del("Content-Type") }), 400, "Content-Type"},
		"no body":            {bodied(``), 400, "required"},
		"no JSON":            {bodied(`{`), 400, "required"},
		"no end":             {bodied(`{"StartDateTime":"2026-11-23T21:00:00Z"}`), 400, "required"},
		"a number":           {bodied(strings.Replace(good, `"2026-11-23T21:00:00Z"`, "7", 1)), 400, "required"},
		"start after end":    {bodied(strings.Replace(good, "21:00:00", "21:01:01", 1)), 401, imochasim.InvalidDate},
		"no such day":        {bodied(strings.Replace(good, "2026-11-23", "2026-02-30", 1)), 401, imochasim.InvalidDate},
		"fractions":          {bodied(strings.Replace(good, "00Z", "00.5Z", 1)), 401, imochasim.InvalidDate},
		"another zone":       {bodied(strings.Replace(good, "00Z", "00+00:00", 1)), 401, imochasim.InvalidDate},
		"a date":             {bodied(strings.Replace(good, "T21:00:00Z", "", 1)), 401, imochasim.InvalidDate},
		"a body of megabyte": {bodied(strings.Repeat(" ", 1<<20)), 400, "could not be read"},
	} {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, test.r)
		if w.Code != test.code || !strings.Contains(w.Body.String(), test.text) || !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s: %d %s, want %d with %q", name, w.Code, w.Body, test.code, test.text)
		}
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, bodied(strings.Replace(good, "21:00:00", "21:01:01", 1)))
	if got := strings.TrimSpace(w.Body.String()); got != `{"result":null,"errors":["Date & time is not invalid or incorrect format"]}` {
		t.Errorf("%s", got)
	}
}

func TestAccountsAreApart(t *testing.T) {
	t.Parallel()
	s := newSimulator(t, imochasim.Config{Keys: map[string]string{"key": "a", "other": "b"}})
	for name, id := range map[string]int64{"a": 1, "b": 2} {
		if err := s.Add(name, imochasim.Change{ID: id, Status: "Expired", At: at(1)}); err != nil {
			t.Fatal(err)
		}
	}
	if got := idsOf(t, ask(t, s, attempt.Expired, at(0), at(2))); !slices.Equal(got, []int64{1}) {
		t.Errorf("%v, want the account of the key", got)
	}
	s.SetKeys(map[string]string{"key": "b"})
	if got := idsOf(t, ask(t, s, attempt.Expired, at(0), at(2))); !slices.Equal(got, []int64{2}) {
		t.Errorf("%v, want the account of the key after its rotation", got)
	}
	if !slices.Equal(s.Accounts(), []string{"a", "b"}) || len(s.Ledger("a")) != 1 || s.Ledger("a")[0].ID != 1 {
		t.Errorf("accounts %v, ledger %v", s.Accounts(), s.Ledger("a"))
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	now := &clock{now: at(0)}
	s := newSimulator(t, imochasim.Config{RateLimit: 2, Quota: 4, Now: now.Now})
	code := func() int {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, request(attempt.Expired, at(0), at(1)))
		if w.Code == http.StatusTooManyRequests && w.Header().Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
		return w.Code
	}
	var got []int
	for _, seconds := range []float64{0, 0, 0, .5, .5, 100, 100, 101, 3*3600 + 1} {
		now.Set(at(seconds))
		got = append(got, code())
	}
	// Two at once, then one in half a second; the fourth uses the quota up, until midnight.
	if want := []int{200, 200, 429, 200, 429, 200, 429, 429, 200}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if s.Stats().Requests["limited"] != 4 || s.Stats().Requests["ok"] != 5 {
		t.Errorf("%v", s.Stats())
	}
}

func TestExtras(t *testing.T) {
	t.Parallel()
	s := newSimulator(t, imochasim.Config{})
	add(t, s, imochasim.Change{ID: 1, Status: "Expired", At: at(1), Visible: at(5)}, imochasim.Change{ID: 1, Status: "Pending", At: at(2)})
	if err := s.AddRaw("other", attempt.Expired, at(3), `{"x":1}`); err != nil {
		t.Fatal(err)
	}
	ask(t, s, attempt.Expired, at(0), at(9))
	get := func(path string) string {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		return fmt.Sprint(w.Code, " ", strings.TrimSpace(w.Body.String()))
	}
	for path, want := range map[string]string{
		"/healthz": "200 ok",
		"/stats":   `200 {"requests":{"ok":1},"attempts":1,"longest":1}`,
		"/ledger": `200 {"account":"default","class":"event","state":"expired","id":1,"status":"Expired","at":"2026-11-23T21:00:01Z","visible":"2026-11-23T21:00:05Z"}
{"account":"default","class":"event","id":1,"status":"Pending","at":"2026-11-23T21:00:02Z","visible":"2026-11-23T21:00:02Z"}
{"account":"other","class":"letter","state":"expired","at":"2026-11-23T21:00:03Z","visible":"2026-11-23T21:00:03Z","raw":"{\"x\":1}"}`,
		"/ledger?account=other": `200 {"account":"other","class":"letter","state":"expired","at":"2026-11-23T21:00:03Z","visible":"2026-11-23T21:00:03Z","raw":"{\"x\":1}"}`,
	} {
		if got := get(path); got != want {
			t.Errorf("%s:\n%s, want\n%s", path, got, want)
		}
	}
	if got := get("/"); !strings.HasPrefix(got, "404") {
		t.Errorf("/: %s", got)
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]imochasim.Config{
		"boundary":       {Boundary: 4},
		"cap":            {Cap: -1},
		"duplicates":     {Duplicates: 1.5},
		"latency":        {Latency: imochasim.Latency{Fixed: -1}},
		"unknown fault":  {Faults: imochasim.Faults{Rates: map[imochasim.FaultKind]float64{"599": .1}}},
		"faults above 1": {Faults: imochasim.Faults{Rates: map[imochasim.FaultKind]float64{imochasim.HTML: .6, imochasim.Reset: .6}}},
		"negative fault": {Faults: imochasim.Faults{Rates: map[imochasim.FaultKind]float64{imochasim.HTML: -.1}}},
	} {
		if _, err := imochasim.New(c); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	for _, b := range imochasim.Boundaries() {
		if got, err := imochasim.ParseBoundary(b.String()); got != b || err != nil {
			t.Errorf("%s: %v, %v", b, got, err)
		}
	}
	if _, err := imochasim.ParseBoundary("[["); err == nil {
		t.Error("[[ is taken")
	}
}
