package imochasim_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"attemptstream/internal/attempt"
	"attemptstream/internal/imochasim"
)

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
