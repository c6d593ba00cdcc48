package event

import (
	"encoding/binary"
	"slices"
	"sync/atomic"
	"time"

	"attemptstream/internal/attempt"
)

// A Form is the record of the events of one answer, with blanks where their attempts go: most of an event's bytes are those
// of all events of its answer, and are made once. It is safe for concurrent use.
//
// An event's id identifies what is told, in the same way whenever it is told: account:id:status. An invitation that came back
// to a status is told under an id of its own, account:id:status@end, by the end of the window in which that showed.
type Form struct {
	encoder *Encoder
	of      Observation // without an attempt

	// The value is opening, id, status, middle, and the attempt from its id on; the headers are those before the event's id,
	// between it and the subject, and after that.
	opening, middle        []byte
	before, between, after []byte
	account, returned      []byte // what the event's id begins and ends with

	size  int // about how many bytes all of them are in a record
	known atomic.Pointer[[]*wording]
}

// A wording is what a form says of a status, together with what always follows there.
type wording struct {
	status  attempt.Status
	middle  []byte // of the value, from the status in the event's id on
	closing []byte // the status in the attempt
	between []byte // of the headers, from the status in the event's id on
	eventID int    // length of the event's id without the id in it
}

// maxKnown bounds the wordings that a form keeps. An answer has some statuses, unless an API goes mad.
const maxKnown = 16

// Form is the form for events that are observed as o is, whatever their attempts.
func (e *Encoder) Form(o *Observation) *Form {
	f := &Form{encoder: e, of: *o}
	f.of.Attempt = attempt.Attempt{}
	f.account = append(appendValid(nil, string(o.Account)), ':')
	if o.CameBack {
		f.returned = appendInstant([]byte{'@'}, o.Window.End)
	}
	f.value(o)
	f.headers(o)
	const keys = 4 * 10
	f.size = len(f.opening) + len(f.middle) + len(f.before) + len(f.between) + len(f.after) + len(f.account) + keys
	f.known.Store(new([]*wording))
	return f
}

// Fits tells whether f is the form for an event that is observed as o is.
func (f *Form) Fits(o *Observation) bool {
	return f.of.Account == o.Account && f.of.State == o.State && f.of.Window == o.Window && f.of.ObservedAt.Equal(o.ObservedAt) &&
		f.of.Late == o.Late && f.of.CameBack == o.CameBack && f.of.Replay == o.Replay
}

// ObservedAt is the time of the records.
func (f *Form) ObservedAt() time.Time { return f.of.ObservedAt }

// value makes the parts of the value, in the contract's order.
func (f *Form) value(o *Observation) {
	b := append([]byte(nil), `{"eventType":"`+Type+`","schemaVersion":1,"eventId":"`...)
	b = appendEscaped(b, string(o.Account))
	f.opening = append(b, ':')

	b = append([]byte(nil), f.returned...)
	b = append(b, `","observedAt":"`...)
	b = appendMillis(b, o.ObservedAt)
	b = append(b, `","account":`...)
	b = appendString(b, string(o.Account))
	b = append(b, `,"state":`...)
	b = appendString(b, string(o.State))
	b = append(b, `,"window":{"start":"`...)
	b = appendInstant(b, o.Window.Start)
	b = append(b, `","end":"`...)
	b = appendInstant(b, o.Window.End)
	b = append(b, `"}`...)
	if o.Late {
		b = append(b, `,"late":true`...)
	}
	if o.Replay != "" {
		b = append(b, `,"replay":{"id":`...)
		b = appendString(b, o.Replay)
		b = append(b, '}')
	}
	f.middle = append(b, `,"attempt":{"testInvitationId":`...)
}

