package imocha

import (
	"context"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"attemptstream/internal/attempt"
)

const (
	// longestRefusal is how much is read of a body that is no answer: enough to tell two meanings of 401 apart.
	longestRefusal = 64 << 10
	// drainTime and drainLength bound what is read of a body only to use its connection again.
	drainTime   = time.Second
	drainLength = 64 << 10
)

// ask sends one request. It returns the problem with it, or the error with which each stopped it.
func (c *Client) ask(ctx context.Context, state attempt.State, w attempt.Window, key string, each func(*Entry) error) (problem *Error, stop error) {
	began := time.Now()
	epoch, err := c.pace.wait(ctx)
	if c.config.Waited != nil {
		c.config.Waited(time.Since(began))
	}
	if err != nil {
		return &Error{Err: err}, nil // the context has ended, which Attempts sees
	}
	ctx, watch := newWatchdog(ctx, c.config.RequestTimeout)
	defer watch.end()
	resp, err := c.transport.RoundTrip(c.request(ctx, state, w, key))
	watch.pause()
	if err != nil {
		if watch.expired() {
			return c.timedOut("no answer"), nil
		}
		return unconnected(err), nil
	}
	b := newBody(resp.Body, watch, c.maxEntry)
	b.buffers = &c.buffers
	defer b.rc.Close()
	if resp.StatusCode != http.StatusTooManyRequests {
		c.pace.succeed(epoch)
	}
	switch early := tooEarly(resp, w); {
	case early != nil:
		problem = early
	case resp.StatusCode == http.StatusOK:
		problem, stop = readAnswer(b, each)
		if problem != nil && b.failed() && watch.expired() {
			problem = c.timedOut("the answer paused after " + strconv.FormatInt(b.read, 10) + " bytes")
		}
		if problem != nil && problem.Kind == Unreadable {
			problem.what += " (" + describe(resp, b) + ")"
		}
	default:
		problem = c.refusal(resp, b, epoch)
	}
	if problem != nil {
		problem.Status = resp.StatusCode
	}
	if stop == nil {
		b.drain()
	}
	return problem, stop
}

func (c *Client) request(ctx context.Context, state attempt.State, w attempt.Window, key string) *http.Request {
	target := *c.endpoint
	target.RawQuery = url.Values{"state": {string(state)}}.Encode()
	text := `{"StartDateTime":"` + w.Start.String() + `","EndDateTime":"` + w.End.String() + `"}`
	open := func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }
	body, _ := open()
	req := &http.Request{
		Method: http.MethodPost, URL: &target, Host: target.Host,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: body, GetBody: open, ContentLength: int64(len(text)),
	}
	req.Header.Set("X-API-KEY", key)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", c.config.UserAgent)
	// It only reads, so net/http may send it once more when a kept connection turns out to be closed, though that is a
	// request that the limits do not count. An empty value says so to net/http and is not sent.
	req.Header["Idempotency-Key"] = nil
	return req.WithContext(ctx)
}

// refusal is what a status other than 200 means.
func (c *Client) refusal(resp *http.Response, b *body, epoch int) *Error {
	status := resp.StatusCode
	e := &Error{Kind: Rejected, what: "the request is refused", advice: "check IMOCHA_BASE_URL"}
	switch {
	case status == http.StatusTooManyRequests:
		e.Kind, e.what = Throttled, "too many requests, or the quota is used up"
		e.Until = c.pace.throttle(epoch, resp.Header, time.Now())
		e.advice = "nothing is asked before " + e.Until.UTC().Format(time.RFC3339) +
			"; if it recurs, lower IMOCHA_RATE_LIMIT and IMOCHA_CONCURRENCY, or ask iMocha for the account's limits"
	case status == http.StatusUnauthorized && b.namesDate():
		e.what = "the API calls the times of the window invalid"
		e.advice = "check the clock of this machine, STREAM_START_AT and IMOCHA_BASE_URL, and whether the API has changed"
	case status == http.StatusUnauthorized:
		e.Kind, e.what, e.advice = Unauthorized, "the key is refused", checkKey
	case status == http.StatusForbidden:
		e.Kind, e.what, e.advice = Unauthorized, "the key has no permission", checkKey
	case status >= 500, status == http.StatusRequestTimeout: // 408: the server says that it waited for too long
		e.Kind, e.what, e.advice = Unavailable, "the API cannot answer now", checkDown
	case status == http.StatusBadRequest:
		e.what = "the API calls the request's parameters invalid"
		e.advice = "check STREAM_STATES, STREAM_START_AT and IMOCHA_BASE_URL, and whether the API has changed"
	case status == http.StatusNotFound:
		e.what, e.advice = "there is no such API", checkURL
	case status >= 300 && status < 400:
		e.what, e.advice = "the API redirects to another address, where the key is not sent", checkURL
	case status >= 200 && status < 300:
		e.Kind, e.what, e.advice = Unreadable, "an answer without content ("+describe(resp, b)+")", checkURL
	}
	return e
}

// tooEarly is the problem with an answer whose date (RFC 9110, section 6.6.1) says that its window has not passed yet, nil if
// there is none. A date is in whole seconds, cut, as a window's end is, so of two clocks that agree none is behind the other.
// Without a date nothing is known of the API's clock.
func tooEarly(resp *http.Response, w attempt.Window) *Error {
	date, err := http.ParseTime(resp.Header.Get("Date"))
	if resp.StatusCode != http.StatusOK || err != nil {
		return nil
	}
	ahead := w.End.Sub(attempt.InstantOf(date))
	if ahead <= 0 {
		return nil
	}
	return &Error{
		Kind: Early, Reached: date,
		what:   "the window ends " + ahead.String() + " after the time that the API's clock shows, " + date.UTC().Format(time.RFC3339),
		advice: "nothing is read before that clock has reached it; this machine's clock is ahead: check its time synchronization",
	}
}

func (c *Client) timedOut(what string) *Error {
	return &Error{
		Kind:   Unavailable,
		what:   what + " for " + c.config.RequestTimeout.String(),
		Err:    errTimeout, // not context.DeadlineExceeded, which would look like the end of the caller's context
		advice: "raise it if the API needs longer, or check the network and the status of iMocha",
	}
}

// describe is what may be told of a body: its type, and how much of it came.
func describe(resp *http.Response, b *body) string {
	kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil || len(kind) > 64 {
		kind = "of no known type"
	}
	return kind + ", " + strconv.FormatInt(b.read, 10) + " bytes read"
}
