//go:build linux

package soak_test

import (
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// What this process opens is counted, and no more.
func TestKernel(t *testing.T) {
	before, err := kernel(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if before["resident"] < mib || before["threads"] < 1 || before["descriptors"] < 3 {
		t.Errorf("%v: want what every process has", before)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	for range 3 {
		ours, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer ours.Close()
		theirs, err := listener.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer theirs.Close()
	}
	after, err := kernel(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	// Both ends of each connection are this process's; the poller of Go's network may take two descriptors the first time.
	if n := after["connections"] - before["connections"]; n != 6 {
		t.Errorf("%v more connections, want 6", n)
	}
	if n := after["descriptors"] - before["descriptors"]; n < 7 || n > 9 {
		t.Errorf("%v more descriptors, want 7 and those of the poller", n)
	}
	if _, err := kernel(1 << 30); err == nil {
		t.Error("a process that does not exist was measured")
	}
}

// The table names each figure flat or growing, and judges per id what grows with the ids by right.
func TestTable(t *testing.T) {
	t.Parallel()
	r := newRecord(io.Discard)
	put := func(of, name string, f func(minute float64) float64) {
		for at := time.Duration(0); at <= time.Hour; at += 10 * time.Second {
			k := key{of, name}
			r.series[k] = append(r.series[k], sample{at: at, value: f(at.Minutes())})
		}
	}
	put("worker", "goroutines", func(float64) float64 { return 40 })
	put("worker", "connections", func(minute float64) float64 { return 10 + minute/3 })
	put(ofIndex, "bytes", func(minute float64) float64 { return 2 * (1000 + 100*minute) })
	put(ofIndex, "bytes per id", func(float64) float64 { return 2 })
	put(ofState, "live records", func(minute float64) float64 { return 100 + minute*minute })
	put(ofState, "live records per id", func(minute float64) float64 { return 1 + minute/50 })
	put(ofState, "disk", func(minute float64) float64 { return mib * (10 + minute) })
	put(ofState, "disk beyond live", func(float64) float64 { return 7 * mib })
	words := map[string]string{"goroutines": "flat", "threads": "not seen", "connections": "GROWS", "bytes": "flat: bytes per id", "live records": "GROWS", "disk": "TOO MUCH"}
	all := verdicts(r, theJudged("worker"), 6*time.Minute, time.Hour)
	text := table(all)
	for _, v := range all {
		want, ok := words[v.name]
		if ok && v.word() != want {
			t.Errorf("%s: %q, want %q", v.name, v.word(), want)
		}
		if !strings.Contains(text, v.of+": "+v.name) {
			t.Errorf("the table has no %s", v.name)
		}
	}
}
