package ownership

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/joingroup"
)

// kafka-go's own messages of these APIs have the newest versions' fields in the older versions' encoding, which brokers
// cannot read. So they are encoded here, in versions that all brokers from 2.2 on take.
const (
	joinVersion      = 4 // the first that gives a member id before anything else happens
	syncVersion      = 2
	heartbeatVersion = 2
	leaveVersion     = 2
)

const (
	// correlation is the same in all requests: a connection of kafka-go carries one at a time.
	correlation = 0x6f776e73
	// mostAnswer bounds the memory for an answer.
	mostAnswer = 64 << 20
)

// A call is a request to the group's coordinator, which writes itself, and reads its answer, on a connection of kafka-go.
type call struct {
	key     protocol.ApiKey
	version int16
	client  string
	group   string
	body    []byte // behind the group
}

// An answer is what the coordinator says, behind the header.
type answer struct {
	key protocol.ApiKey
	fields
}

var (
	_ protocol.GroupMessage = (*call)(nil)
	_ protocol.RawExchanger = (*call)(nil)
)

// ApiKey is that of the call.
func (c *call) ApiKey() protocol.ApiKey { return c.key }

// ApiKey is that of the call.
func (a *answer) ApiKey() protocol.ApiKey { return a.key }

// Group routes the call to the group's coordinator.
func (c *call) Group() string { return c.group }

// Required is always true: no other code can encode this message.
func (c *call) Required(map[protocol.ApiKey]int16) bool { return true }

// RawExchange sends the call and reads the answer.
func (c *call) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	b := make([]byte, 4, 64+len(c.body))
	b = binary.BigEndian.AppendUint16(b, uint16(c.key))
	b = binary.BigEndian.AppendUint16(b, uint16(c.version))
	b = binary.BigEndian.AppendUint32(b, correlation)
	b = appendString(b, c.client)
	b = appendString(b, c.group)
	b = append(b, c.body...)
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	if _, err := rw.Write(b); err != nil {
		return nil, err
	}
	var prefix [4]byte
	if _, err := io.ReadFull(rw, prefix[:]); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(prefix[:])
	if size > mostAnswer {
		return nil, fmt.Errorf("an answer of %d bytes is more than the limit of %d", size, mostAnswer)
	}
	a := &answer{key: c.key, fields: fields{b: make([]byte, size)}}
	if _, err := io.ReadFull(rw, a.b); err != nil {
		return nil, err
	}
	if id := a.int32(); a.err == nil && id != correlation {
		return nil, fmt.Errorf("correlation id mismatch: %d", id)
	}
	a.int32() // throttle time, the first field of all of them
	return a, a.err
}

func appendString(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
}

func appendBytes(b, data []byte) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(data))), data...)
}

// joinBody is the body of JoinGroup.
func joinBody(member string, session, rebalance int32, subscription []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(session))
	b = binary.BigEndian.AppendUint32(b, uint32(rebalance))
	b = appendString(b, member)
	b = appendString(b, protocolType)
	b = binary.BigEndian.AppendUint32(b, 1)
	b = appendString(b, protocolName)
	return appendBytes(b, subscription)
}

// joined is the answer to JoinGroup.
func (a *answer) joined() (*joingroup.Response, error) {
	r := &joingroup.Response{ErrorCode: a.int16(), GenerationID: a.int32(), ProtocolName: a.string(), LeaderID: a.string(), MemberID: a.string()}
	for range a.int32() {
		if a.err != nil {
			break
		}
		r.Members = append(r.Members, joingroup.ResponseMember{MemberID: a.string(), Metadata: a.bytes()})
	}
	return r, a.err
}

// memberBody is what Heartbeat and SyncGroup begin with.
func memberBody(generation int32, member string) []byte {
	return appendString(binary.BigEndian.AppendUint32(nil, uint32(generation)), member)
}

// code is the answer's error code as an error.
func (a *answer) code() error {
	code := a.int16()
	if a.err != nil {
		return a.err
	}
	return codeError(code)
}

func codeError(code int16) error {
	if code == 0 {
		return nil
	}
	return kafka.Error(code)
}

// fields reads fields of Kafka's encoding. After the first error, all are zero.
type fields struct {
	b   []byte
	err error
}

var errShort = errors.New("data ends too early")

func (f *fields) take(n int) []byte {
	if f.err != nil || n <= 0 {
		return nil
	}
	if n > len(f.b) {
		f.err = errShort
		return nil
	}
	b := f.b[:n]
	f.b = f.b[n:]
	return b
}

func (f *fields) int16() int16 {
	if b := f.take(2); b != nil {
		return int16(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (f *fields) int32() int32 {
	if b := f.take(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

func (f *fields) string() string { return string(f.take(int(f.int16()))) }
func (f *fields) bytes() []byte  { return f.take(int(f.int32())) }

func appendCount(b []byte, n int) []byte { return binary.BigEndian.AppendUint32(b, uint32(n)) }
