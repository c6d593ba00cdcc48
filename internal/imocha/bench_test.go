package imocha

import (
	"bytes"
	"io"
	"runtime"
	"testing"
	"time"
)

// BenchmarkEntries reads answers of entries of several forms, as it is done and in the plainest way. Of the time, nothing is the network's.
func BenchmarkEntries(b *testing.B) {
	const n = 1_000
	const usual = `"testInvitationId":2655161,"testId":292930,"name":"Kadomi Terusa","email":"kadomi.terusa@example.com","invitationtype":"api","testStatus":"Completed"`
	for _, form := range []struct{ name, entry string }{
		{"usual", "{" + usual + "}"},
		{"unknown", "{" + usual + `,"score":87.5}`},
		{"escapes", "{" + usual + `,"name":"K\u00e4domi Terusa"}`},
		{"nested", "{" + usual + `,"report":{"score":87.5,"sections":[{"a":1},{"b":"c"}]}}`},
		{"malformed", `{"testId":292930,"name":"Kadomi Terusa","email":"kadomi.terusa@example.com","invitationtype":"api","testStatus":"Completed"}`},
	} {
		var text bytes.Buffer
		if _, err := text.ReadFrom(repeated(form.entry, n)); err != nil {
			b.Fatal(err)
		}
		for _, way := range []struct {
			name string
			read reader
		}{{"fast", readAnswer}, {"plain", readReference}} {
			b.Run(form.name+"/"+way.name, func(b *testing.B) {
				var pool buffers
				var before, after runtime.MemStats
				entries := 0
				runtime.ReadMemStats(&before)
				for b.Loop() {
					_, watch := newWatchdog(b.Context(), time.Hour)
					body := newBody(io.NopCloser(bytes.NewReader(text.Bytes())), watch, maxEntry)
					body.buffers = &pool
					problem, err := way.read(body, func(*Entry) error { entries++; return nil })
					if problem != nil || err != nil {
						b.Fatal(problem, err)
					}
					watch.end()
				}
				runtime.ReadMemStats(&after)
				per := func(n uint64) float64 { return float64(n) / float64(entries) }
				b.ReportMetric(per(uint64(b.Elapsed())), "ns/entry")
				b.ReportMetric(per(after.TotalAlloc-before.TotalAlloc), "B/entry")
				b.ReportMetric(per(after.Mallocs-before.Mallocs), "allocs/entry")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}
