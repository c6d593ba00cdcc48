//go:build unix

package discreet_test

import (
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// A person is what the API says of a candidate.
type person struct{ name, email, phone string }

// people have names that are written differently in each form of text.
var people = []person{
	{"Zoë O'Brien-Q7ñandú", "zoe+odd.q7tag@candidates.example", "+49 151 7700 0001"},
	{`Robert "Q7Bobby" <b>Tables</b> & Sons\`, `"quoted q7local"@xn--q7.example`, "+49 151 7700 0002"},
	{"日本 太郎 第七候補者", "taro.q7yamada@候補者.example", "+49 151 7700 0003"},
	{"may-q7lindqvist%20%41", "May.Q7Lindqvist/x=y@Example.COM", "+49 151 7700 0004"},
}

// accounts are those of the run, by what becomes of what is asked for them. Only main is answered.
var accounts = map[string]http.HandlerFunc{
	"main": nil,
	"refused": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("WWW-Authenticate", "Key "+r.Header.Get("X-API-KEY"))
		refuse(w, http.StatusUnauthorized, "API key "+r.Header.Get("X-API-KEY")+" is invalid or expired")
	},
	"forbidden": func(w http.ResponseWriter, r *http.Request) {
		refuse(w, http.StatusForbidden, r.Header.Get("X-API-KEY")+" of "+people[0].email)
	},
	"rejected": func(w http.ResponseWriter, r *http.Request) {
		refuse(w, http.StatusBadRequest, "bad request with key "+r.Header.Get("X-API-KEY")+" for "+people[1].name)
	},
	"failing": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Debug", r.Header.Get("X-API-KEY"))
		page(w, http.StatusInternalServerError, people[1], r.Header.Get("X-API-KEY"))
	},
	"page": func(w http.ResponseWriter, r *http.Request) {
		page(w, http.StatusOK, people[3], r.Header.Get("X-API-KEY"))
	},
	"errors": func(w http.ResponseWriter, r *http.Request) {
		refuse(w, http.StatusOK, people[2].name+" "+people[2].email+" "+r.Header.Get("X-API-KEY"))
	},
	"cut": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"result":{"testAttempts":[{"testInvitationId":1,"name":%s,"email":%s`, asJSON(people[0].name), asJSON(people[0].email))
	},
	"broken": func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"result":{"testAttempts":[{"testInvitationId":1,"testStatus":"Completed","name":%s]},%s`, asJSON(people[3].name), asJSON(r.Header.Get("X-API-KEY")))
	},
	"limited": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", people[0].email)
		refuse(w, http.StatusTooManyRequests, "quota of "+r.Header.Get("X-API-KEY"))
	},
	"moved": func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/login?key="+url.QueryEscape(r.Header.Get("X-API-KEY"))+"&name="+url.QueryEscape(people[0].name), http.StatusFound)
	},
	"typed": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; name="+people[0].email)
		w.WriteHeader(http.StatusNotFound)
	},
	"rude": func(w http.ResponseWriter, r *http.Request) {
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		fmt.Fprintf(c, "%s %s\r\n\r\n", people[0].name, r.Header.Get("X-API-KEY"))
		c.Close()
	},
}

func refuse(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"result": nil, "errors": []string{message}})
}

func page(w http.ResponseWriter, status int, p person, key string) {
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<html><title>%s</title><p>%s %s %s</html>", html.EscapeString(p.name), p.name, p.email, key)
}

// keyOf is an account's API key, with characters that are written differently in each form of text.
func keyOf(account string) string { return "q7Key-" + account + `-9Zx"<&>'%2B\+/=~` }

// An api is a fake one that knows what it was shown.
type api struct {
	url   string
	began time.Time

	mu   sync.Mutex
	seen map[string]int // by key
}

func newAPI(t *testing.T) *api {
	t.Helper()
	a := &api{began: time.Now().Truncate(time.Second), seen: map[string]int{}}
	s := httptest.NewServer(a)
	a.url = s.URL
	t.Cleanup(s.Close)
	t.Cleanup(s.CloseClientConnections)
	return a
}

func (a *api) asked(key string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.seen[key]
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	key := r.Header.Get("X-API-KEY")
	a.mu.Lock()
	a.seen[key]++
	a.mu.Unlock()
	account, _, ok := strings.Cut(strings.TrimPrefix(key, "q7Key-"), "-")
	answer, known := accounts[account]
	switch {
	case !ok || !known || key != keyOf(account):
		refuse(w, http.StatusUnauthorized, "unknown key "+key)
	case answer != nil:
		answer(w, r)
	default:
		a.attempts(w, r)
	}
}

// attempts answers for main: everybody half an hour ago, whole and in ways that no event can be made of.
func (a *api) attempts(w http.ResponseWriter, r *http.Request) {
	var window struct{ StartDateTime, EndDateTime time.Time }
	if err := json.NewDecoder(r.Body).Decode(&window); err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	list := []any{}
	at := a.began.Add(-30 * time.Minute)
	for i, p := range people {
		at = at.Add(time.Second)
		if r.URL.Query().Get("state") != "completed" || at.Before(window.StartDateTime) || at.After(window.EndDateTime) {
			continue
		}
		list = append(list,
			map[string]any{"testInvitationId": 1000 + i, "testId": 7, "testStatus": "Completed", "name": p.name, "email": p.email, "invitationtype": "api",
				"phone": p.phone, "notes": map[string]any{p.email: []string{p.name}}},
			map[string]any{"testInvitationId": 2000 + i, "testStatus": "Testleft", "name": map[string]any{"first": p.name}, "email": []string{p.email}},
			map[string]any{"testInvitationId": p.email, "testStatus": "Completed", "name": p.name},
			map[string]any{"testInvitationId": 3000 + i, "testStatus": map[string]any{"of": p.email}},
			map[string]any{"testInvitationId": 4000 + i, "testStatus": strings.Repeat(p.name+" ", 20)},
			p.name+" <"+p.email+">",
		)
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"result": map[string]any{"testAttempts": list}, "errors": nil})
}
