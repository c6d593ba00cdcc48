package event

import (
	"encoding/hex"

	"attemptstream/internal/attempt"
)

// A Header is one header of a Kafka record.
type Header struct {
	Key   string
	Value []byte
}

// A DeadLetter is an entry of an answer that cannot be an event. The value of its record is Raw, as it came: whoever
// mends it needs all of it, so the PII policy does not apply to it.
type DeadLetter struct {
	Account attempt.Account
	State   attempt.State
	Window  attempt.Window
	Reason  string   // without any of the entry's content
	Hash    [16]byte // that identifies it, see dedupe.HashOf
	Raw     string
}

// AppendKey appends the key of d's record: its hash in hex.
func (d *DeadLetter) AppendKey(dst []byte) []byte { return hex.AppendEncode(dst, d.Hash[:]) }

// Headers are the headers of d's record.
func (d *DeadLetter) Headers() []Header {
	return []Header{
		{"error", appendValid(nil, d.Reason)},
		{"account", []byte(d.Account)},
		{"state", []byte(d.State)},
		{"window-start", appendInstant(nil, d.Window.Start)},
		{"window-end", appendInstant(nil, d.Window.End)},
	}
}
