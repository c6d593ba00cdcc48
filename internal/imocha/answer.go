package imocha

import (
	"errors"
	"io"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// maxEntry is the longest entry, in bytes, that is taken; and the longest of any other string or number in an answer.
const maxEntry = 64 << 20

// decodeOptions take what a stricter reader would refuse for the sake of a single name or byte: nothing may be lost for it.
func decodeOptions() []jsontext.Options {
	return []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}
}

// An answer is a body while it is read.
type answer struct {
	source source
	dec    *jsontext.Decoder
	each   func(*Entry) error

	result, attempts bool // were there
	parser           entryParser
	entry            Entry
	stop             error // of each
}

// The ways in which a body is no answer. They end the reading by themselves; what they say is safe to show.
type notAnswer string

func (n notAnswer) Error() string { return string(n) }

var (
	errStopped = errors.New("each has failed")
	errUnequal = errors.New("an entry is valid to the parser alone")
)

// readAnswer reads the body to its end. It returns what is wrong with it, or the error with which each stopped it.
func readAnswer(b *body, each func(*Entry) error) (problem *Error, stop error) {
	a := &answer{source: source{body: b}, each: each}
	defer a.source.release()
	a.dec = jsontext.NewDecoder(&a.source, decodeOptions()...)
	a.source.parsed = a.dec.InputOffset
	err := a.envelope()
	if a.stop != nil {
		return nil, a.stop
	}
	if err == nil {
		return nil, nil
	}
	return a.problem(err), nil
}

// envelope reads {"result":{"testAttempts":[…]},"errors":null} and the end of the body after it.
func (a *answer) envelope() error {
	err := a.object("the answer", func(name string) error {
		switch name {
		case "result":
			if a.result {
				return notAnswer(`the answer has more than one "result"`)
			}
			a.result = true
			if a.dec.PeekKind() == 'n' {
				return notAnswer(`"result" is null`)
			}
			return a.object(`"result"`, a.resultMember)
		case "errors":
			return a.noErrors()
		}
		return a.dec.SkipValue()
	})
	if err != nil {
		return err
	}
	switch _, err := a.dec.ReadToken(); {
	case a.source.body.failed():
		return a.source.body.err
	case !errors.Is(err, io.EOF):
		return notAnswer("the answer goes on after its end")
	}
	switch {
	case !a.result:
		return notAnswer(`the answer has no "result"`)
	case !a.attempts:
		return notAnswer(`the answer has no "testAttempts"`)
	}
	return nil
}

func (a *answer) resultMember(name string) error {
	if name != "testAttempts" {
		return a.dec.SkipValue()
	}
	if a.attempts {
		return notAnswer(`the answer has more than one "testAttempts"`)
	}
	a.attempts = true
	return a.entries()
}

// object reads an object and calls member after each name, to read the value.
func (a *answer) object(what string, member func(name string) error) error {
	token, err := a.dec.ReadToken()
	if err != nil {
		return err
	}
	if token.Kind() != '{' {
		return notAnswer(what + " is not an object")
	}
	for {
		name, err := a.dec.ReadToken()
		if err != nil {
			return err
		}
		if name.Kind() == '}' {
			return nil
		}
		if err := member(name.String()); err != nil {
			return err
		}
	}
}

// noErrors reads the value of "errors", which has to say that there are none.
func (a *answer) noErrors() error {
	token, err := a.dec.ReadToken()
	if err != nil {
		return err
	}
	switch token.Kind() {
	case 'n', 'f':
		return nil
	case '"':
		if token.String() == "" {
			return nil
		}
	case '[', '{':
		if next := a.dec.PeekKind(); next == ']' || next == '}' {
			_, err := a.dec.ReadToken()
			return err
		}
	}
	return notAnswer(`the answer has "errors"`)
}

// problem is what err says of the answer. What the parser says of it is not told, since it quotes the answer.
func (a *answer) problem(err error) *Error {
	e := &Error{Kind: Unreadable, advice: "it is tried again, in smaller windows; if it lasts, " + checkURL}
	var not notAnswer
	switch {
	case errors.As(err, &not):
		e.what = string(not)
	case errors.Is(err, errTooLong):
		e.what = "an entry is longer than " + strconv.FormatInt(a.source.body.maxEntry, 10) + " bytes"
	case a.source.body.failed():
		return broken(a.source.body.err, e)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		e.what = "the answer is cut short"
	default:
		e.what = "the answer is not JSON from byte " + strconv.FormatInt(a.source.offset(), 10) + " on"
	}
	return e
}

// broken is a body that ended with an error of its connection, or of its encoding.
func broken(err error, e *Error) *Error {
	cause := networkCause(err)
	if cause == nil && !errors.Is(err, errTimeout) {
		e.what = "the answer is cut short, or its encoding (chunked, gzip) is damaged"
		if errors.Is(err, io.ErrUnexpectedEOF) {
			e.Err = io.ErrUnexpectedEOF
		}
		return e
	}
	return &Error{Kind: Unavailable, what: "the answer broke off", Err: cause, advice: checkDown}
}
