package eventtest

import (
	"encoding/binary"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Record is the record with a body as event.Form appends it, read by franz-go.
func Record(body []byte) (r kmsg.Record, err error) {
	const before = 3 // attributes and the two deltas, of a byte each here
	whole := binary.AppendVarint(nil, int64(before+len(body)))
	whole = append(whole, make([]byte, before)...)
	err = r.ReadFrom(append(whole, body...))
	return r, err
}
