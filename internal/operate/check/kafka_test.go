package check_test

import (
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"attemptstream/internal/brokertest"
	"attemptstream/internal/console"
	"attemptstream/internal/kafkatest"
	"attemptstream/internal/operate/check"
	"attemptstream/internal/topics"
	"attemptstream/internal/witness"
)

// onBrokers runs a test on the fake broker, and on a real Apache Kafka if there is one.
func onBrokers(t *testing.T, test func(t *testing.T, addrs []string)) {
	t.Helper()
	t.Parallel()
	t.Run("kfake", func(t *testing.T) {
		t.Parallel()
		test(t, fake(t))
	})
	t.Run("kafka", func(t *testing.T) {
		t.Parallel()
		test(t, kafkatest.Shared(t).Addrs())
	})
}

// Beside a worker whose transaction is open, everything is found well, and the worker does not notice.
func TestDoesNotDisturbAWorker(t *testing.T) {
	onBrokers(t, func(t *testing.T, addrs []string) {
		w := newWorld(t, addrs)
		w.create()
		owner, err := kgo.NewClient(append(w.opts, kgo.TransactionalID(w.topic()+"/default"), kgo.DefaultProduceTopic(w.topic()))...)
		if err != nil {
			t.Fatal(err)
		}
		defer owner.Close()
		told := 0
		tell := func() {
			t.Helper()
			told++
			if err := owner.ProduceSync(testContext(t), kgo.StringRecord("event")).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		end := func() {
			t.Helper()
			if err := owner.EndTransaction(testContext(t), kgo.TryCommit); err != nil {
				t.Fatal(err)
			}
		}
		for range 3 {
			if err := owner.BeginTransaction(); err != nil {
				t.Fatal(err)
			}
			tell()
			r := w.run()
			failures(t, r, 0)
			for _, i := range r.Items {
				if i.Result != check.OK {
					t.Errorf("%+v is not well", i)
				}
			}
			tell()
			end()
		}
		for name, want := range map[string]int{w.topic(): told, topics.StateTopic(w.topic()): 0, topics.DLQTopic(w.topic()): 0} {
			records, err := witness.Records(testContext(t), addrs, name)
			if err != nil || len(records) != want {
				t.Errorf("topic %s has %d records (%v), want %d", name, len(records), err, want)
			}
		}
		if n := w.sim.Requests(); n != 9 {
			t.Errorf("the API was asked %d times, want once for each state and check", n)
		}
		var b strings.Builder
		if err := check.Table(&b, w.run(), console.Colours{}); err != nil || !strings.Contains(b.String(), "Everything that a worker needs is there") {
			t.Errorf("%v\n%s", err, b.String())
		}
	})
}

func TestTopics(t *testing.T) {
	onBrokers(t, func(t *testing.T, addrs []string) {
		w := newWorld(t, addrs)
		state, dlq := topics.StateTopic(w.topic()), topics.DLQTopic(w.topic())

		// A Kafka that a worker never ran with: it will create the topics. The check does not.
		r := w.run()
		failures(t, r, 0)
		for _, name := range []string{w.topic(), state, dlq} {
			if !slices.ContainsFunc(r.Items, func(i check.Item) bool { return i.Name == "topic "+name && i.Result == check.Notice }) {
				t.Errorf("of topic %s, which does not exist, it says %+v", name, r.Items)
			}
		}
		w.cfg.Kafka.Topics.ReplicationFactor = 5
		must(t, w.run(), "topic "+dlq, check.Failed, "KAFKA_REPLICATION_FACTOR")
		w.cfg.Kafka.Topics.ReplicationFactor = 1
		if list, err := w.admin.ListTopics(testContext(t), w.topic(), state, dlq); err != nil || list.Has(w.topic()) || list.Has(state) || list.Has(dlq) {
			t.Errorf("the check created topics: %v, %v", list.Names(), err)
		}

		// A state topic that forgets.
		w.create()
		policy := "delete"
		if _, err := w.admin.AlterTopicConfigs(testContext(t), []kadm.AlterConfig{{Name: "cleanup.policy", Value: &policy}}, state); err != nil {
			t.Fatal(err)
		}
		for ctx := testContext(t); r.OK && ctx.Err() == nil; { // the broker that is asked hears of it a little later
			r = w.run()
		}
		failures(t, r, 1)
		must(t, r, "topics' settings", check.Failed, "must be exactly compact: kafka-configs.sh")

		// One that is missing beside events.
		if _, err := w.admin.DeleteTopics(testContext(t), state); err != nil {
			t.Fatal(err)
		}
		cl, err := kgo.NewClient(append(w.opts, kgo.DefaultProduceTopic(w.topic()))...)
		if err != nil {
			t.Fatal(err)
		}
		defer cl.Close()
		if err := cl.ProduceSync(testContext(t), kgo.StringRecord("told")).FirstErr(); err != nil {
			t.Fatal(err)
		}
		r = w.run()
		failures(t, r, 1)
		must(t, r, "topic "+state, check.Failed, "what was told is not remembered")
		must(t, r, "transactional id", check.Skipped, "")
	})
}

// A broker that no client can write transactions to without risk is found.
func TestVersions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake(t, kfake.MaxVersions(kversion.V3_5_0())))
	w.create()
	r := w.run()
	failures(t, r, 1)
	must(t, r, "versions", check.Failed, w.addrs[0]+" is older than 3.6")
}

