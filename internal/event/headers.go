package event

import "attemptstream/internal/attempt"

// A Header is one header of a Kafka record. Values are shared and must not be changed.
type Header struct {
	Key   string
	Value []byte
}

// The values that all events share.
var (
	specVersion = []byte("1.0")
	eventType   = []byte(Type)
	contentType = []byte("application/json")
)

// Headers is AppendHeaders into new memory.
func (e *Encoder) Headers(o *Observation) []Header {
	headers, _ := e.AppendHeaders(nil, nil, o)
	return headers
}

// AppendHeaders appends the headers of o's record to dst: the attributes of CloudEvents 1.0 in binary mode (Kafka
// protocol binding, section 3.2), and the id of the replay if it is part of one. The bytes of their values are appended
// to buf, which so can be the same for all events of a transaction.
func (e *Encoder) AppendHeaders(dst []Header, buf []byte, o *Observation) ([]Header, []byte) {
	put := func(key string, from int) {
		dst = append(dst, Header{key, buf[from:len(buf):len(buf)]})
	}
	dst = append(dst, Header{"ce_specversion", specVersion})
	from := len(buf)
	buf = o.AppendID(buf)
	put("ce_id", from)
	dst = append(dst, Header{"ce_type", eventType})
	from = len(buf)
	buf = appendSource(buf, o.Account, o.State)
	put("ce_source", from)
	from = len(buf)
	buf = AppendKey(buf, o.Attempt.ID)
	put("ce_subject", from)
	from = len(buf)
	buf = appendMillis(buf, o.ObservedAt)
	put("ce_time", from)
	dst = append(dst, Header{"content-type", contentType})
	if o.Replay != "" {
		from = len(buf)
		buf = appendValid(buf, o.Replay)
		put("replay", from)
	}
	return dst, buf
}

func appendSource(dst []byte, account attempt.Account, state attempt.State) []byte {
	dst = append(append(dst, "/imocha/"...), account...)
	return append(append(dst, '/'), state...)
}
