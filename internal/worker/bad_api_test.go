package worker_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/brokertest"
	"attemptstream/internal/imochasim"
	"attemptstream/internal/witness"
	"attemptstream/internal/worker"
)

// badWorld is half an hour of a company in which much is odd.
func badWorld(t *testing.T, brokers []string, sim imochasim.Config) *world {
	t.Helper()
	w := newWorld(t, brokers, sim, day, day.Add(30*time.Minute))
	l := lives(60)
	l.Odd, l.Extra, l.Unknown, l.Malformed = .2, .2, .1, .05
	w.populate(l)
	return w
}

// What only a person can mend stops a worker that is to end when it has caught up; one that runs for ever waits, and goes on
// when it is mended. Both say what to check.
func TestWrongKeyAndWrongAddress(t *testing.T) {
	tests := map[string]struct {
		spoil, mend func(*world)
		words       []string
	}{
		"wrong key": {
			func(w *world) { w.sim.SetKeys(map[string]string{"another": string(account)}) },
			func(w *world) { w.sim.SetKeys(nil) },
			[]string{"account default", "HTTP 401", "the key is refused", "IMOCHA_API_KEY", "valid"},
		},
		"no permission": {
			func(w *world) { w.faults(imochasim.Forbidden) },
			func(w *world) { w.faults("") },
			[]string{"account default", "HTTP 403", "no permission", "IMOCHA_API_KEY"},
		},
		"wrong path": {
			func(w *world) { w.faults(imochasim.NotFound) },
			func(w *world) { w.faults("") },
			[]string{"account default", "HTTP 404", "no such API", "check that IMOCHA_BASE_URL"},
		},
		"wrong dates": {
			func(w *world) { w.faults(imochasim.BadDate) },
			func(w *world) { w.faults("") },
			[]string{"account default", "HTTP 401", "times of the window", "clock", "STREAM_START_AT"},
		},
		"wrong parameters": {
			func(w *world) { w.faults(imochasim.BadRequest) },
			func(w *world) { w.faults("") },
			[]string{"account default", "HTTP 400", "parameters invalid", "STREAM_STATES"},
		},
	}
	t.Parallel()
	brokers := brokertest.Embedded(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := badWorld(t, brokers, imochasim.Config{})
			test.spoil(w)
			logs := newLog()
			p := w.worker(nil, logs.use)
			mustMention(t, w.end(p), test.words...)
			logs.mustMention(t, test.words...)
			if n := w.records(); n != 0 {
				t.Errorf("%d records were told", n)
			}

			c := &clock{}
			stop := w.schedule.Stop
			w.schedule.Stop = 0
			s := w.play(w.worker(nil, c.use))
			asked := w.sim.Requests()
			waiting := s.until("the problem", func(p worker.Progress) bool { return p.Problem != "" })
			for _, word := range test.words {
				if !strings.Contains(waiting.Problem, word) {
					t.Errorf("the problem does not mention %q: %s", word, waiting.Problem)
				}
			}
			if more := w.sim.Requests() - asked; more > 20 {
				t.Errorf("%d requests while nothing can come of them", more)
			}
			test.mend(w)
			c.advance(10 * time.Minute)
			s.until("the end of the problem", func(p worker.Progress) bool {
				return p.Problem == "" && attempt.InstantOf(p.Through) >= stop
			})
			s.end()
			w.schedule.Stop = stop
			w.read()
			w.verify(w.scope())
		})
	}
}

// faults makes every request go wrong in the same way; the empty kind is none.
func (w *world) faults(kind imochasim.FaultKind) {
	w.t.Helper()
	f := imochasim.Faults{}
	if kind != "" {
		f.Rates = map[imochasim.FaultKind]float64{kind: 1}
	}
	if err := w.sim.SetFaults(f); err != nil {
		w.t.Fatal(err)
	}
}

// A path that is not the API's, as a mistake in the address makes it.
func TestWrongPath(t *testing.T) {
	t.Parallel()
	w := badWorld(t, brokertest.Embedded(t), imochasim.Config{})
	right := w.url
	w.url += "/api"
	mustMention(t, w.end(w.worker(nil)), "HTTP 404", "check that IMOCHA_BASE_URL is the API's address")
	w.url = right
	w.read()
	w.verify(w.scope())
}

