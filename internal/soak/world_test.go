//go:build linux

package soak_test

import (
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"attemptstream/internal/kafkatest"
	"attemptstream/internal/program"
)

const (
	topic      = "soak"
	stateTopic = topic + ".state"
	partitions = 6

	// speed is how many of the API's days pass in one: ten of them in an hour.
	speed = 240
	// perDay is how many invitations each account sends in one of its days, beside six bursts of 150.
	perDay = 2000

	// segment is the size at which a segment of the state topic is closed. Kafka takes no smaller one.
	segment = 1 << 20

	// patience bounds every wait, stopTime that for a worker that was told to stop, on a
	// machine that has other things to do.
	patience = 5 * time.Minute
	stopTime = time.Minute
)

func accounts() []string { return []string{"africa", "america", "asia", "europe", "oceania"} }

// A world is the broker, the API, and the workers between them.
type world struct {
	t       testing.TB
	cluster *kafkatest.Cluster
	client  *kgo.Client
	admin   *kadm.Client
	path    string // of the command
	set     []string
	since   time.Time     // when the lives begin
	lateBy  time.Duration // how late the API shows some of what happens, at most
	api     *api
	workers []*worker

	brokerAway atomic.Bool  // or it was until just now
	disturbed  atomic.Int64 // when something happened to the system last, as Unix nanoseconds; while it lasts, the far future
}

// newWorld has accounts with some days of history. In a run that is not judged, there is less of everything.
func newWorld(t testing.TB, d time.Duration) *world {
	t.Helper()
	flags := []string{}
	if overlay := os.Getenv("ATTEMPTSTREAM_SOAK_OVERLAY"); overlay != "" {
		flags = append(flags, "-overlay="+overlay)
	}
	w := &world{t: t, path: program.Command(t, flags...), since: time.Now().Add(-min(20*time.Minute, d/3)).Truncate(time.Second), lateBy: 30 * time.Second}
	lookback := time.Minute
	if d < long {
		w.since, lookback, w.lateBy = time.Now().Add(-30*time.Second).Truncate(time.Second), 2*time.Second, time.Second
	}
	w.cluster = kafkatest.Start(t)
	client, err := kgo.NewClient(kgo.SeedBrokers(w.cluster.Addrs()...), kgo.MetadataMinAge(100*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	w.client, w.admin = client, kadm.NewClient(client)
	w.createState()
	w.api = w.startAPI()
	w.set = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(),
		"KAFKA_BROKERS=" + strings.Join(w.cluster.Addrs(), ","), "KAFKA_TOPIC=" + topic, fmt.Sprint("KAFKA_PARTITIONS=", partitions),
		"IMOCHA_BASE_URL=" + w.api.URL, "IMOCHA_ACCOUNTS_FILE=" + program.AccountsFile(t, accounts(), keyOf), "IMOCHA_RATE_LIMIT=50", "IMOCHA_REQUEST_TIMEOUT=2s",
		"STREAM_START_AT=" + w.since.Format(time.RFC3339), "STREAM_POLL_INTERVAL=1s", "STREAM_SETTLE_DELAY=1s",
		"STREAM_LOOKBACK=2h", "STREAM_LOOKBACK_INTERVAL=" + lookback.String(), "ADMIN_ADDR=127.0.0.1:0",
	}
	return w
}

// createState creates the state topic as the worker does, with segments so small and a day so short that what happens in
// months happens in an hour: each partition is compacted about once in half a minute.
func (w *world) createState() {
	w.t.Helper()
	const day = "120000"
	configs := map[string]*string{}
	for name, value := range map[string]string{
		"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.1", "max.compaction.lag.ms": day, "delete.retention.ms": day,
		"segment.bytes": fmt.Sprint(segment), "segment.ms": "20000",
	} {
		configs[name] = &value
	}
	if _, err := w.admin.CreateTopic(w.t.Context(), partitions, 1, configs, stateTopic); err != nil {
		w.t.Fatal(err)
	}
}

// calm is for how long nothing has happened to the system.
func (w *world) calm() time.Duration { return time.Since(time.Unix(0, w.disturbed.Load())) }

func keyOf(account string) string { return "key-of-" + account }
