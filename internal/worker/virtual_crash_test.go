package worker_test

import (
	"context"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
)

// A weakLink carries a process's requests to Kafka. They take time, a share of them or of their answers is lost, and once
// it is cut there are no more: what a killed process looks like from Kafka.
type weakLink struct {
	kafka.RoundTripper
	latency time.Duration // at most, each way
	lose    float64
	away    func(time.Time) bool // Kafka cannot be reached, and transactions run out of their time
	cut     func()               // the process is told that it is dead

	mu     sync.Mutex
	random *rand.Rand
	fuse   int // requests left; negative: it burns by requests no longer
	dead   bool
}

// RoundTrip loses the request, the answer or neither. The last request before the end may still arrive.
func (l *weakLink) RoundTrip(ctx context.Context, addr net.Addr, req kafka.Request) (kafka.Response, error) {
	l.mu.Lock()
	wait, back := l.delay(), l.delay()
	x := l.random.Float64()
	loseRequest, loseAnswer := x < l.lose/2, x >= l.lose/2 && x < l.lose
	dead, burnt := l.dead, false
	if l.fuse >= 0 {
		l.fuse--
		burnt = l.fuse < 0
	}
	if burnt {
		l.dead = true
		loseRequest, loseAnswer = x < .5, true
	}
	l.mu.Unlock()
	if burnt {
		l.cut()
	}
	time.Sleep(wait)
	if dead || loseRequest || l.away(time.Now()) {
		return nil, io.ErrUnexpectedEOF
	}
	response, err := l.RoundTripper.RoundTrip(context.WithoutCancel(ctx), addr, req)
	time.Sleep(back)
	if loseAnswer || l.away(time.Now()) {
		return nil, io.ErrUnexpectedEOF
	}
	return response, err
}

func (l *weakLink) delay() time.Duration {
	return time.Duration(l.random.Int64N(int64(l.latency) + 1))
}

// CloseIdleConnections is how stale metadata is dropped.
func (l *weakLink) CloseIdleConnections() {
	if t, ok := l.RoundTripper.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// kill cuts the link now.
func (l *weakLink) kill() {
	l.mu.Lock()
	l.dead = true
	l.mu.Unlock()
	l.cut()
}
