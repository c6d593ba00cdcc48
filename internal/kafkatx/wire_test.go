package kafkatx_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/segmentio/kafka-go/protocol"
)

// A wire sees the requests of a client as they leave, and lets tests cut or hold brokers off.
type wire struct {
	mu    sync.Mutex
	sent  []frame
	conns int
	away  map[string]bool // brokers that refuse connections
	hangs map[string]bool // brokers that take requests and never answer
	open  map[*wireConn]bool
}

// A frame is one request.
type frame struct {
	api    string
	broker string
	conn   int
	at     time.Time
	took   time.Duration // until the answer's first byte
}

// tap puts a wire between a client that has not connected yet and its brokers.
func tap(f *faults) *wire {
	w := &wire{away: make(map[string]bool), hangs: make(map[string]bool), open: make(map[*wireConn]bool)}
	f.transport.Dial = w.dial
	f.transport.DialTimeout = time.Second
	return w
}

var errAway = errors.New("connection refused")

func (w *wire) dial(ctx context.Context, network, address string) (net.Conn, error) {
	w.mu.Lock()
	away := w.away[address]
	w.mu.Unlock()
	if away {
		return nil, errAway
	}
	c, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conns++
	conn := &wireConn{Conn: c, w: w, number: w.conns, broker: address, last: -1}
	w.open[conn] = true
	return conn, nil
}

// refuse cuts a broker's connections, and lets it take none any more.
func (w *wire) refuse(address string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.away[address] = true
	for c := range w.open {
		if c.broker == address {
			c.Conn.Close()
		}
	}
}

// metadata is the number of kafka-go's own requests for metadata so far.
func (w *wire) metadata() (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, f := range w.sent {
		if f.api == "Metadata" {
			n++
		}
	}
	return n
}

// hang lets a broker answer no more.
func (w *wire) hang(address string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hangs[address] = true
}

// forget begins a new account of what was sent.
func (w *wire) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent = nil
	for c := range w.open {
		c.last = -1
	}
}

// frames are the requests so far, without those that kafka-go sends on its own.
func (w *wire) frames() []frame {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(w.sent), func(f frame) bool { return f.api == "Metadata" || f.api == "ApiVersions" })
}

// apis are the names of the requests so far.
func (w *wire) apis() []string {
	var apis []string
	for _, f := range w.frames() {
		apis = append(apis, f.api)
	}
	return apis
}

// count is the number of requests of one kind so far.
func (w *wire) count(api string) int {
	n := 0
	for _, f := range w.frames() {
		if f.api == api {
			n++
		}
	}
	return n
}

// log shows the requests with their times.
func (w *wire) log(t testing.TB) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var b strings.Builder
	for _, f := range w.sent {
		fmt.Fprintf(&b, "\n%8.3f ms  connection %d to %s  %-20s answered after %.3f ms", f.at.Sub(w.sent[0].at).Seconds()*1e3, f.conn, f.broker, f.api, f.took.Seconds()*1e3)
	}
	t.Log(b.String())
}

// wireConn reads the requests that are written to it.
type wireConn struct {
	net.Conn
	w      *wire
	number int
	broker string
	rest   []byte // of a request, or of its header
	skip   int    // bytes that are left of a request
	last   int    // in w.sent
}

func (c *wireConn) Write(b []byte) (int, error) {
	c.w.mu.Lock()
	for data := b; len(data) > 0; {
		if c.skip > 0 {
			n := min(c.skip, len(data))
			c.skip, data = c.skip-n, data[n:]
			continue
		}
		n := min(6-len(c.rest), len(data))
		c.rest, data = append(c.rest, data[:n]...), data[n:]
		if len(c.rest) == 6 {
			c.skip = int(binary.BigEndian.Uint32(c.rest)) - 2
			key := protocol.ApiKey(binary.BigEndian.Uint16(c.rest[4:]))
			c.rest = nil
			c.last = len(c.w.sent)
			c.w.sent = append(c.w.sent, frame{api: key.String(), broker: c.broker, conn: c.number, at: time.Now()})
		}
	}
	c.w.mu.Unlock()
	return c.Conn.Write(b)
}

func (c *wireConn) Read(b []byte) (int, error) {
	for {
		n, err := c.Conn.Read(b)
		c.w.mu.Lock()
		hangs := c.w.hangs[c.broker]
		if n > 0 && !hangs && c.last >= 0 {
			c.w.sent[c.last].took = time.Since(c.w.sent[c.last].at)
			c.last = -1
		}
		c.w.mu.Unlock()
		if err != nil || !hangs {
			return n, err
		}
	}
}

func (c *wireConn) Close() error {
	c.w.mu.Lock()
	delete(c.w.open, c)
	c.w.mu.Unlock()
	return c.Conn.Close()
}