// headers makes the parts of the headers: the attributes of CloudEvents 1.0 in binary mode (Kafka protocol binding,
// section 3.2), and the id of the replay if the event is part of one.
func (f *Form) headers(o *Observation) {
	number := 7
	if o.Replay != "" {
		number++
	}
	b := binary.AppendVarint(nil, int64(number))
	b = appendSized(b, "ce_specversion")
	b = appendSized(b, "1.0")
	f.before = appendSized(b, "ce_id")

	b = appendSized(nil, "ce_type")
	b = appendSized(b, Type)
	b = appendSized(b, "ce_source")
	b = appendSized(b, "/imocha/"+string(o.Account)+"/"+string(o.State))
	f.between = appendSized(b, "ce_subject")

	b = appendSized(nil, "ce_time")
	b = appendSized(b, string(appendMillis(nil, o.ObservedAt)))
	b = appendSized(b, "content-type")
	b = appendSized(b, "application/json")
	if o.Replay != "" {
		b = appendSized(b, "replay")
		b = appendSized(b, validString(o.Replay))
	}
	f.after = b
}

// wording is what f says of a status.
func (f *Form) wording(s attempt.Status) *wording {
	known := *f.known.Load()
	for _, w := range known {
		if w.status == s {
			return w
		}
	}
	valid := validString(string(s))
	w := &wording{
		status:  s,
		middle:  append(appendEscaped([]byte{':'}, string(s)), f.middle...),
		closing: appendString([]byte(`,"testStatus":`), string(s)),
		between: slices.Concat([]byte{':'}, []byte(valid), f.returned, f.between),
		eventID: len(f.account) + len(":") + len(valid) + len(f.returned),
	}
	if len(known) < maxKnown {
		more := append(slices.Clip(known), w)
		f.known.Store(&more) // what another goroutine has stored meanwhile is made once more
	}
	return w
}

// AppendValue appends the value of the record for a: a JSON object on one line.
func (f *Form) AppendValue(dst []byte, a *attempt.Attempt) []byte {
	var room [maxKey]byte
	return f.appendValue(dst, f.wording(a.Status), AppendKey(room[:0], a.ID), a)
}

func (f *Form) appendValue(dst []byte, w *wording, key []byte, a *attempt.Attempt) []byte {
	dst = append(dst, f.opening...)
	dst = append(dst, key...)
	dst = append(dst, w.middle...)
	dst = append(dst, key...)
	dst = f.encoder.appendPerson(dst, a)
	dst = append(dst, w.closing...)
	if len(a.Additional) > 0 {
		dst = f.encoder.appendAdditional(dst, a)
	}
	return append(dst, "}}"...) // the attempt, and the value
}

// AppendBody appends the record for a from its key on, as record batches hold it (KIP-98, "Message Format"): the key, which
// is a's id in decimal, the value, and the headers. No length of a part may follow the part, so the value's is put in when
// it is known.
func (f *Form) AppendBody(dst []byte, a *attempt.Attempt) []byte {
	var room [maxKey]byte
	key := AppendKey(room[:0], a.ID)
	w := f.wording(a.Status)
	dst = appendSized(dst, key)
	start := len(dst)
	dst = append(dst, 0, 0) // two bytes hold lengths from 64 to 8191
	dst = putSize(f.appendValue(dst, w, key, a), start)

	dst = append(dst, f.before...)
	dst = binary.AppendVarint(dst, int64(w.eventID+len(key)))
	dst = append(dst, f.account...)
	dst = append(dst, key...)
	dst = append(dst, w.between...)
	dst = appendSized(dst, key)
	return append(dst, f.after...)
}

// BodySize is about how many bytes AppendBody appends.
func (f *Form) BodySize(a *attempt.Attempt) int { return f.size + a.Size }

func appendSized[T string | []byte](dst []byte, s T) []byte {
	return append(binary.AppendVarint(dst, int64(len(s))), s...)
}

// putSize puts the length of what follows the two bytes at start there, in as many bytes as it takes.
func putSize(dst []byte, start int) []byte {
	var size [binary.MaxVarintLen64]byte
	n := binary.PutVarint(size[:], int64(len(dst)-start-2))
	if n != 2 {
		return slices.Replace(dst, start, start+2, size[:n]...)
	}
	copy(dst[start:], size[:n])
	return dst
}
