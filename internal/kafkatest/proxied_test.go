package kafkatest_test

import (
	"net"
	"slices"
	"strconv"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"attemptstream/internal/kafkatest"
)

// A broker tells clients of a proxied listener where the proxy is to be, whichever way they came.
func TestProxied(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t, kafkatest.Listen(kafkatest.Listener{Name: "PROXIED", Protocol: "PLAINTEXT", Proxied: true}))
	told := func(addrs []string) (to []string) {
		cl, err := kgo.NewClient(kgo.SeedBrokers(addrs...))
		if err != nil {
			t.Fatal(err)
		}
		defer cl.Close()
		msg, err := cl.SeedBrokers()[0].Request(testContext(t), kmsg.NewPtrMetadataRequest())
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range msg.(*kmsg.MetadataResponse).Brokers {
			to = append(to, net.JoinHostPort(b.Host, strconv.Itoa(int(b.Port))))
		}
		return to
	}
	if got, want := told(c.AddrsOf("PROXIED")), c.ProxiesOf("PROXIED"); !slices.Equal(got, want) {
		t.Errorf("clients are told %v, want %v", got, want)
	}
	if got, want := told(c.Addrs()), c.Addrs(); !slices.Equal(got, want) {
		t.Errorf("clients of the plain listener are told %v, want %v", got, want)
	}
	log, err := c.Log(0)
	if err != nil {
		t.Fatal(err)
	}
	c.Kill(0)
	<-c.Ended(0)
	if again, err := c.Log(0); err != nil || len(again) < len(log) {
		t.Errorf("%d bytes were written, and %d before: %v", len(again), len(log), err)
	}
}
