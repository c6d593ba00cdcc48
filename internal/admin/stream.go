package admin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"
)

const (
	// mostListeners is how many pages may be open at once.
	mostListeners = 64
	// heartbeat is how long a page hears nothing while nothing changes. It is no comment, since a page that is to notice
	// when the connection is dead has to see it.
	heartbeat = 10 * time.Second
	// writeTime is how long a client may leave what it is sent unread.
	writeTime = 10 * time.Second
	// bytesPerSecond bounds what a page is sent: where there are hundreds of accounts, reports come every few seconds.
	bytesPerSecond = 100 << 10
)

// A pace is how long a page may hear nothing, or leave what it is sent unread.
type pace struct{ heartbeat, write time.Duration }

// A broadcast is the pages that are open, and what was sent to them last.
type broadcast struct {
	mu        sync.Mutex
	listeners map[*listener]struct{}
	closed    bool
	body      []byte // of the last report, without its time
	message   []byte // that report, as it was sent
	next      time.Time
}

// A listener is one open page. Its box holds the newest message that it has not been sent yet.
type listener struct {
	box  chan []byte
	gone chan struct{} // closed when the server stops
}

// listen adds a listener; nil if there are too many, or the server stops.
func (b *broadcast) listen() *listener {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || len(b.listeners) >= mostListeners {
		return nil
	}
	l := &listener{box: make(chan []byte, 1), gone: make(chan struct{})}
	b.listeners[l] = struct{}{}
	return l
}

func (b *broadcast) leave(l *listener) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.listeners, l)
}

func (b *broadcast) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	b.closed = true
	for l := range b.listeners {
		close(l.gone)
	}
}

// idle tells whether nobody would be sent anything at now.
func (b *broadcast) idle(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.listeners) == 0 || now.Before(b.next)
}

// send sends a report to all if it differs from the last one.
func (b *broadcast) send(body []byte, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if bytes.Equal(body, b.body) {
		return
	}
	b.body, b.message = body, message("status", now, body)
	b.next = now.Add(time.Duration(len(body)) * time.Second / bytesPerSecond)
	for l := range b.listeners {
		select {
		case <-l.box: // it was too slow for this one
		default:
		}
		l.box <- b.message
	}
}

// message is a server-sent event whose data is a report, or nothing, and the time that it is now.
func message(event string, now time.Time, body []byte) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "event: %s\ndata: {\"now\":%q", event, now.UTC().Format(time.RFC3339Nano))
	if body != nil {
		b.WriteString(`,"report":`)
		b.Write(body)
	}
	b.WriteString("}\n\n")
	return b.Bytes()
}

// publish sends what has changed, if anybody listens.
func (s *Server) publish() {
	now := s.config.Now()
	if s.events.idle(now) {
		return
	}
	if body, err := s.body(now); err == nil {
		s.events.send(body, now)
	}
}

// body is a report without what changes by itself.
func (s *Server) body(now time.Time) ([]byte, error) {
	r := s.build(now)
	r.At = time.Time{}
	return json.Marshal(r)
}

// stream sends the report as it is, and then whenever it has changed.
func (s *Server) stream(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // nginx would keep it back
	if r.Method == http.MethodHead {
		return
	}
	l := s.events.listen()
	if l == nil {
		w.Header().Set("Retry-After", "10")
		text(w, http.StatusServiceUnavailable, fmt.Sprintf("%d pages are open already, or the worker stops: /status can always be asked for\n", mostListeners))
		return
	}
	defer s.events.leave(l)
	now := s.config.Now()
	body, err := s.body(now)
	if err != nil {
		http.Error(w, "the status cannot be written: "+err.Error(), http.StatusInternalServerError)
		return
	}
	send := sender(w, s.pace.write)
	if !send(append([]byte("retry: 2000\n"), message("status", now, body)...)) {
		return
	}
	quiet := time.NewTimer(s.pace.heartbeat)
	defer quiet.Stop()
	for {
		var next []byte
		select {
		case <-r.Context().Done():
			return
		case <-l.gone:
			return
		case next = <-l.box:
		case <-quiet.C:
			next = message("alive", s.config.Now(), nil)
		}
		if !send(next) {
			return
		}
		quiet.Reset(s.pace.heartbeat)
	}
}

// sender writes messages at once, each within its time; it is false when the client is gone or does not read.
func sender(w http.ResponseWriter, longest time.Duration) func([]byte) bool {
	c := http.NewResponseController(w)
	return func(message []byte) bool {
		// The server's own deadline is for answers that end. Where there are no deadlines, as in tests, there are none.
		_ = c.SetWriteDeadline(time.Now().Add(longest))
		if _, err := w.Write(message); err != nil {
			return false
		}
		return c.Flush() == nil
	}
}
