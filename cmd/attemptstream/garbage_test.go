package main

import (
	"net/http"
	"net/http/httptest"
	"runtime/debug"
	"runtime/metrics"
	"testing"

	"attemptstream/internal/brokertest"
)

// While run works, less garbage piles up than the runtime lets by itself, unless GOGC says how much. What is in force is the whole
// process's, so no other test may run meanwhile.
func TestRunLimitsGarbage(t *testing.T) {
	const before = 33 // less than run ever sets
	defer debug.SetGCPercent(debug.SetGCPercent(before))
	inForce := func() uint64 {
		percent := []metrics.Sample{{Name: "/gc/gogc:percent"}}
		metrics.Read(percent)
		return percent[0].Value.Uint64()
	}
	seen := make(chan uint64, 1)
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		select {
		case seen <- inForce():
		default:
		}
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer api.Close()
	broker := brokertest.Embedded(t)[0]
	for _, gogc := range []string{"", "33"} {
		r := start(t, map[string]string{
			"KAFKA_BROKERS": broker, "IMOCHA_BASE_URL": api.URL, "IMOCHA_API_KEY": "any", "ADMIN_ADDR": "", "GOGC": gogc,
		}, "run")
		during := <-seen
		r.cancel()
		r.wait(exitDone)
		for len(seen) > 0 {
			<-seen
		}
		if limited := during >= 50; limited != (gogc == "") {
			t.Errorf("with GOGC=%s, %d percent may pile up while it runs", gogc, during)
		}
		if after := inForce(); after != before {
			t.Errorf("with GOGC=%s, %d percent may pile up after its end, want %d as before", gogc, after, before)
		}
	}
}
