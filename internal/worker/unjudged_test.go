package worker_test

import (
	"sync/atomic"
	"testing"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/brokertest"
	"attemptstream/internal/imochasim"
)

// A window is there, but what has to be asked for in order to judge it cannot be read for a while: it is not covered before
// it has been judged, and then what came back in it is told.
func TestWindowThatCannotBeJudged(t *testing.T) {
	t.Parallel()
	w := newWorld(t, brokertest.Embedded(t), imochasim.Config{}, day, day.Add(2*time.Hour))
	w.schedule.WindowMax = 10 * time.Minute
	for _, c := range []imochasim.Change{
		{ID: 7, Status: "Expired", At: day.Add(10 * time.Minute)},
		{ID: 7, Status: "Completed", At: day.Add(50 * time.Minute)},
		{ID: 7, Status: "Expired", At: day.Add(90 * time.Minute)}, // back
	} {
		if err := w.sim.Add(string(account), c); err != nil {
			t.Fatal(err)
		}
	}
	const times = 4 // more than one judgment tries
	var failed atomic.Int32
	err := w.sim.SetFaults(imochasim.Faults{Script: func(_ int, r imochasim.Request) imochasim.Fault {
		// No span has a window of a single second.
		if r.State == attempt.Expired && r.End.Sub(r.Start) == time.Second && failed.Add(1) <= times {
			return imochasim.Fault{Kind: imochasim.Internal}
		}
		return imochasim.Fault{}
	}})
	if err != nil {
		t.Fatal(err)
	}
	w.read()
	w.verify(w.scope())
	if n := failed.Load(); n <= times {
		t.Errorf("%d requests for parts of windows, want more than %d", n, times)
	}
}
