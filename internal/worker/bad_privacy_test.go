package worker_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"attemptstream/internal/attempt"
	"attemptstream/internal/embedded"
	"attemptstream/internal/imochasim"
	"attemptstream/internal/topics"
	"attemptstream/internal/worker"
)

// What must never be in a log: who took a test, and the key.
const (
	secretName  = "Markername"
	secretEmail = "markermail"
	secretKey   = "markerkey"
)

// A talker is an API that answers with all it knows: names, addresses and the key, in every part of an answer.
type talker struct {
	http.Handler
	answer atomic.Pointer[func(http.ResponseWriter)]
}

func (a *talker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if f := a.answer.Load(); f != nil {
		(*f)(w)
		return
	}
	a.Handler.ServeHTTP(w, r)
}

const talk = secretName + " " + secretEmail + "@example.com " + secretKey

// talkative are answers of all kinds that go wrong.
func talkative() map[string]func(http.ResponseWriter) {
	body := func(status int, text string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			w.Header().Set("X-Talk", talk)
			w.Header().Set("Content-Type", `text/html; charset="`+secretName+`"`)
			w.WriteHeader(status)
			_, _ = w.Write([]byte(text))
		}
	}
	errors := `{"result":null,"errors":["` + talk + `"]}`
	entry := `{"testInvitationId":1,"name":"` + secretName + `","email":"` + secretEmail + `@example.com","testStatus":"Completed"}`
	out := map[string]func(http.ResponseWriter){
		"broken":       body(200, `{"result":{"testAttempts":[`+entry+`,`+talk+`]}}`),
		"cut":          body(200, `{"result":{"testAttempts":[`+entry),
		"errors":       body(200, errors),
		"html":         body(200, "<html>"+talk+"</html>"),
		"result":       body(200, `{"result":"`+talk+`"}`),
		"name as name": body(200, `{"`+talk+`":{"testAttempts":[]}}`),
		"no content":   body(204, ""),
		"redirect": func(w http.ResponseWriter) {
			w.Header().Set("Location", "https://example.com/"+secretKey)
			w.WriteHeader(302)
		},
		"no HTTP":       hijacked("HTTP/1.1 " + talk + "\r\n\r\n"),
		"broken header": hijacked("HTTP/1.1 200 OK\r\n" + talk + "\r\n\r\n"),
		"broken chunk":  hijacked("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + talk + "\r\n"),
		"wrong length":  hijacked("HTTP/1.1 200 OK\r\nContent-Length: " + secretKey + "\r\n\r\n"),
	}
	for _, status := range []int{400, 401, 403, 404, 418, 500, 503} {
		out[fmt.Sprint(status)] = body(status, errors)
	}
	return out
}

func hijacked(text string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		_, _ = conn.Write([]byte(text))
		_ = conn.Close()
	}
}

