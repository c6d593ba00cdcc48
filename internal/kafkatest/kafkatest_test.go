package kafkatest_test

import (
	"bufio"
	"context"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"attemptstream/internal/kafkatest"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const patience = 60 * time.Second

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func connect(t testing.TB, c *kafkatest.Cluster) (*kgo.Client, *kadm.Client) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.Addrs()...), kgo.MetadataMinAge(10*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl, kadm.NewClient(cl)
}

func createTopic(t testing.TB, admin *kadm.Client, topic string) {
	t.Helper()
	if _, err := admin.CreateTopic(testContext(t), 1, -1, nil, topic); err != nil {
		t.Fatal(err)
	}
}

func write(t testing.TB, cl *kgo.Client, topic, value string) {
	t.Helper()
	r := &kgo.Record{Topic: topic, Value: []byte(value)}
	if err := cl.ProduceSync(testContext(t), r).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// read returns the values of a topic, as a client that comes new sees them.
func read(t testing.TB, c *kafkatest.Cluster, topic string, n int) []string {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.Addrs()...), kgo.ConsumeTopics(topic))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	var values []string
	for len(values) < n {
		fetches := cl.PollFetches(testContext(t))
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) { values = append(values, string(r.Value)) })
	}
	return values
}

func TestShared(t *testing.T) {
	t.Parallel()
	c := kafkatest.Shared(t)
	if again := kafkatest.Shared(t); again != c {
		t.Error("a second cluster")
	}
	cl, admin := connect(t, c)
	createTopic(t, admin, "shared")
	write(t, cl, "shared", "a")
	if got := read(t, c, "shared", 1); !slices.Equal(got, []string{"a"}) {
		t.Errorf("read %q", got)
	}
}

func TestTool(t *testing.T) {
	t.Parallel()
	c := kafkatest.Shared(t)
	_, admin := connect(t, c)
	createTopic(t, admin, "for-the-tool")
	out, err := c.Tool(t, "org.apache.kafka.tools.TopicCommand", "--bootstrap-server", c.Addrs()[0], "--list")
	if err != nil || !slices.Contains(strings.Fields(out), "for-the-tool") {
		t.Errorf("%v: topics: %s", err, out)
	}
	if _, err := c.Tool(t, "org.apache.kafka.tools.TopicCommand", "--nonsense"); err == nil {
		t.Error("a tool that fails is no error")
	}
}

func TestRestart(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t, kafkatest.Config("message.max.bytes", "123456"))
	cl, admin := connect(t, c)
	createTopic(t, admin, "topic")
	write(t, cl, "topic", "before")
	addrs := c.Addrs()
	c.Kill(0)
	if conn, err := net.Dial("tcp", addrs[0]); err == nil {
		conn.Close()
		t.Error("a killed broker takes connections")
	}
	if err := c.Restart(testContext(t), 0); err != nil {
		t.Fatal(err)
	}
	write(t, cl, "topic", "between")
	if err := c.Stop(testContext(t), 0); err != nil {
		t.Fatal(err)
	}
	if err := c.Restart(testContext(t), 0); err != nil {
		t.Fatal(err)
	}
	if err := c.Restart(testContext(t), 0); err == nil {
		t.Error("a broker that runs was started")
	}
	write(t, cl, "topic", "after")
	if got := read(t, c, "topic", 3); !slices.Equal(got, []string{"before", "between", "after"}) {
		t.Errorf("read %q", got)
	}
	configs, err := admin.DescribeBrokerConfigs(testContext(t), 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, config := range configs[0].Configs {
		if config.Key == "message.max.bytes" && config.MaybeValue() != "123456" {
			t.Errorf("message.max.bytes is %s", config.MaybeValue())
		}
	}
}

// A cluster of three goes on while one broker is frozen and another time dead.
func TestThreeBrokers(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	t.Parallel()
	c := kafkatest.Start(t, kafkatest.Brokers(3))
	cl, admin := connect(t, c)
	createTopic(t, admin, "topic")
	write(t, cl, "topic", "a")
	if err := c.Freeze(0); err != nil {
		t.Fatal(err)
	}
	write(t, cl, "topic", "b")
	if err := c.Thaw(0); err != nil {
		t.Fatal(err)
	}
	c.Kill(1)
	write(t, cl, "topic", "c")
	if err := c.Restart(testContext(t), 1); err != nil {
		t.Fatal(err)
	}
	c.Kill(0)
	c.Kill(1)
	c.Kill(2)
	if err := c.Restart(testContext(t), 0, 1, 2); err != nil {
		t.Fatal(err)
	}
	write(t, cl, "topic", "d")
	if got := read(t, c, "topic", 4); !slices.Equal(got, []string{"a", "b", "c", "d"}) {
		t.Errorf("read %q", got)
	}
}

const childVariable = "KAFKATEST_CHILD"

// A broker dies with the test binary that started it, also when that is killed.
func TestDiesWithTheBinary(t *testing.T) {
	if os.Getenv(childVariable) != "" {
		t.Skip("runs in the parent only")
	}
	t.Parallel()
	kafkatest.Shared(t) // or skip
	temp := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run=^TestChild$")
	cmd.Env = append(os.Environ(), childVariable+"=1", "TMPDIR="+temp)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var addr string
	for lines := bufio.NewScanner(out); addr == "" && lines.Scan(); {
		_, addr, _ = strings.Cut(lines.Text(), "broker at ")
	}
	if addr == "" {
		t.Fatal("the child started no broker")
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	eventually(t, "the broker is gone", func() bool {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
		}
		return err != nil
	})
	eventually(t, "its data is gone", func() bool {
		left, err := os.ReadDir(temp)
		return err == nil && len(left) == 0
	})
}

func TestChild(t *testing.T) {
	if os.Getenv(childVariable) == "" {
		t.Skip("for TestDiesWithTheBinary")
	}
	os.Stdout.WriteString("broker at " + kafkatest.Shared(t).Addrs()[0] + "\n")
	select {}
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", patience, what)
		}
		<-tick.C
	}
}
