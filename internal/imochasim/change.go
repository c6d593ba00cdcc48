package imochasim

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"attemptstream/internal/attempt"
)

// Fields are optional members of an entry.
type Fields uint8

// The members that an entry may lack, or have as null.
const (
	FieldTestID Fields = 1 << iota
	FieldName
	FieldEmail
	FieldInvitationType
)

// A Change is an invitation that takes a status.
type Change struct {
	ID     int64
	Status attempt.Status
	At     time.Time
	// Visible is when it begins to be shown, later than At for a late arrival; zero: At.
	Visible time.Time

	TestID         int64
	Name, Email    string
	InvitationType string
	// Absent are fields that the entry does not have, Null those that it has as null.
	Absent, Null Fields
	// Extra is the text of further members, as it stands in a JSON object without its braces: `"score":12,"tags":["a"]`.
	Extra string
}

func (c *Change) check() error {
	switch {
	case c.Status == "":
		return errors.New("a status is missing: use AddRaw for entries that are no attempts")
	case c.At.IsZero():
		return errors.New("the time is missing")
	case c.Extra != "" && !json.Valid([]byte("{"+c.Extra+"}")):
		return fmt.Errorf("extra members of invitation %d: want the inside of a JSON object", c.ID)
	}
	return nil
}

// append appends the entry of an answer.
func (c *Change) append(dst []byte) []byte {
	dst = append(dst, `{"testInvitationId":`...)
	dst = strconv.AppendInt(dst, c.ID, 10)
	if c.Null&FieldTestID != 0 {
		dst = append(dst, `,"testId":null`...)
	} else if c.Absent&FieldTestID == 0 {
		dst = append(dst, `,"testId":`...)
		dst = strconv.AppendInt(dst, c.TestID, 10)
	}
	dst = c.appendText(dst, `,"name":`, FieldName, c.Name)
	dst = c.appendText(dst, `,"email":`, FieldEmail, c.Email)
	dst = c.appendText(dst, `,"invitationtype":`, FieldInvitationType, c.InvitationType)
	dst = appendString(append(dst, `,"testStatus":`...), string(c.Status))
	if c.Extra != "" {
		dst = append(append(dst, ','), c.Extra...)
	}
	return append(dst, '}')
}

func (c *Change) appendText(dst []byte, member string, f Fields, value string) []byte {
	switch {
	case c.Null&f != 0:
		return append(append(dst, member...), "null"...)
	case c.Absent&f != 0:
		return dst
	}
	return appendString(append(dst, member...), value)
}

// appendString appends a JSON string. Every third letter beyond ASCII is written as an escape, or a pair of them, by its
// place, as APIs of different age write them: readers must take both.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i, r := range s {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r < 0x20 || r >= 0x80 && i%3 == 0:
			if r > 0xffff {
				r -= 0x10000
				dst = appendEscape(dst, 0xd800+r>>10)
				dst = appendEscape(dst, 0xdc00+r&0x3ff)
			} else {
				dst = appendEscape(dst, r)
			}
		default:
			dst = append(dst, string(r)...)
		}
	}
	return append(dst, '"')
}

func appendEscape(dst []byte, r rune) []byte {
	const digits = "0123456789abcdef"
	return append(dst, '\\', 'u', digits[r>>12&15], digits[r>>8&15], digits[r>>4&15], digits[r&15])
}

// validJSON is generous: names may repeat and strings may hold what is not UTF-8, since readers meet both.
func validJSON(s string) bool {
	return jsontext.Value(s).IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}
