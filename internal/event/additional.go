package event

import (
	"errors"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"attemptstream/internal/attempt"
)

// appendAdditional appends the member "additional", unless nothing is left to be in it.
func (e *Encoder) appendAdditional(dst []byte, a *attempt.Attempt) []byte {
	before := len(dst)
	dst = append(dst, `,"additional":`...)
	c := e.copiers.Get().(*copier)
	defer e.copiers.Put(c)
	c.person(a)
	o := object{from: len(dst)}
	for _, m := range a.Additional {
		memberName := validString(m.Name)
		dst = c.member(dst, &o, memberName, func(dst []byte, k kind, personal bool) ([]byte, bool) {
			return c.text(dst, m.Value, k, personal)
		})
	}
	if len(o.members) == 0 {
		return dst[:before]
	}
	return o.close(dst)
}

// A copier copies JSON values of the API into events: compact, valid whatever came, and without personal data unless
// the policy is Plain. Where a value has to go, the member or the array element that holds it goes.
//
// Personal are, at any depth: the value of a member that is called name or email, in any case, and a string that is the
// name of the attempt or has its email in it. More cannot be told of a string.
type copier struct {
	*Encoder
	source  strings.Reader
	decoder *jsontext.Decoder

	name, email string // of the attempt, normal and in lower case; empty: none
}

func newCopier(e *Encoder) *copier {
	return &copier{Encoder: e, decoder: jsontext.NewDecoder(strings.NewReader(""), copyOptions...)}
}

// Both are mended on the way: a name that repeats, and what is not UTF-8.
var copyOptions = []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}

func (c *copier) person(a *attempt.Attempt) {
	c.name = strings.ToLower(name.normal(a.Name.Value))
	c.email = email.normal(a.Email.Value)
}

// personalString says whether s is personal by what it is.
func (c *copier) personalString(s string) (kind, bool) {
	if c.policy == Plain {
		return 0, false
	}
	s = strings.ToLower(s)
	if c.email != "" && strings.Contains(s, c.email) {
		return email, true
	}
	return name, c.name != "" && strings.TrimSpace(s) == c.name
}

// personalMember says whether the value of a member is personal by what the member is called.
func (c *copier) personalMember(called string) (kind, bool) {
	if c.policy == Plain {
		return 0, false
	}
	called = strings.TrimSpace(called)
	if strings.EqualFold(called, "email") {
		return email, true
	}
	return name, strings.EqualFold(called, "name")
}

// member appends a member of o whose value is appended by value, or nothing.
func (c *copier) member(dst []byte, o *object, called string, value func(dst []byte, k kind, personal bool) ([]byte, bool)) []byte {
	start := len(dst)
	dst = append(appendString(append(dst, ','), called), ':')
	k, personal := c.personalMember(called)
	dst, keep := value(dst, k, personal)
	if _, personal := c.personalString(called); personal || !keep {
		return dst[:start]
	}
	o.add(called, start, len(dst))
	return dst
}

// text appends the JSON text s. If it is none, which no reader of the API yields, it stays as a string where that can
// harm nobody.
func (c *copier) text(dst []byte, s string, k kind, personal bool) ([]byte, bool) {
	start := len(dst)
	c.source.Reset(s)
	c.decoder.Reset(&c.source, copyOptions...)
	dst, keep, err := c.value(dst, k, personal)
	if err == nil {
		if _, err = c.decoder.ReadToken(); errors.Is(err, io.EOF) {
			return dst, keep
		}
	}
	dst = dst[:start]
	if c.policy != Plain {
		return dst, false
	}
	return appendString(dst, s), true
}

// value appends the decoder's next value and says whether it may be told. If not, what it appended is to be cut off.
func (c *copier) value(dst []byte, k kind, personal bool) (_ []byte, keep bool, err error) {
	switch c.decoder.PeekKind() {
	case '{':
		return c.object(dst, personal)
	case '[':
		return c.array(dst, k, personal)
	case '"':
		token, err := c.decoder.ReadToken()
		if err != nil {
			return dst, false, err
		}
		s := token.String()
		if !personal {
			k, personal = c.personalString(s)
		}
		switch {
		case !personal:
			return appendString(dst, s), true, nil
		case c.policy == Hash:
			return c.appendPersonalValue(dst, k, s), true, nil
		}
		return dst, false, nil
	default: // a number, true, false or null: as it is
		v, err := c.decoder.ReadValue()
		return append(dst, v...), !personal, err
	}
}

func (c *copier) object(dst []byte, personal bool) ([]byte, bool, error) {
	if _, err := c.decoder.ReadToken(); err != nil {
		return dst, false, err
	}
	o := object{from: len(dst)}
	for c.decoder.PeekKind() != '}' {
		token, err := c.decoder.ReadToken()
		if err != nil {
			return dst, false, err
		}
		dst = c.member(dst, &o, token.String(), func(dst []byte, k kind, inner bool) ([]byte, bool) {
			var keep bool
			dst, keep, err = c.value(dst, k, personal || inner)
			return dst, keep
		})
		if err != nil {
			return dst, false, err
		}
	}
	_, err := c.decoder.ReadToken()
	return o.close(dst), !personal, err
}

func (c *copier) array(dst []byte, k kind, personal bool) ([]byte, bool, error) {
	if _, err := c.decoder.ReadToken(); err != nil {
		return dst, false, err
	}
	from := len(dst)
	for c.decoder.PeekKind() != ']' {
		start := len(dst)
		var keep bool
		var err error
		dst, keep, err = c.value(append(dst, ','), k, personal)
		if err != nil {
			return dst, false, err
		}
		if !keep {
			dst = dst[:start]
		}
	}
	_, err := c.decoder.ReadToken()
	return closeList(dst, from, '[', ']'), !personal, err
}
