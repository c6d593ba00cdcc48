package imochasim

import (
	"encoding/json"
	"io"
	"math/rand/v2"
	"mime"
	"net/http"
	"time"

	"attemptstream/internal/attempt"
)

// Path is where the API is.
const Path = "/v3/candidates/testattempts"

// InvalidDate is the error that the API gives, with 401, for parameters that it cannot take.
const InvalidDate = "Date & time is not invalid or incorrect format"

// maxRequestBody is far more than a request with two times needs.
const maxRequestBody = 64 << 10

// ServeHTTP answers the API's requests, and GET /healthz, /stats and /ledger?account=NAME, and PUT /faults?share=0.1. The
// date of every answer is by the simulator's clock, unless Config.Date says otherwise.
func (s *Simulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Date", s.config.Date().UTC().Format(http.TimeFormat))
	switch {
	case r.URL.Path == Path && r.Method == http.MethodPost:
		s.serve(w, r)
	case r.Method == http.MethodGet && s.extra(w, r):
	case r.Method == http.MethodPut && r.URL.Path == "/faults":
		s.control(w, r)
	default:
		s.refuse(w, http.StatusNotFound, "not found", "No HTTP resource was found that matches the request")
	}
}

// serve answers a request to the API: first what is wrong with it, then what is to go wrong, then the attempts.
func (s *Simulator) serve(w http.ResponseWriter, r *http.Request) {
	// The body is read before anything else: only then does the server notice when the client goes away.
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequestBody))
	if err != nil {
		s.refuse(w, http.StatusBadRequest, "bad request", "The request body could not be read")
		return
	}
	n := int(s.requests.Add(1))
	now := s.now()
	name, ok := s.authenticate(r.Header.Get("X-API-KEY"))
	if !ok {
		s.refuse(w, http.StatusUnauthorized, "wrong key", "API key is invalid or expired")
		return
	}
	if !s.limits.allow(name, now, s.config.RateLimit, s.config.Quota) {
		w.Header().Set("Retry-After", "1")
		s.refuse(w, http.StatusTooManyRequests, "limited", "Too many requests, or the quota is exhausted")
		return
	}
	q, outcome, message := parse(r, body)
	if outcome != "" {
		status := http.StatusBadRequest
		if message == InvalidDate {
			status = http.StatusUnauthorized
		}
		s.refuse(w, status, outcome, message)
		return
	}
	q.Account, q.At = name, now
	random := rand.New(rand.NewPCG(s.config.Seed, uint64(n)))
	if l := s.config.Latency; l.Fixed > 0 || l.Random > 0 {
		wait := l.Fixed
		if l.Random > 0 {
			wait += time.Duration(random.Int64N(int64(l.Random)))
		}
		if !pause(r, wait) {
			s.stats.count("client gone")
			return
		}
	}
	s.mu.RLock()
	faults := s.faults
	s.mu.RUnlock()
	if fault := faults.pick(n, q, s.config.Boundary, random); fault.Kind != "" {
		s.stats.count("fault: " + string(fault.Kind))
		s.misbehave(w, r, &faults, fault, q, random)
		return
	}
	a := s.answer(q, random)
	s.stats.answered(a.entries)
	a.send(w)
}

// authenticate is the account of an API key.
func (s *Simulator) authenticate(key string) (string, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if len(s.keys) == 0 {
		return string(attempt.DefaultAccount), key != ""
	}
	name, ok := s.keys[key]
	return name, ok
}

// parse reads a request's parameters; an outcome says what is wrong with them.
func parse(r *http.Request, body []byte) (q Request, outcome, message string) {
	state, err := attempt.ParseState(r.URL.Query().Get("state"))
	if err != nil {
		return q, "bad request", "state is missing or unknown"
	}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return q, "bad request", "Content-Type must be application/json"
	}
	var times struct {
		Start *string `json:"StartDateTime"`
		End   *string `json:"EndDateTime"`
	}
	if json.Unmarshal(body, &times) != nil || times.Start == nil || times.End == nil {
		return q, "bad request", "StartDateTime and EndDateTime are required"
	}
	start, errStart := parseTime(*times.Start)
	end, errEnd := parseTime(*times.End)
	if errStart != nil || errEnd != nil || start > end {
		return q, "bad date", InvalidDate
	}
	return Request{State: state, Start: start, End: end}, "", ""
}

// parseTime takes exactly the contract's form: UTC, whole seconds.
func parseTime(s string) (attempt.Instant, error) {
	const form = "2006-01-02T15:04:05Z"
	t, err := time.Parse(form, s)
	if err == nil && len(s) != len(form) { // time.Parse takes fractions of a second that the form does not have
		err = &time.ParseError{Layout: form, Value: s}
	}
	return attempt.InstantOf(t), err
}

// refuse answers with an error in the API's form.
func (s *Simulator) refuse(w http.ResponseWriter, status int, outcome, message string) {
	s.stats.count(outcome)
	writeErrors(w, status, message)
}

func writeErrors(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", jsonType)
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	_ = e.Encode(struct { // the client may be gone, and nothing follows
		Result any      `json:"result"`
		Errors []string `json:"errors"`
	}{nil, []string{message}})
}

// pause waits, and tells whether the client is still there.
func pause(r *http.Request, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-r.Context().Done():
		return false
	}
}
