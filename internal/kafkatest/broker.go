package kafkatest

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// broker is one node of a cluster: a place for data, its ports, and a JVM while it runs.
type broker struct {
	dir        string
	port       int            // for clients
	controller int            // for the quorum
	others     map[string]int // of further listeners, by their names
	proxies    map[string]int // that it tells clients instead, by the same names
	jvm        []string

	process *process // nil: it does not run
}

func (b *broker) file(name string) string { return filepath.Join(b.dir, name) }

// configure writes the broker's settings and formats its storage.
func (b *broker) configure(ctx context.Context, clusterID string, settings map[string]string) error {
	var text strings.Builder
	escape := strings.NewReplacer(`\`, `\\`, "\n", `\n`)
	for _, k := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&text, "%s=%s\n", k, escape.Replace(settings[k]))
	}
	if err := os.WriteFile(b.file("server.properties"), []byte(text.String()), 0o600); err != nil {
		return err
	}
	args := append(slices.Clone(b.jvm), "kafka.tools.StorageTool", "format", "-t", clusterID, "-c", b.file("server.properties"))
	if out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("format the broker's storage: %w: %s", err, tail(string(out)))
	}
	return nil
}

// start begins to start the broker.
func (b *broker) start(extra []string) error {
	args := append(slices.Clone(b.jvm), extra...)
	p, err := startProcess(b.dir, b.file("log"), append(args, "kafka.Kafka", b.file("server.properties")))
	b.process = p
	return err
}

// ready waits until the broker answers as a member of a cluster with at least as many live brokers.
func (b *broker) ready(ctx context.Context, clusterID string, brokers int) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(address(b.port)), kgo.RequestRetries(0), kgo.DialTimeout(time.Second))
	if err != nil {
		return err
	}
	defer cl.Close()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		last := answers(ctx, cl, clusterID, brokers)
		if last == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-b.process.done:
			return fmt.Errorf("the broker ended while it started: %w; its log ends: %s", b.process.err, b.logTail())
		case <-ctx.Done():
			return fmt.Errorf("the broker does not get ready: %w; last: %w; its log ends: %s", context.Cause(ctx), last, b.logTail())
		}
	}
}

func answers(ctx context.Context, cl *kgo.Client, clusterID string, brokers int) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req := kmsg.NewPtrMetadataRequest()
	req.Topics = []kmsg.MetadataRequestTopic{}
	msg, err := cl.SeedBrokers()[0].Request(ctx, req)
	if err != nil {
		return err
	}
	res := msg.(*kmsg.MetadataResponse)
	if res.ClusterID == nil || *res.ClusterID != clusterID {
		return fmt.Errorf("another cluster has the port")
	}
	if len(res.Brokers) < brokers {
		return fmt.Errorf("%d of %d brokers are there", len(res.Brokers), brokers)
	}
	return nil
}

func (b *broker) logTail() string {
	log, err := os.ReadFile(b.file("log"))
	if err != nil {
		return err.Error()
	}
	return tail(string(log))
}
