package check_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	franzplain "github.com/twmb/franz-go/pkg/sasl/plain"

	"attemptstream/internal/attempt"
	"attemptstream/internal/imocha"
	"attemptstream/internal/imochasim"
	"attemptstream/internal/kafkatest"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/operate/check"
	"attemptstream/internal/topics"
)

const patience = time.Minute

func TestMain(m *testing.M) { os.Exit(kafkatest.Main(m)) }

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// A world is a Kafka and an API that a check looks at.
type world struct {
	t     testing.TB
	addrs []string
	admin *kadm.Client // may do everything
	opts  []kgo.Opt    // of such a client
	sim   *imochasim.Simulator
	cfg   check.Config
}

const apiKey = "correct-horse-battery"

var number atomic.Int64

func newWorld(t testing.TB, addrs []string, opts ...kgo.Opt) *world {
	t.Helper()
	sim, err := imochasim.New(imochasim.Config{Keys: map[string]string{apiKey: "default"}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	opts = append(opts, kgo.SeedBrokers(addrs...))
	cl, err := kgo.NewClient(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return &world{t: t, addrs: addrs, admin: kadm.NewClient(cl), opts: opts, sim: sim, cfg: check.Config{
		Kafka: check.Kafka{
			Brokers: addrs,
			Connect: func(brokers []string, timeout time.Duration) *kafkatx.Client {
				return kafkatx.NewClient(kafkatx.Config{Brokers: brokers, RequestTimeout: timeout})
			},
			Topics: topics.Config{Topic: fmt.Sprintf("check-%d-%d", os.Getpid(), number.Add(1)), Partitions: 2, ReplicationFactor: 1},
		},
		IMocha: check.IMocha{
			BaseURL: server.URL, Accounts: []check.Account{{Name: "default", Key: imocha.StaticKey(apiKey)}}, States: attempt.States(),
			RequestTimeout: 5 * time.Second, SettleDelay: 30 * time.Second,
		},
	}}
}

func (w *world) topic() string { return w.cfg.Kafka.Topics.Topic }

// create makes the three topics, as a worker does.
func (w *world) create() {
	w.t.Helper()
	segment := "33554432"
	for _, topic := range []struct {
		name       string
		partitions int32
		policy     string
	}{{w.topic(), 2, "delete"}, {topics.StateTopic(w.topic()), 2, "compact"}, {topics.DLQTopic(w.topic()), 1, "delete"}} {
		settings := map[string]*string{"cleanup.policy": &topic.policy, "segment.bytes": &segment}
		if _, err := w.admin.CreateTopic(testContext(w.t), topic.partitions, 1, settings, topic.name); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) run() *check.Report {
	w.t.Helper()
	r := check.Run(testContext(w.t), w.cfg)
	if testing.Verbose() {
		for _, i := range r.Items {
			w.t.Logf("%s %s %s: %s", i.Result, i.Of, i.Name, i.Detail)
		}
	}
	return r
}

// must holds the only item whose name has a text to a result and to what it says.
func must(t testing.TB, r *check.Report, name string, result check.Result, says string) {
	t.Helper()
	var found []check.Item
	for _, i := range r.Items {
		if strings.Contains(i.Name, name) {
			found = append(found, i)
		}
	}
	if len(found) != 1 || found[0].Result != result || !strings.Contains(found[0].Detail, says) {
		t.Errorf("of %q it says %+v, want %s and %q", name, found, result, says)
	}
}

// failures holds the report to as many failed items.
func failures(t testing.TB, r *check.Report, n int) {
	t.Helper()
	if r.Failures() != n || r.OK != (n == 0) {
		t.Errorf("%d checks failed (ok: %v), want %d: %+v", r.Failures(), r.OK, n, r.Items)
	}
}

func fake(t testing.TB, opts ...kfake.Opt) []string {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c.ListenAddrs()
}

// guarded is a world whose checks run as a user who has only these permissions.
func guarded(t testing.TB, permissions ...kfake.ACL) *world {
	t.Helper()
	addrs := fake(t, kfake.EnableSASL(), kfake.EnableACLs(), kfake.Superuser("PLAIN", "root", "root-secret"),
		kfake.User("PLAIN", "worker", "worker-secret", permissions...))
	w := newWorld(t, addrs, kgo.SASL(franzplain.Auth{User: "root", Pass: "root-secret"}.AsMechanism()))
	w.cfg.Kafka.Connect = func(brokers []string, timeout time.Duration) *kafkatx.Client {
		return kafkatx.NewClient(kafkatx.Config{Brokers: brokers, RequestTimeout: timeout,
			SASL: plain.Mechanism{Username: "worker", Password: "worker-secret"}})
	}
	return w
}

// allow is a permission on everything whose name begins with check-.
func allow(resource kmsg.ACLResourceType, operations ...kmsg.ACLOperation) (acls []kfake.ACL) {
	for _, o := range operations {
		acls = append(acls, kfake.ACL{Resource: resource, Name: "check-", Pattern: kmsg.ACLResourcePatternTypePrefixed, Operation: o, Allow: true})
	}
	return acls
}