// Nobody listens at the address: the worker waits for the API, says so, and goes on when it is there.
func TestConnectionRefused(t *testing.T) {
	t.Parallel()
	w := badWorld(t, brokertest.Embedded(t), imochasim.Config{})
	addr := brokertest.Nowhere(t)
	w.url = "http://" + addr
	logs := newLog()
	s := w.play(w.worker(nil, logs.use))
	waiting := s.until("the problem", func(p worker.Progress) bool { return p.Problem != "" })
	for _, word := range []string{"no answer", "connection refused", "check IMOCHA_BASE_URL", "it is tried again"} {
		if !strings.Contains(waiting.Problem, word) {
			t.Errorf("the problem does not mention %q: %s", word, waiting.Problem)
		}
	}
	logs.mustMention(t, "could not be read and is tried again", "connection refused")
	server := httptest.NewUnstartedServer(w.sim)
	var err error
	if server.Listener, err = net.Listen("tcp", addr); err != nil {
		t.Fatal(err)
	}
	server.Start()
	defer server.Close()
	defer server.CloseClientConnections()
	if err := s.ended(); err != nil {
		t.Fatal(err)
	}
	w.verify(w.scope())
}

// An API that answers what is no answer, for a while: it is called by its name, and nothing is lost.
func TestUnreadableAnswers(t *testing.T) {
	tests := map[imochasim.FaultKind][]string{
		imochasim.HTML:           {"not JSON", "text/html", "nothing on the way answers in its place"},
		imochasim.CutLength:      {"cut short", "it is tried again, in smaller windows"},
		imochasim.CutChunked:     {"cut short", "it is tried again, in smaller windows"},
		imochasim.Halved:         {"cut short", "it is tried again, in smaller windows"},
		imochasim.Trailing:       {"goes on after its end"},
		imochasim.Empty:          {"cut short"},
		imochasim.Errors:         {`\"result\" is null`},
		imochasim.NoResult:       {`the answer has no \"result\"`},
		imochasim.ResultString:   {`\"result\" is not an object`},
		imochasim.AttemptsObject: {`\"testAttempts\" is not an array`},
		imochasim.NullAttempts:   {`\"testAttempts\" is not an array`},
		imochasim.BadGateway:     {"HTTP 502", "the status of iMocha"},
		imochasim.Reset:          {"no answer", "the network"},
	}
	t.Parallel()
	brokers := brokertest.Embedded(t)
	for kind, words := range tests {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			w := badWorld(t, brokers, imochasim.Config{Faults: imochasim.Faults{Script: func(n int, _ imochasim.Request) imochasim.Fault {
				if n <= 24 || n > 60 && n <= 84 { // longer than requests are repeated in place
					return imochasim.Fault{Kind: kind}
				}
				return imochasim.Fault{}
			}}})
			logs := newLog()
			w.run(w.worker(nil, logs.use))
			logs.mustMention(t, append(words, "a window could not be read and is tried again", "default")...)
			scope := w.scope()
			scope.Gaps = true // states part where one of them fails
			w.verify(scope)
		})
	}
}

