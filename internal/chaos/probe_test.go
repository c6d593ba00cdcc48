//go:build unix

package chaos_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"attemptstream/internal/imochasim"
)

// A probe looks, past all proxies, at how much is going on, so that a fault can say what it hit.
type probe struct {
	topic  string
	stats  string // URL
	client *kgo.Client
	kafka  *kadm.Client

	mu      sync.Mutex
	samples []sample // the youngest last
}

// A sample is how much there was at one moment.
type sample struct {
	at       time.Time
	records  int64 // written, committed or not; -1: Kafka did not say
	requests int64 // that the API has had; -1: it did not say
}

const (
	lookEvery = 300 * time.Millisecond
	lookTime  = time.Second // that Kafka or the API may take; a broker that stands still answers nothing
)

func newProbe(t testing.TB, brokers []string, topic, api string) *probe {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.MetadataMinAge(50*time.Millisecond), kgo.MetadataMaxAge(time.Second),
		kgo.RequestTimeoutOverhead(time.Second), kgo.DialTimeout(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	p := &probe{topic: topic, stats: api + "/stats", client: client, kafka: kadm.NewClient(client)}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.watch(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		client.Close()
	})
	return p
}

func (p *probe) names() []string { return []string{p.topic, p.topic + ".dlq", p.topic + ".state"} }

func (p *probe) watch(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		s := sample{at: time.Now()}
		var both sync.WaitGroup
		both.Go(func() { s.records = p.written(ctx) })
		both.Go(func() { s.requests = p.asked(ctx) })
		both.Wait()
		p.mu.Lock()
		p.samples = append(p.samples, s)
		p.mu.Unlock()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (p *probe) written(ctx context.Context) (n int64) {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	all, err := p.kafka.ListEndOffsets(ctx, p.names()...)
	if err != nil || all.Error() != nil {
		return -1
	}
	all.Each(func(o kadm.ListedOffset) { n += o.Offset })
	return n
}

func (p *probe) asked(ctx context.Context) (n int64) {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.stats, nil)
	if err != nil {
		return -1
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return -1
	}
	defer res.Body.Close()
	var stats imochasim.Stats
	if json.NewDecoder(res.Body).Decode(&stats) != nil {
		return -1
	}
	for _, of := range stats.Requests {
		n += of
	}
	return n
}

// A traffic is how much was written and asked within a while.
type traffic struct {
	records, requests           int64
	recordsKnown, requestsKnown bool
}

// traffic is what happened within the last while, as far as Kafka and the API have said.
func (p *probe) traffic(within time.Duration) (t traffic) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var records, requests []int64
	since := time.Now().Add(-within)
	for i := len(p.samples) - 1; i >= 0 && p.samples[i].at.After(since); i-- {
		if n := p.samples[i].records; n >= 0 {
			records = append(records, n)
		}
		if n := p.samples[i].requests; n >= 0 {
			requests = append(requests, n)
		}
	}
	t.records, t.recordsKnown = growth(records)
	t.requests, t.requestsKnown = growth(requests)
	return t
}

// growth is by how much a number has grown, the youngest first.
func growth(n []int64) (by int64, known bool) {
	if len(n) < 2 {
		return 0, false
	}
	return n[0] - n[len(n)-1], true
}

func (t traffic) String() string {
	word := func(n int64, known bool, what string) string {
		if !known {
			return "nobody knows how many " + what
		}
		return fmt.Sprint(n, " ", what)
	}
	return word(t.records, t.recordsKnown, "records") + " and " + word(t.requests, t.requestsKnown, "requests")
}

// open are the accounts that have a transaction open, as far as the coordinators answer.
func (p *probe) open(within time.Duration) (accounts []string) {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	listed, _ := p.kafka.ListTransactions(ctx, nil, []string{"Ongoing"}) // what some coordinators do not say, others do
	for _, txn := range listed.Sorted() {
		if name, ours := strings.CutPrefix(txn.TxnID, p.topic+"/"); ours {
			accounts = append(accounts, name)
		}
	}
	return accounts
}

// find is the node of the broker that has a role, and the role in words. which chooses an account or a partition.
func (p *probe) find(r role, accounts []string, which int) (node int32, words string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	switch r {
	case txnCoordinator:
		account := accounts[which%len(accounts)]
		id := p.topic + "/" + account
		c := p.kafka.FindTxnCoordinators(ctx, id)[id]
		return c.NodeID, "transaction coordinator of " + account, c.Err
	case groupCoordinator:
		id := p.topic + ".attemptstream"
		c := p.kafka.FindGroupCoordinators(ctx, id)[id]
		return c.NodeID, string(r), c.Err
	case eventsLeader, stateLeader:
		topic := p.topic
		if r == stateLeader {
			topic += ".state"
		}
		topics, err := p.kafka.ListTopics(ctx, topic)
		if err != nil {
			return 0, "", err
		}
		partitions := topics[topic].Partitions.Sorted()
		if len(partitions) == 0 {
			return 0, "", fmt.Errorf("topic %s is not known: %w", topic, topics[topic].Err)
		}
		one := partitions[which%len(partitions)]
		if one.Leader < 0 {
			return 0, "", fmt.Errorf("partition %d of %s has no leader", one.Partition, topic)
		}
		return one.Leader, fmt.Sprintf("%s %d", r, one.Partition), nil
	case controller:
		req := kmsg.NewPtrDescribeQuorumRequest()
		topic := kmsg.NewDescribeQuorumRequestTopic()
		topic.Topic = "__cluster_metadata"
		topic.Partitions = append(topic.Partitions, kmsg.NewDescribeQuorumRequestTopicPartition())
		req.Topics = append(req.Topics, topic)
		res, err := req.RequestWith(ctx, p.client)
		if err != nil {
			return 0, "", err
		}
		if len(res.Topics) != 1 || len(res.Topics[0].Partitions) != 1 || res.Topics[0].Partitions[0].LeaderID < 0 {
			return 0, "", errors.New("the quorum has no leader")
		}
		return res.Topics[0].Partitions[0].LeaderID, string(r), nil
	}
	return int32(which%3 + 1), string(anyBroker), nil
}
