package imochasim_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/imochasim"
)

// million is an account in which a million invitations completed, one each 10 ms.
func million(b *testing.B) *imochasim.Simulator {
	s := newSimulator(b, imochasim.Config{})
	batch := make([]imochasim.Change, 0, 1000)
	for i := range 1_000_000 {
		batch = append(batch, imochasim.Change{ID: 2_655_161 + int64(i), TestID: 292_930, Name: "May Example", Email: "may.55161@example.com",
			InvitationType: "api", Status: "Completed", At: epoch.Add(time.Duration(i) * 10 * time.Millisecond)})
		if len(batch) == cap(batch) {
			add(b, s, batch...)
			batch = batch[:0]
		}
	}
	return s
}

// BenchmarkAnswer reads windows of 1,000 entries of a million over a connection, as a worker does.
func BenchmarkAnswer(b *testing.B) {
	s := million(b)
	server := httptest.NewServer(s)
	defer server.Close()
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		start := at(float64(n%900) * 10)
		n++
		r, err := http.NewRequest(http.MethodPost, server.URL+imochasim.Path+"?state=completed", strings.NewReader(body(start, start.Add(10*time.Second))))
		if err != nil {
			b.Fatal(err)
		}
		r.Header = request(attempt.Completed, epoch, epoch).Header
		answer, err := server.Client().Do(r)
		if err != nil {
			b.Fatal(err)
		}
		if size, err := io.Copy(io.Discard, answer.Body); err != nil || size < 100_000 {
			b.Fatal(size, err)
		}
		answer.Body.Close()
	}
	b.ReportMetric(float64(n)*1001/b.Elapsed().Seconds(), "entries/s")
}

// BenchmarkAdd adds a million changes in order, and says what they cost in memory.
func BenchmarkAdd(b *testing.B) {
	var before, after runtime.MemStats
	n := 0
	for b.Loop() {
		runtime.GC()
		runtime.ReadMemStats(&before)
		s := million(b)
		runtime.GC()
		runtime.ReadMemStats(&after)
		runtime.KeepAlive(s)
		n++
	}
	b.ReportMetric(float64(n)*1e6/b.Elapsed().Seconds(), "changes/s")
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/1e6, "B/change")
}
