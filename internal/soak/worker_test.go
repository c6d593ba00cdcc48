//go:build linux

package soak_test

import (
	"fmt"
	"sync"
	"syscall"
	"time"

	"attemptstream/internal/program"
)

// A worker is a place for a process that comes and goes. The test's own goroutine starts and ends it; others look.
type worker struct {
	w    *world
	name string

	mu   sync.Mutex
	life int
	now  *running // nil while there is none
}

// running is a worker's process.
type running struct {
	process *program.Process
	url     string // of its status page
	since   time.Time
}

func (w *world) startWorker(name string) *worker {
	w.t.Helper()
	k := &worker{w: w, name: name}
	w.workers = append(w.workers, k)
	k.start()
	return k
}

func (k *worker) start() {
	k.w.t.Helper()
	since := time.Now()
	p := program.Start(k.w.t, k.w.path, k.w.set, "run")
	page := p.StatusPage(patience)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.life++
	k.now = &running{process: p, url: page, since: since}
}

// leave takes the process out of the others' sight, so that nobody is surprised by its end.
func (k *worker) leave() *program.Process {
	k.mu.Lock()
	defer k.mu.Unlock()
	p := k.now.process
	k.now = nil
	return p
}

// stop lets the process end in order.
func (k *worker) stop() {
	k.w.t.Helper()
	p := k.leave()
	p.Signal(syscall.SIGTERM)
	p.Wait(0, stopTime)
}

func (k *worker) kill() {
	k.w.t.Helper()
	if p := k.leave(); !p.Kill() {
		k.w.t.Fatalf("the %s worker ended by itself; its log ends:\n%s", k.name, p.Tail())
	}
}

// look is the process as it is now, nil if there is none. One that has ended by itself is an error.
func (k *worker) look() (r *running, life int, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.now != nil && k.now.process.Ended() {
		return nil, 0, fmt.Errorf("the %s worker ended by itself (%v); its log ends:\n%s", k.name, k.now.process.State(), k.now.process.Tail())
	}
	return k.now, k.life, nil
}
