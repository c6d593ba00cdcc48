package imochasim

import (
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"time"
)

// misbehave answers a request with a fault.
func (s *Simulator) misbehave(w http.ResponseWriter, r *http.Request, faults *Faults, f Fault, q Request, random *rand.Rand) {
	after := f.RetryAfter
	if after == 0 {
		after = faults.RetryAfter
	}
	if after == 0 {
		after = time.Second
	}
	after = (after + time.Second - 1).Truncate(time.Second)
	switch f.Kind {
	case TooMany:
		w.Header().Set("Retry-After", strconv.Itoa(int(after/time.Second)))
		writeErrors(w, http.StatusTooManyRequests, "Too many requests")
	case TooManyDate:
		// A date has whole seconds: rounded up, so that who waits until then has waited long enough.
		w.Header().Set("Retry-After", q.At.Add(after+time.Second-1).UTC().Format(http.TimeFormat))
		writeErrors(w, http.StatusTooManyRequests, "Too many requests")
	case TooManyBare:
		writeErrors(w, http.StatusTooManyRequests, "Too many requests")
	case Internal:
		writeErrors(w, http.StatusInternalServerError, "An error has occurred")
	case BadGateway:
		writeBody(w, http.StatusBadGateway, "text/html", "<html><head><title>502 Bad Gateway</title></head></html>")
	case Unavailable:
		if f.RetryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(after/time.Second)))
		}
		writeBody(w, http.StatusServiceUnavailable, "text/plain", "Service Unavailable")
	case GatewayTimeout:
		writeBody(w, http.StatusGatewayTimeout, "text/plain", "")
	case Reset:
		reset(w)
	case Hang:
		bound := faults.HangFor
		if bound == 0 {
			bound = 2 * time.Minute
		}
		if pause(r, bound) {
			writeBody(w, http.StatusGatewayTimeout, "text/plain", "")
		}
	case CutLength, CutChunked, Trailing, Halved:
		s.misanswer(w, f.Kind, s.answer(q, random))
	case HTML:
		writeBody(w, http.StatusOK, "text/html; charset=utf-8", "<!DOCTYPE html><html><body><h1>We are down for maintenance</h1></body></html>")
	case Errors:
		writeErrors(w, http.StatusOK, "Something went wrong, please try again later")
	case NoResult:
		writeBody(w, http.StatusOK, jsonType, `{"errors":null}`)
	case ResultString:
		writeBody(w, http.StatusOK, jsonType, `{"result":"ok","errors":null}`)
	case AttemptsObject:
		writeBody(w, http.StatusOK, jsonType, `{"result":{"testAttempts":{"0":{"testInvitationId":1,"testStatus":"Completed"}}},"errors":null}`)
	case NullAttempts:
		writeBody(w, http.StatusOK, jsonType, `{"result":{"testAttempts":null},"errors":null}`)
	case Empty:
		writeBody(w, http.StatusOK, jsonType, "")
	case KeyRefused:
		writeErrors(w, http.StatusUnauthorized, "API key is invalid or expired")
	case BadDate:
		writeErrors(w, http.StatusUnauthorized, InvalidDate)
	case Forbidden:
		writeErrors(w, http.StatusForbidden, "The API key has no permission for this resource")
	case BadRequest:
		writeErrors(w, http.StatusBadRequest, "The request is invalid")
	case NotFound:
		writeErrors(w, http.StatusNotFound, "No HTTP resource was found that matches the request")
	default: // a script's mistake, which must not pass for an answer
		writeErrors(w, http.StatusNotImplemented, "unknown fault "+string(f.Kind))
	}
}

// misanswer sends a right answer wrongly.
func (s *Simulator) misanswer(w http.ResponseWriter, kind FaultKind, a *answer) {
	half := a.length() / 2
	w.Header().Set("Content-Type", jsonType)
	switch kind {
	case Halved:
		w.Header().Set("Content-Length", strconv.Itoa(half))
		a.write(w, half)
		return
	case Trailing:
		a.write(w, a.length())
		_, _ = io.WriteString(w, "\n<!-- generated in 12 ms -->") // as everywhere: the client may be gone
		return
	case CutLength:
		w.Header().Set("Content-Length", strconv.Itoa(a.length()))
	}
	a.write(w, half)
	_ = http.NewResponseController(w).Flush() // if it cannot flush, it cannot have sent the rest either
	panic(http.ErrAbortHandler)
}

func writeBody(w http.ResponseWriter, status int, contentType, body string) {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

// reset ends the connection without a word.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil { // HTTP/2, or a recorder: the server ends the stream or the test
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // a reset instead of an orderly end; without it the client has an EOF, as bad for it
	}
	_ = conn.Close()
}