// Entries of every odd form, and each of them twice: what can be an event is one, the rest is a dead letter that says why,
// and nothing is told twice.
func TestOddEntries(t *testing.T) {
	letters := map[string]string{ // by what is to be said of it
		`null`: "not an object", `[]`: "not an object", `"x"`: "not an object", `7`: "not an object", `{}`: "no testInvitationId",
		`{"testInvitationId":null,"testStatus":"Completed"}`:                "no testInvitationId",
		`{"testInvitationId":"2655161","testStatus":"Completed"}`:           "not a 64-bit integer",
		`{"testInvitationId":"","testStatus":"Completed"}`:                  "not a 64-bit integer",
		`{"testInvitationId":true,"testStatus":"Completed"}`:                "not a 64-bit integer",
		`{"testInvitationId":{"id":1},"testStatus":"Completed"}`:            "not a 64-bit integer",
		`{"testInvitationId":1.5,"testStatus":"Completed"}`:                 "not a 64-bit integer",
		`{"testInvitationId":9223372036854775808,"testStatus":"Completed"}`: "not a 64-bit integer",
		`{"testInvitationId":900001}`:                                       "no testStatus",
		`{"testInvitationId":900002,"testStatus":null}`:                     "no testStatus",
		`{"testInvitationId":900003,"testStatus":["Completed"]}`:            "not a string",
		`{"testInvitationId":900004,"testStatus":1}`:                        "not a string",
		`{"testInvitationId":900005,"testStatus":""}`:                       "testStatus is empty",
	}
	events := []string{
		`{"testInvitationId":910001,"testId":null,"name":null,"email":null,"invitationtype":null,"testStatus":"Completed"}`,
		`{"testInvitationId":910002,"testId":"x","name":7,"email":["a"],"invitationtype":{},"testStatus":"Completed"}`,
		`{"testInvitationId":910003,"testId":0,"name":"","email":"","invitationtype":"","testStatus":"Completed"}`,
		`{"testInvitationId":910004,"testStatus":"Never Heard Of"}`,
		`{"testInvitationId":910005,"testStatus":"Completed","":"","a":{"b":[null,true,1e9]}}`,
		`{"testInvitationId":9223372036854775807,"testStatus":"Testleft"}`,
	}
	brokertest.OnBoth(t, func(t *testing.T, brokers []string) {
		w := badWorld(t, brokers, imochasim.Config{Duplicates: 1})
		at := day.Add(7 * time.Minute)
		for _, raw := range events {
			w.add(attempt.Completed, at, raw)
		}
		for raw := range letters {
			w.add(attempt.Completed, at, raw)
			w.add(attempt.Completed, at.Add(time.Hour/4), raw) // known by then
		}
		p := w.read()
		w.verify(w.scope())
		w.agree(p)
		w.lettersSay(letters)
		told := w.records()
		w.read()
		if n := w.records(); n != told {
			t.Errorf("%d records after another start, %d before", n, told)
		}
	})
}

// add adds an entry as the API is to show it.
func (w *world) add(state attempt.State, at time.Time, raw string) {
	w.t.Helper()
	if err := w.sim.AddRaw(string(account), state, at, raw); err != nil {
		w.t.Fatal(err)
	}
}

// Members that the contract does not name are told as they came, whatever stands before and after them in the answer.
func TestAdditionalMembers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, brokertest.Embedded(t), imochasim.Config{}, day, day.Add(time.Hour))
	want := map[int64]string{}
	for i := range 200 {
		id, extra := int64(940000+i), fmt.Sprintf(`"score":%d.50,"tags":["a%d",null],"nested":{"n":%d}`, i, i, i)
		if i%3 == 0 {
			extra = "" // one without any in between
		}
		c := imochasim.Change{ID: id, Status: "Completed", At: day.Add(time.Duration(i/10) * time.Second), Name: "May",
			Email: "may@example.com", InvitationType: "api", TestID: 7, Extra: extra}
		if err := w.sim.Add(string(account), c); err != nil {
			t.Fatal(err)
		}
		want[id] = "{" + extra + "}"
	}
	w.read()
	w.verify(w.scope())
	records, err := witness.Records(t.Context(), w.brokers, w.topic)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		var event struct {
			Attempt struct {
				ID         int64           `json:"testInvitationId"`
				TestID     int64           `json:"testId"`
				Name       string          `json:"name"`
				Email      string          `json:"email"`
				Type       string          `json:"invitationType"`
				Additional json.RawMessage `json:"additional"`
			} `json:"attempt"`
		}
		if err := json.Unmarshal(r.Value, &event); err != nil {
			t.Fatal(err)
		}
		a := &event.Attempt
		if got := cmp.Or(string(a.Additional), "{}"); got != want[a.ID] {
			t.Errorf("invitation %d has the additional members %s, want %s", a.ID, got, want[a.ID])
		}
		if a.TestID != 7 || a.Name != "May" || a.Email != "may@example.com" || a.Type != "api" {
			t.Errorf("invitation %d is told as %+v", a.ID, a)
		}
	}
}
