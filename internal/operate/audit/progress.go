package audit

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"attemptstream/internal/console"
)

// Progress is how far an audit has come, in the phase that it is in. It is safe for concurrent use.
type Progress struct {
	mu    sync.Mutex
	phase string
	total int64

	done  atomic.Int64
	found atomic.Int64 // attempts or events in all
}

// begin begins a phase with so much to do.
func (p *Progress) begin(phase string, total int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.phase, p.total = phase, total
	p.done.Store(0)
	p.found.Store(0)
}

func (p *Progress) look() (phase string, done, total, found int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.phase, min(p.done.Load(), p.total), p.total, p.found.Load()
}

// Intervals of looking at an audit.
const (
	screenInterval = 200 * time.Millisecond
	logInterval    = 30 * time.Second
)

// Watch shows the progress until ctx ends: on a screen as a bar, where there is none as a line in the log now and then.
func (p *Progress) Watch(ctx context.Context, screen *console.Screen, log *zap.Logger) {
	interval := logInterval
	if screen != nil {
		interval = screenInterval
		defer screen.Show("")
	}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		phase, done, total, found := p.look()
		switch {
		case phase == "":
		case screen != nil:
			screen.Show(bar(phase, done, total, found, screen.Width()))
		default:
			log.Info("progress", zap.String("phase", phase), zap.Int64("percent", percent(done, total)), zap.Int64("found", found))
		}
	}
}

func percent(done, total int64) int64 {
	if total == 0 {
		return 100
	}
	return 100 * done / total
}

// bar is a phase as a line of at most width columns; empty where there is no room for one.
func bar(phase string, done, total, found int64, width int) string {
	return console.BarLine(done, total, fmt.Sprintf("%s, %s so far", phase, console.Counted(found, "entry", "entries")), width)
}
