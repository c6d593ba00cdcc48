//go:build unix

package secured_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// A right is one operation on one resource.
type right struct {
	operation kadm.ACLOperation
	kind      string // topic, transactional-id or group, as kafka-acls.sh calls them
	name      string // of a topic, or of the workers' group: what follows KAFKA_TOPIC
}

func (r right) String() string { return fmt.Sprintf("%s on %s %q", r.operation, r.kind, r.name) }

// list is the right as it is granted for a stream.
func (r right) list(topic string) *kadm.ACLBuilder {
	b := kadm.NewACLs().Operations(r.operation).ResourcePatternType(kadm.ACLPatternLiteral)
	switch r.kind {
	case "topic":
		return b.Topics(topic + r.name)
	case "transactional-id":
		return b.TransactionalIDs(topic + "/").ResourcePatternType(kadm.ACLPatternPrefixed)
	}
	return b.Groups(r.group(topic))
}

// group is the one that a right is on: the workers', or that of readers.
func (r right) group(topic string) string {
	if r == joinGroup {
		return topic + ".attemptstream"
	}
	return group(topic)
}

// words are what must be said of the right where it is missing: the operation, what it is on, and the command that grants it.
func (r right) words(topic string) []string {
	operation := map[kadm.ACLOperation]string{
		kadm.OpRead: "Read", kadm.OpWrite: "Write", kadm.OpDescribe: "Describe", kadm.OpDescribeConfigs: "DescribeConfigs", kadm.OpCreate: "Create",
	}[r.operation]
	switch {
	case r.kind == "topic" && r.operation == kadm.OpDescribe:
		return []string{operation, "kafka-acls.sh", "--topic " + topic + r.name}
	case r.kind == "topic":
		return []string{operation, "kafka-acls.sh", "--operation " + operation, "--topic " + topic + r.name}
	case r == joinGroup:
		return []string{operation, "kafka-acls.sh", "--operation " + operation, "--group " + r.group(topic)}
	case r.kind == "group":
		return []string{group(topic), "may not describe it"}
	}
	return []string{operation, "kafka-acls.sh", "--operation " + operation, "--transactional-id " + topic + "/"}
}

// group is the consumer group of a stream.
func group(topic string) string { return "readers-of-" + topic }

// The rights of deploy/README.md.
var (
	describeEvents, describeState, describeLetters = right{kadm.OpDescribe, "topic", ""}, right{kadm.OpDescribe, "topic", ".state"}, right{kadm.OpDescribe, "topic", ".dlq"}
	readEvents, readState, readLetters             = right{kadm.OpRead, "topic", ""}, right{kadm.OpRead, "topic", ".state"}, right{kadm.OpRead, "topic", ".dlq"}
	writeEvents, writeState, writeLetters          = right{kadm.OpWrite, "topic", ""}, right{kadm.OpWrite, "topic", ".state"}, right{kadm.OpWrite, "topic", ".dlq"}
	configEvents, configState, configLetters       = right{kadm.OpDescribeConfigs, "topic", ""}, right{kadm.OpDescribeConfigs, "topic", ".state"}, right{kadm.OpDescribeConfigs, "topic", ".dlq"}
	transact                                       = right{kadm.OpWrite, "transactional-id", ""}
	describeGroup, readGroup                       = right{kadm.OpDescribe, "group", ""}, right{kadm.OpRead, "group", ""}
	joinGroup                                      = right{kadm.OpRead, "group", ".attemptstream"}
	createEvents, createState, createLetters       = right{kadm.OpCreate, "topic", ""}, right{kadm.OpCreate, "topic", ".state"}, right{kadm.OpCreate, "topic", ".dlq"}

	worker = []right{writeEvents, writeState, writeLetters, readState, configEvents, configState, configLetters, transact, joinGroup}
)

// commands are what each command needs. Read and Write have Describe with them.
var commands = map[string]struct {
	rights []right
	args   []string
	anew   bool // the topics do not exist yet
	stays  bool // it says what is missing, and waits for it
}{
	"run":             {rights: worker, args: []string{"run", "--once"}, stays: true},
	"run, new topics": {rights: append([]right{createEvents, createState, createLetters}, worker...), args: []string{"run", "--once"}, anew: true, stays: true},
	"config --check":  {rights: worker, args: []string{"config", "--check"}},
	"status":          {rights: []right{describeEvents, readState, describeLetters}, args: []string{"status"}},
	"tail":            {rights: []right{readEvents, describeState, describeLetters}, args: []string{"tail", "--from", "-6h", "--limit", "1"}},
	"audit":           {rights: []right{readEvents, readState, readLetters}, args: []string{"audit", "--from", "-3h", "--to", "-1h"}},
	"replay":          {rights: []right{describeEvents, readState, writeState, describeLetters}, args: []string{"replay", "--from", "-2h", "--detach"}},
	"replay --list":   {rights: []right{describeEvents, readState, describeLetters}, args: []string{"replay", "--list"}},
	"lag":             {rights: []right{readEvents, describeState, describeLetters, describeGroup}, args: []string{"lag", "--group", "GROUP"}},
	"rewind":          {rights: []right{readEvents, describeState, describeLetters, readGroup}, args: []string{"rewind", "--group", "GROUP", "--to", "-2h"}},
}

