package kafkatest

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// startPatience bounds one attempt to start a cluster. It takes 2 s on an idle machine.
const startPatience = 90 * time.Second

// Cluster is a running Kafka. Its methods are safe for concurrent use, but for those that name the same broker.
type Cluster struct {
	dist    *distribution
	dir     string
	id      string
	brokers []*broker
}

// Option changes what Start starts.
type Option func(*settings)

type settings struct {
	version   string // empty: as the environment says
	brokers   int
	configs   map[string]string
	listeners []Listener
	jvm       []string
}

// Brokers sets the number of brokers; it is 1 without. With three, internal topics have three replicas and need two.
func Brokers(n int) Option { return func(s *settings) { s.brokers = n } }

// Version sets the version of Kafka that the cluster begins with. Upgrade changes it, broker by broker.
func Version(version string) Option { return func(s *settings) { s.version = version } }

// Config sets a broker setting, for all brokers.
func Config(key, value string) Option { return func(s *settings) { s.configs[key] = value } }

// Start starts a cluster that ends with the test. It skips the test where there is no Kafka.
func Start(t testing.TB, options ...Option) *Cluster {
	t.Helper()
	s := &settings{brokers: 1, configs: make(map[string]string)}
	for _, o := range options {
		o(s)
	}
	c, err := launch(s)
	if err != nil {
		giveUp(t, err)
	}
	t.Cleanup(c.close)
	return c
}

// shared is the one variable of the package: nothing narrower than the test binary knows all its tests.
var shared = sync.OnceValues(func() (*Cluster, error) { return launch(&settings{brokers: 1}) })

// Shared returns the cluster of this test binary, one broker that is started by the first test that asks. It ends with
// the binary. Tests that share it keep apart by the names of topics, groups and transactional ids, and do not stop it.
func Shared(t testing.TB) *Cluster {
	t.Helper()
	c, err := shared()
	if err != nil {
		giveUp(t, err)
	}
	return c
}

func giveUp(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, errUnavailable) && os.Getenv(requireVariable) != "1" {
		t.Skip(err)
	}
	t.Fatal(err)
}

func launch(s *settings) (*Cluster, error) {
	ctx := context.Background()
	if s.version == "" {
		s.version = chosen()
	}
	d, err := find(ctx, s.version)
	if err != nil {
		return nil, err
	}
	return start(ctx, d, s)
}

// start makes a cluster. Only when a port turns out to be taken it tries again.
func start(ctx context.Context, d *distribution, s *settings) (*Cluster, error) {
	for attempt := 1; ; attempt++ {
		c, err := startOnce(ctx, d, s)
		if err == nil {
			return c, nil
		}
		collided := c.collided()
		c.close()
		if !collided || attempt == 5 {
			return nil, fmt.Errorf("start Kafka %s: %w", d.version, err)
		}
	}
}

// startOnce returns the cluster with the error too, to be closed.
func startOnce(ctx context.Context, d *distribution, s *settings) (*Cluster, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, startPatience, fmt.Errorf("not within %s", startPatience))
	defer cancel()
	c := &Cluster{dist: d, id: newClusterID()}
	var err error
	if c.dir, err = os.MkdirTemp("", "kafkatest-"); err != nil {
		return c, err
	}
	each := 2 + 2*len(s.listeners)
	ports, err := freePorts(each * s.brokers)
	if err != nil {
		return c, err
	}
	for i := range s.brokers {
		own := ports[each*i:]
		b := &broker{dir: filepath.Join(c.dir, fmt.Sprint("broker-", i+1)), port: own[0], controller: own[1], others: make(map[string]int),
			proxies: make(map[string]int), jvm: d.jvm()}
		for j, l := range s.listeners {
			b.others[l.Name], b.proxies[l.Name] = own[2+2*j], own[3+2*j]
		}
		if err := os.Mkdir(b.dir, 0o700); err != nil {
			return c, err
		}
		c.brokers = append(c.brokers, b)
	}
	var format errgroup.Group
	for i, b := range c.brokers {
		format.Go(func() error { return b.configure(ctx, c.id, c.serverProperties(i, s)) })
	}
	if err := format.Wait(); err != nil {
		return c, err
	}
	for _, b := range c.brokers {
		if err := b.start(s.jvm); err != nil {
			return c, err
		}
	}
	return c, c.ready(ctx, c.brokers, len(c.brokers))
}

func (c *Cluster) ready(ctx context.Context, brokers []*broker, alive int) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, b := range brokers {
		group.Go(func() error { return b.ready(ctx, c.id, alive) })
	}
	return group.Wait()
}

// collided says whether a broker ended and somebody else has one of its ports.
func (c *Cluster) collided() bool {
	for _, b := range c.brokers {
		if b.process != nil && !b.process.running() && !b.free() {
			return true
		}
	}
	return false
}

// newClusterID is a random UUID as Kafka writes it.
func newClusterID() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	id[0] &= 0x7f           // Kafka draws again when the text would begin with a dash
	return base64.RawURLEncoding.EncodeToString(id[:])
}

// serverProperties are the settings of broker i.
func (c *Cluster) serverProperties(i int, s *settings) map[string]string {
	n := len(c.brokers)
	b := c.brokers[i]
	var voters []string
	for j, v := range c.brokers {
		voters = append(voters, fmt.Sprintf("%d@%s", j+1, address(v.controller)))
	}
	replicas, inSync := fmt.Sprint(min(n, 3)), fmt.Sprint(min(n, 2))
	p := map[string]string{
		"process.roles":             "broker,controller",
		"node.id":                   fmt.Sprint(i + 1),
		"controller.quorum.voters":  strings.Join(voters, ","),
		"listeners":                 fmt.Sprintf("PLAINTEXT://%s,CONTROLLER://%s", address(b.port), address(b.controller)),
		"advertised.listeners":      "PLAINTEXT://" + address(b.port),
		"controller.listener.names": "CONTROLLER",
		"log.dirs":                  b.file("data"),

		"auto.create.topics.enable":  "false",
		"default.replication.factor": replicas,
		"min.insync.replicas":        inSync,

		"offsets.topic.replication.factor":         replicas,
		"offsets.topic.num.partitions":             "3",
		"transaction.state.log.replication.factor": replicas,
		"transaction.state.log.min.isr":            inSync,
		"transaction.state.log.num.partitions":     "3",

		// What would take its time in production is to happen while a test waits.
		"group.initial.rebalance.delay.ms":                            "0",
		"log.cleaner.backoff.ms":                                      "1000",
		"transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",

		// Tests write records with times of long ago, which are to stay even when a test binary runs for minutes.
		"log.retention.ms": "-1",

		"log.cleaner.dedupe.buffer.size": "8388608", // 128 MiB of heap without
	}
	if n > 1 {
		// Others can take over soon. A single broker that is slow must not be declared dead.
		p["broker.session.timeout.ms"], p["broker.heartbeat.interval.ms"] = "3000", "500"
	}
	b.listening(s.listeners, p)
	maps.Copy(p, s.configs)
	return p
}

// close ends all brokers at once and removes their data.
func (c *Cluster) close() {
	for _, b := range c.brokers {
		b.process.kill()
	}
	if c.dir != "" {
		_ = os.RemoveAll(c.dir)
	}
}
