package imocha

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"
	"unicode"

	"github.com/go-json-experiment/json/jsontext"
)

// errTimeout is why a watchdog ends a request.
var errTimeout = errors.New("IMOCHA_REQUEST_TIMEOUT has passed")

// A watchdog ends a request that makes no progress. It runs from the start of the request to its headers, and while the
// body is waited for; not while what arrived is worked on.
type watchdog struct {
	timer   *time.Timer
	timeout time.Duration
	ctx     context.Context
	cancel  context.CancelCauseFunc
}

func newWatchdog(parent context.Context, timeout time.Duration) (context.Context, *watchdog) {
	ctx, cancel := context.WithCancelCause(parent)
	return ctx, &watchdog{
		timer:   time.AfterFunc(timeout, func() { cancel(errTimeout) }),
		timeout: timeout,
		ctx:     ctx,
		cancel:  cancel,
	}
}

func (w *watchdog) start(d time.Duration) { w.timer.Reset(d) }
func (w *watchdog) pause()                { w.timer.Stop() }

// expired tells whether it was the watchdog that ended the request.
func (w *watchdog) expired() bool { return errors.Is(context.Cause(w.ctx), errTimeout) }

func (w *watchdog) end() {
	w.pause()
	w.cancel(context.Canceled)
}

// errTooLong is a token or an entry that is longer than memory allows.
var errTooLong = errors.New("longer than it may be")

// A body reads an answer under a watchdog, and keeps the error with which it ended apart from what a parser makes of it.
type body struct {
	rc       io.ReadCloser
	watch    *watchdog
	maxEntry int64

	buffers *buffers

	read int64 // bytes
	err  error // of the last read
}

func newBody(rc io.ReadCloser, watch *watchdog, maxEntry int64) *body {
	return &body{rc: rc, watch: watch, maxEntry: maxEntry, buffers: new(buffers)}
}

func (b *body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	b.watch.start(b.watch.timeout)
	n, err := b.rc.Read(p)
	b.watch.pause()
	b.read += int64(n)
	b.err = err
	return n, err
}

// failed tells whether the body ended otherwise than by its end.
func (b *body) failed() bool { return b.err != nil && b.err != io.EOF }

// readSome reads at most n bytes within d in all.
func (b *body) readSome(n int64, d time.Duration) []byte {
	if b.err != nil {
		return nil
	}
	b.watch.start(d)
	defer b.watch.pause()
	var text []byte
	text, b.err = io.ReadAll(io.LimitReader(b.rc, n))
	b.read += int64(len(text))
	return text
}

// drain reads what little is left, since only then the connection can be used again.
func (b *body) drain() { b.readSome(drainLength, drainTime) }

// namesDate tells whether the body is the API's complaint of an invalid time. It answers a refused key with the same
// status, so the words are all there is to go by. Where they speak of a key too, it is the key.
func (b *body) namesDate() bool {
	dec := jsontext.NewDecoder(strings.NewReader(string(b.readSome(longestRefusal, b.watch.timeout))), decodeOptions()...)
	if t, err := dec.ReadToken(); err != nil || t.Kind() != '{' {
		return false
	}
	for dec.PeekKind() == '"' {
		name, err := dec.ReadToken()
		if err != nil {
			return false
		}
		isErrors := name.String() == "errors"
		value, err := dec.ReadValue()
		if err != nil {
			return false
		}
		if isErrors {
			return complainsOfDate(value.String())
		}
	}
	return false
}

func complainsOfDate(text string) bool {
	var date, complaint, key bool
	for _, word := range strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) }) {
		switch word {
		case "date", "dates", "datetime", "startdate", "enddate", "startdatetime", "enddatetime":
			date = true
		case "invalid", "valid", "incorrect", "wrong", "format":
			complaint = true
		case "key", "apikey", "token":
			key = true
		}
	}
	return date && complaint && !key
}