// Whatever goes wrong, neither a name, an email nor the key is in the log, in an error, or in what the worker says of
// itself.
func TestNothingPersonalIsLogged(t *testing.T) {
	t.Parallel()
	logs := newLog()
	broker, err := embedded.Start(embedded.Config{Addr: "127.0.0.1:0", Logger: zap.New(logs.core)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = broker.Close() })
	w := newWorld(t, []string{broker.Addr()}, imochasim.Config{}, day, day.Add(10*time.Minute))
	api := &talker{Handler: w.sim}
	server := httptest.NewServer(api)
	t.Cleanup(server.Close)
	t.Cleanup(server.CloseClientConnections)
	w.url, w.key, w.timeout = server.URL, secretKey, 5*time.Second
	w.people()

	said := &strings.Builder{}
	run := func(p *process) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		fmt.Fprintf(said, "%v %+v\n", p.Run(ctx), p.Progress())
	}
	use := func(c *worker.Config) { logs.use(c) }
	for _, answer := range talkative() {
		api.answer.Store(&answer)
		w.complaint(w.worker(nil, use), said)
	}
	api.answer.Store(nil)

	// All that can go wrong with Kafka, while there is much personal data to be told.
	for _, at := range []point{{requestInit, 1, answerLost}, {requestProduce, 1, answerLost}, {requestCommit, 1, answerLost}} {
		run(w.worker(&loser{way: transport(), at: at}, use))
	}
	if !strings.Contains(logs.text(), "raise max.message.bytes") {
		t.Error("no entry was too large: the test shows less than it should")
	}
	w.schedule.Stop = w.schedule.Stop.Add(10 * time.Minute)
	f := newFreezer(point{requestProduce, 1, answerLost})
	defer f.thaw()
	result := make(chan struct{})
	first := w.worker(f, use)
	go func() { defer close(result); run(first) }()
	<-f.frozen
	w.read(use)
	f.thaw()
	<-result
	w.schedule.Stop = w.schedule.Stop.Add(10 * time.Minute)
	p := w.worker(nil, use)
	w.delete(topics.DLQTopic(w.topic))
	until, enough := context.WithTimeout(t.Context(), patience)
	defer enough()
	go func() {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for until.Err() == nil && !strings.Contains(logs.text(), "does not exist") {
			<-tick.C
		}
		enough()
	}()
	fmt.Fprintf(said, "%v %+v\n", p.Run(until), p.Progress())
	w.writeState(topics.StatePartition(account, 3), "default/block/0", talk)
	run(w.worker(nil, use))

	fenced, corrupt := "has taken over", "cannot be used"
	text := said.String() + logs.text()
	for _, word := range []string{fenced, corrupt, "does not exist", "the key is refused", "not JSON", "HTTP 500"} {
		if !strings.Contains(text, word) {
			t.Errorf("%q did not happen: the test shows less than it should", word)
		}
	}
	for _, secret := range []string{secretName, secretEmail, secretKey} {
		for line := range strings.Lines(text) {
			if at := strings.Index(strings.ToLower(line), strings.ToLower(secret)); at >= 0 {
				t.Errorf("%q was said: %.600s", secret, line[max(0, at-300):])
			}
		}
	}
	if logs.FilterLevelExact(zapcore.InfoLevel).Len() == 0 {
		t.Error("the log is empty")
	}
}

// complaint runs a worker until it says that something is wrong, or ends.
func (w *world) complaint(p *process, said io.Writer) {
	w.t.Helper()
	s := w.play(p)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(patience)
	for s.Progress()[0].Problem == "" {
		select {
		case err := <-s.result:
			s.result <- err
		case <-limit:
			w.t.Fatalf("the worker finds nothing wrong: %+v", s.Progress())
		case <-tick.C:
		}
	}
	s.stop()
	fmt.Fprintf(said, "%v %+v\n", s.ended(), s.Progress())
}

// people adds attempts, odd entries and an entry that is too large, all with personal data, to half an hour.
func (w *world) people() {
	w.t.Helper()
	for minute := range 30 {
		at := day.Add(time.Duration(minute)*time.Minute + 30*time.Second)
		for i, status := range []attempt.Status{"Completed", "Cancelled", "Expired"} {
			if err := w.sim.Add(string(account), imochasim.Change{ID: int64(970000 + 10*minute + i), Status: status, At: at,
				Name: secretName, Email: secretEmail + "@example.com", Extra: `"manager":"` + secretName + `"`}); err != nil {
				w.t.Fatal(err)
			}
		}
		w.add(attempt.Completed, at, fmt.Sprintf(`{"testInvitationId":"%s","email":"%s","n":%d}`, secretName, secretEmail, minute))
		w.add(attempt.Completed, at, fmt.Sprintf(`{"testInvitationId":%d,"name":["%s"],"email":{"%s":1},"testStatus":"Completed"}`,
			971000+minute, secretName, secretEmail))
	}
	at := day.Add(5 * time.Minute)
	w.add(attempt.Completed, at, fmt.Sprintf(`{"testInvitationId":972000,"name":"%s","testStatus":"Completed","report":"%s"}`, secretName, noise(3, 5<<19)))
	w.add(attempt.Expired, at, fmt.Sprintf(`{"name":"%s","report":"%s"}`, secretName, noise(4, 5<<19)))
}
