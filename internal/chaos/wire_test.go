//go:build unix

package chaos_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

const (
	// wirePatience bounds what a proxy may take to change, before there is a new one in its place.
	wirePatience = 5 * time.Second

	// portPatience bounds how long the port of a proxy that has ended may stay taken.
	portPatience = 30 * time.Second
)

// A wire is all connections from a worker, or from all of them, to one place: a proxy.
type wire struct {
	name     string
	listen   string
	upstream string

	mu     sync.Mutex
	proxy  *toxiproxy.Proxy
	share  float64  // of the connections that are harmed
	toxics []string // names of those that are at work
}

func newWire(name, listen, upstream string) (*wire, error) {
	w := &wire{name: name, listen: listen, upstream: upstream}
	return w, w.connect()
}

// connect begins anew: what was before is forgotten.
func (w *wire) connect() error {
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	w.proxy, w.toxics = toxiproxy.NewProxy(server, w.name, w.listen, w.upstream), nil
	return w.open()
}

// open listens again. The port may be taken for a moment by what the system has not forgotten.
func (w *wire) open() error {
	var err error
	for deadline := time.Now().Add(portPatience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if err = w.proxy.Start(); err == nil {
			return nil
		}
	}
	return fmt.Errorf("the proxy %s does not listen at %s again: %w", w.name, w.listen, err)
}

// harm does one kind of harm to all connections, those that are open and those to come, or to half of them.
func (w *wire) harm(k kind, amount int, some bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.share = 1
	if some {
		w.share = .5
	}
	both := []string{"upstream", "downstream"}
	switch k {
	case netCut:
		return w.bounded(w.proxy.Stop)
	case netReset:
		return w.add("reset_peer", []string{"downstream"}, `{"timeout":0}`)
	case netHole:
		return w.add("timeout", both, `{"timeout":0}`)
	case netNoAnswer:
		return w.add("timeout", both[1:], `{"timeout":0}`)
	case netNoAsk:
		return w.add("timeout", both[:1], `{"timeout":0}`)
	case netLate:
		return w.add("latency", both[:1], fmt.Sprintf(`{"latency":%d,"jitter":0}`, amount))
	case netDelay:
		return w.add("latency", both, fmt.Sprintf(`{"latency":%d,"jitter":%d}`, amount/2, amount/4))
	case netThrottle:
		return w.add("bandwidth", both, fmt.Sprintf(`{"rate":%d}`, amount))
	case netBytes:
		return w.add("limit_data", both[1:], fmt.Sprintf(`{"bytes":%d}`, amount))
	case netSlices:
		return w.add("slicer", both, fmt.Sprintf(`{"average_size":%d,"size_variation":%d,"delay":500}`, amount, amount/2))
	}
	return fmt.Errorf("no harm of the kind %q can be done to a network", k)
}

func (w *wire) add(toxic string, streams []string, attributes string) error {
	for _, stream := range streams {
		name := toxic + " " + stream
		text := fmt.Sprintf(`{"name":%q,"type":%q,"stream":%q,"toxicity":%g,"attributes":%s}`, name, toxic, stream, w.share, attributes)
		var err error
		if late := w.bounded(func() { _, err = w.proxy.Toxics.AddToxicJson(strings.NewReader(text)) }); late != nil {
			return late
		}
		if err != nil {
			return fmt.Errorf("the proxy %s refuses %s: %w", w.name, name, err)
		}
		w.toxics = append(w.toxics, name)
	}
	return nil
}

// mend ends the harm. What was held back is delivered, if it was not lost.
func (w *wire) mend() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.proxy.Enabled {
		return w.open()
	}
	for _, name := range w.toxics {
		var err error
		late := w.bounded(func() { err = w.proxy.Toxics.RemoveToxic(context.Background(), name) })
		if late != nil {
			return nil // it began anew
		}
		if err != nil {
			return fmt.Errorf("the proxy %s keeps %s: %w", w.name, name, err)
		}
	}
	w.toxics = nil
	return nil
}

// bounded waits for a change of the proxy. A proxy waits for whoever does not read, such as a process that stands still:
// then there is a new one, and those connections stay as they are until their clients give them up.
func (w *wire) bounded(change func()) error {
	done := make(chan struct{})
	go func() {
		defer close(done)
		change()
	}()
	timer := time.NewTimer(wirePatience)
	defer timer.Stop()
	select {
	case <-done:
		return nil
	case <-timer.C:
	}
	old := w.proxy
	go old.Stop()
	if err := w.connect(); err != nil {
		return err
	}
	return errReplaced
}

// errReplaced says that the proxy did not change in time and there is a new one without harm.
var errReplaced = fmt.Errorf("the proxy did not change within %s: there is a new one", wirePatience)

// close ends all connections.
func (w *wire) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	_ = w.bounded(w.proxy.Stop) // at the end of the test
}