// create makes the three topics of a stream.
func (b *broker) create(t *testing.T, topic string) {
	t.Helper()
	policy, segment := "compact", "33554432"
	for name, settings := range map[string]map[string]*string{
		topic: nil, topic + ".dlq": nil, topic + ".state": {"cleanup.policy": &policy, "segment.bytes": &segment},
	} {
		if _, err := b.admin.CreateTopic(testContext(t), 1, 1, settings, name); err != nil {
			t.Fatal(err)
		}
	}
}

// A stream is one that a worker with all rights has told, and a group has read.
func (b *broker) stream(t *testing.T, of settings) (topic string) {
	t.Helper()
	topic = newTopic()
	b.grantAlice(t, topic)
	start(t, of.and("KAFKA_TOPIC", topic, "KAFKA_SASL_USERNAME", alice), "run", "--once").wait(0)
	reader, err := kgo.NewClient(kgo.SeedBrokers(b.Addrs()...), kgo.ConsumerGroup(group(topic)), kgo.ConsumeTopics(topic), kgo.DisableAutoCommit())
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if fetches := reader.PollRecords(testContext(t), 5); fetches.Err() != nil || fetches.NumRecords() == 0 {
		t.Fatalf("%d records: %v", fetches.NumRecords(), fetches.Err())
	}
	if err := reader.CommitUncommittedOffsets(testContext(t)); err != nil {
		t.Fatal(err)
	}
	return topic
}

// With exactly its rights each command works. Without any single one it fails, and says which one is missing.
func TestRights(t *testing.T) {
	t.Parallel()
	b := newBroker(t)
	_, of := api(t)
	of = of.and("KAFKA_BROKERS", b.AddrsOf(saslOnly)[0], "KAFKA_SASL_MECHANISM", "plain", "KAFKA_SASL_PASSWORD", password)
	// All but the workers may share one stream: nothing that they do hinders the others.
	told := sync.OnceValue(func() string { return b.stream(t, of) })
	user := 0
	for _, name := range slices.Sorted(maps.Keys(commands)) {
		c := commands[name]
		for missing := -1; missing < len(c.rights); missing++ {
			as := limitedUser(user)
			user++
			title := name + ", all"
			if missing >= 0 {
				title = name + ", no " + c.rights[missing].String()
			}
			t.Run(title, func(t *testing.T) {
				t.Parallel()
				var topic string
				switch {
				case c.anew:
					topic = newTopic()
				case c.stays:
					topic = newTopic()
					b.create(t, topic)
				default:
					topic = told()
				}
				var lists []*kadm.ACLBuilder
				for i, r := range c.rights {
					if i != missing {
						lists = append(lists, r.list(topic))
					}
				}
				b.grant(t, as, lists...)
				args := slices.Clone(c.args)
				for i, a := range args {
					args[i] = strings.ReplaceAll(a, "GROUP", group(topic))
				}
				p := start(t, of.and("KAFKA_TOPIC", topic, "KAFKA_SASL_USERNAME", as), args...)
				if missing < 0 {
					p.wait(0)
					return
				}
				lost := c.rights[missing]
				if c.stays {
					p.until(lost.words(topic)...)
					p.Stop()
					select {
					case <-p.Done():
					case <-time.After(patience):
						t.Error("it does not stop")
					}
					return
				}
				text := p.wait(1)
				if missing := lacks(strings.Join(strings.Fields(text), " "), lost.words(topic)); missing != "" {
					t.Errorf("%q is not in:\n%s", missing, text)
				}
			})
		}
	}
	if user > limited {
		t.Errorf("%d users are needed: raise limited", user)
	}
}

// A state topic that may not be seen looks like one that was lost. What is said of it must not mislead into telling everything
// a second time.
func TestHiddenState(t *testing.T) {
	t.Parallel()
	b := newBroker(t)
	_, of := api(t)
	of = of.and("KAFKA_BROKERS", b.AddrsOf(saslOnly)[0], "KAFKA_SASL_MECHANISM", "plain", "KAFKA_SASL_PASSWORD", password)
	topic := b.stream(t, of)
	var lists []*kadm.ACLBuilder
	for _, r := range append([]right{createEvents, createState, createLetters}, worker...) {
		if r.kind != "topic" || r.name != ".state" || r.operation == kadm.OpCreate {
			lists = append(lists, r.list(topic))
		}
	}
	b.grant(t, stranger, lists...)
	of = of.and("KAFKA_TOPIC", topic, "KAFKA_SASL_USERNAME", stranger)
	wanted := "--operation Read --operation Write --operation DescribeConfigs --topic " + topic + ".state"
	for _, args := range [][]string{{"run", "--once"}, {"config", "--check"}} {
		text := strings.ToLower(strings.Join(strings.Fields(start(t, of, args...).wait(1)), " "))
		for _, words := range []string{"this user may not", "if it exists", strings.ToLower(wanted)} {
			if !strings.Contains(text, words) {
				t.Errorf("%q does not say %q: %s", args, words, text)
			}
		}
	}
}
