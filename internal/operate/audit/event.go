package audit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"attemptstream/internal/attempt"
)

// An event is what the audit reads of an event's value. No personal data is in it.
type event struct {
	eventID  string
	account  attempt.Account
	state    attempt.State
	window   attempt.Window
	late     bool
	replay   string // id; empty: it was not replayed
	id       int64
	status   attempt.Status
	cameBack bool
	end      attempt.Instant // in the eventId, where it came back
}

var errNoEvent = errors.New("not an event")

// An eventParser reads events. It is used again and again, by one goroutine.
type eventParser struct {
	in  bytes.Reader
	dec *jsontext.Decoder
}

// parse reads the value of a record. The error says what is wrong without any of the content.
func (p *eventParser) parse(value []byte) (e event, err error) {
	p.in.Reset(value)
	unchecked := jsontext.AllowDuplicateNames(true) // looking for them takes a third of the time
	if p.dec == nil {
		p.dec = jsontext.NewDecoder(&p.in, unchecked)
	} else {
		p.dec.Reset(&p.in, unchecked)
	}
	if err := p.object(func(name string) error { return p.member(&e, name) }); err != nil {
		return e, fmt.Errorf("%w: its value is not as the schema says", errNoEvent)
	}
	if _, err := p.dec.ReadToken(); !errors.Is(err, io.EOF) {
		return e, fmt.Errorf("%w: its value goes on after its end", errNoEvent)
	}
	return e, e.identify()
}

// identify takes the eventId apart.
func (e *event) identify() error {
	first := string(e.account) + ":" + strconv.FormatInt(e.id, 10) + ":" + string(e.status)
	rest, ok := strings.CutPrefix(e.eventID, first)
	if ok && rest == "" {
		return nil
	}
	if at, found := strings.CutPrefix(rest, "@"); ok && found && e.end.UnmarshalText([]byte(at)) == nil {
		e.cameBack = true
		return nil
	}
	return fmt.Errorf("%w: its eventId is not that of its invitation and status", errNoEvent)
}

func (p *eventParser) member(e *event, name string) (err error) {
	switch name {
	case "eventId":
		e.eventID, err = p.text()
	case "account":
		e.account, err = textAs[attempt.Account](p)
	case "state":
		e.state, err = textAs[attempt.State](p)
	case "window":
		e.window = attempt.Window{} // of names that are there twice, the last counts
		return p.object(func(name string) error {
			switch name {
			case "start":
				return p.instant(&e.window.Start)
			case "end":
				return p.instant(&e.window.End)
			}
			return p.dec.SkipValue()
		})
	case "late":
		var t jsontext.Token
		if t, err = p.dec.ReadToken(); err != nil {
			return err
		}
		if t.Kind() != 't' && t.Kind() != 'f' {
			return errNoEvent // not least what has members of its own
		}
		e.late = t.Kind() == 't'
	case "replay":
		e.replay = ""
		return p.object(func(name string) (err error) {
			if name != "id" {
				return p.dec.SkipValue()
			}
			e.replay, err = p.text()
			return err
		})
	case "attempt":
		e.id, e.status = 0, ""
		return p.object(func(name string) (err error) {
			switch name {
			case "testInvitationId":
				var t jsontext.Token
				if t, err = p.dec.ReadToken(); err != nil {
					return err
				}
				if t.Kind() != '0' {
					return errNoEvent
				}
				e.id, err = strconv.ParseInt(t.String(), 10, 64)
				return err
			case "testStatus":
				e.status, err = textAs[attempt.Status](p)
				return err
			}
			return p.dec.SkipValue()
		})
	default:
		return p.dec.SkipValue()
	}
	return err
}

// object reads an object and calls member after each name, to read the value.
func (p *eventParser) object(member func(name string) error) error {
	t, err := p.dec.ReadToken()
	if err != nil {
		return err
	}
	if t.Kind() != '{' {
		return errNoEvent
	}
	for {
		t, err := p.dec.ReadToken()
		if err != nil {
			return err
		}
		if t.Kind() == '}' {
			return nil
		}
		if err := member(t.String()); err != nil {
			return err
		}
	}
}

func (p *eventParser) text() (string, error) {
	t, err := p.dec.ReadToken()
	if err != nil {
		return "", err
	}
	if t.Kind() != '"' {
		return "", errNoEvent
	}
	return t.String(), nil
}

func textAs[T ~string](p *eventParser) (T, error) {
	s, err := p.text()
	return T(s), err
}

func (p *eventParser) instant(into *attempt.Instant) error {
	s, err := p.text()
	if err != nil {
		return err
	}
	return into.UnmarshalText([]byte(s))
}
