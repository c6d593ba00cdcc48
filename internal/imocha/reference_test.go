package imocha

import (
	"errors"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// A reference reads answers in the plainest way, which is what fast ones are held against: a parser finds that an entry is valid, and
// a second walk over its text finds its members.
type reference struct {
	body *body
	dec  *jsontext.Decoder
	each func(*Entry) error

	result, attempts bool // were there
	parser           referenceParser
	entry            Entry
	stop             error // of each
}

// readReference is readAnswer.
func readReference(b *body, each func(*Entry) error) (problem *Error, stop error) {
	var spoken answer // for its words
	spoken.source.body = b
	a := &reference{body: b, each: each}
	a.dec = jsontext.NewDecoder(&bounded{body: b, parsed: func() int64 { return a.dec.InputOffset() }}, decodeOptions()...)
	spoken.source.parsed = a.dec.InputOffset
	err := a.envelope()
	switch {
	case a.stop != nil:
		return nil, a.stop
	case err != nil:
		return spoken.problem(err), nil
	}
	return nil, nil
}

// A bounded body holds no more than its maxEntry in memory.
type bounded struct {
	*body
	parsed func() int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.err == nil && b.read-b.parsed() > b.maxEntry {
		b.err = errTooLong
		return 0, b.err
	}
	return b.body.Read(p)
}

// envelope reads {"result":{"testAttempts":[…]},"errors":null} and the end of the body after it.
func (a *reference) envelope() error {
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
	case a.body.failed():
		return a.body.err
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

func (a *reference) resultMember(name string) error {
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
func (a *reference) object(what string, member func(name string) error) error {
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

func (a *reference) entries() error {
	token, err := a.dec.ReadToken()
	if err != nil {
		return err
	}
	if token.Kind() != '[' {
		return notAnswer(`"testAttempts" is not an array`)
	}
	for {
		if a.dec.PeekKind() == ']' {
			_, err := a.dec.ReadToken()
			return err
		}
		value, err := a.dec.ReadValue()
		if err != nil {
			return err
		}
		if int64(len(value)) > a.body.maxEntry {
			return errTooLong
		}
		a.parser.parse(string(value), &a.entry)
		if err := a.each(&a.entry); err != nil {
			a.stop = err
			return errStopped
		}
	}
}

// noErrors reads the value of "errors", which has to say that there are none.
func (a *reference) noErrors() error {
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