// On the fake broker, which has users, but lets everybody ask for the group: package secured has that right.
func TestRights(t *testing.T) {
	t.Parallel()
	const (
		topic, id      = kmsg.ACLResourceTypeTopic, kmsg.ACLResourceTypeTransactionalId
		describe, read = kmsg.ACLOperationDescribe, kmsg.ACLOperationRead
		write, configs = kmsg.ACLOperationWrite, kmsg.ACLOperationDescribeConfigs
	)
	for name, c := range map[string]struct {
		granted []kfake.ACL
		failed  int
		item    string
		says    string
	}{
		"all":         {append(allow(topic, describe, configs, read, write), allow(id, describe, write)...), 0, "transactional id", "may be used"},
		"no read":     {append(allow(topic, describe, configs, write), allow(id, describe, write)...), 1, "right to read", "--operation Read"},
		"no write":    {append(allow(topic, describe, configs, read), allow(id, describe, write)...), 1, "transactional id", "may not write to topic"},
		"no id":       {allow(topic, describe, configs, read, write), 1, "transactional id", "--transactional-id check-"},
		"no id write": {append(allow(topic, describe, configs, read, write), allow(id, describe)...), 1, "transactional id", "--transactional-id check-"},
		"no configs":  {append(allow(topic, describe, read, write), allow(id, describe, write)...), 1, "topics' settings", "DescribeConfigs"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := guarded(t, append(c.granted, allow(kmsg.ACLResourceTypeGroup, read)...)...)
			w.create()
			r := w.run()
			failures(t, r, c.failed)
			result := check.Failed
			if c.failed == 0 {
				result = check.OK
			}
			must(t, r, c.item, result, c.says)
		})
	}
	t.Run("nothing", func(t *testing.T) {
		t.Parallel()
		w := guarded(t)
		w.create()
		failures(t, w.run(), 3)
	})
}

// The real one judges permissions before anything else too: that is what the checks of rights rest on.
func TestRightsOnKafka(t *testing.T) {
	t.Parallel()
	addrs := kafkatest.Start(t, kafkatest.Config("authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer"),
		kafkatest.Config("allow.everyone.if.no.acl.found", "true")).Addrs()
	w := newWorld(t, addrs)
	w.create()
	failures(t, w.run(), 0)
	// With a list for a resource, only what is in it is granted; everybody here is ANONYMOUS.
	only := func(b *kadm.ACLBuilder) {
		t.Helper()
		res, err := w.admin.CreateACLs(testContext(t), b.Allow("User:ANONYMOUS").AllowHosts().ResourcePatternType(kadm.ACLPatternLiteral))
		if err != nil || len(res) == 0 || res[0].Err != nil {
			t.Fatalf("%v, %+v", err, res)
		}
	}
	until := func(name string, result check.Result, says string, failed int) {
		t.Helper()
		var r *check.Report
		for ctx := testContext(t); ctx.Err() == nil; { // the authorizer hears of a new rule a little later
			if r = w.run(); r.Failures() == failed {
				break
			}
		}
		failures(t, r, failed)
		must(t, r, name, result, says)
	}
	only(kadm.NewACLs().Topics(topics.DLQTopic(w.topic())).Operations(kadm.OpDescribe, kadm.OpDescribeConfigs, kadm.OpRead))
	until("transactional id", check.Failed, "may not write to topic "+topics.DLQTopic(w.topic()), 1)
	only(kadm.NewACLs().TransactionalIDs(w.topic() + "/default").Operations(kadm.OpDescribe))
	only(kadm.NewACLs().Topics(topics.StateTopic(w.topic())).Operations(kadm.OpDescribe, kadm.OpDescribeConfigs, kadm.OpWrite))
	until("transactional id", check.Failed, "may not be used", 2)
	must(t, w.run(), "read "+topics.StateTopic(w.topic()), check.Failed, "missing")
}

func TestKafkaIsAway(t *testing.T) {
	t.Parallel()
	frozen, err := net.Listen("tcp", "127.0.0.1:0") // accepts and says nothing
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { frozen.Close() })
	closed := brokertest.Nowhere(t)
	w := newWorld(t, []string{frozen.Addr().String(), closed})
	began := time.Now()
	r := w.run()
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("it took %s to find out that Kafka is away", took)
	}
	failures(t, r, 2)
	must(t, r, "broker "+closed, check.Failed, "refused")
	must(t, r, "broker "+frozen.Addr().String(), check.Failed, "KAFKA_BROKERS")
	must(t, r, "rights", check.Skipped, "")
	must(t, r, "account default: key", check.OK, "")

	w.cfg.Kafka.Embedded = true
	r = w.run()
	failures(t, r, 0)
	must(t, r, "embedded broker", check.Notice, "attemptstream run")

	// One broker of several is away: a worker finds the others.
	addrs := fake(t)
	w = newWorld(t, addrs)
	w.cfg.Kafka.Brokers = append(slices.Clone(addrs), closed)
	r = w.run()
	failures(t, r, 0)
	must(t, r, "broker "+closed, check.Notice, "refused")
}
