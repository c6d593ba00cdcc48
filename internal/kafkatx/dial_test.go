package kafkatx

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"
)

// Another server at a broker's port is named as such, soon, and costs no memory. (kafka-go made room for five gigabytes.)
func TestNotABroker(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	web := httptest.NewServer(http.NotFoundHandler())
	defer web.Close()
	mail, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer mail.Close()
	go func() {
		for {
			c, err := mail.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, "220 mail.example ESMTP\r\n")
			c.Close()
		}
	}()
	for name, address := range map[string]string{"HTTP": web.Listener.Addr().String(), "SMTP": mail.Addr().String()} {
		c := NewClient(Config{Brokers: []string{address}, RequestTimeout: 20 * time.Second})
		_, err := c.Partitions(t.Context(), "events")
		c.Close()
		if err == nil || !strings.Contains(err.Error(), "KAFKA_BROKERS") {
			t.Errorf("%s: %v", name, err)
		}
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 256<<20 {
		t.Errorf("%d MiB were allocated", grown>>20)
	}
}
