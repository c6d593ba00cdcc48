//go:build unix

package secured_test

import (
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

// rightsSection is what the operator's guide says of rights.
func rightsSection(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile("../../deploy/README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## Rights in Kafka\n")
	section, _, found := strings.Cut(section, "\n## ")
	if !found {
		t.Fatal("deploy/README.md has no section on rights")
	}
	return section
}

// granted are the arguments of the lines of the guide that begin with a word.
func granted(t testing.TB, word string) (commands [][]string) {
	t.Helper()
	for line := range strings.Lines(rightsSection(t)) {
		if fields := strings.Fields(line); len(fields) > 0 && fields[0] == word {
			commands = append(commands, fields[1:])
		}
	}
	return commands
}

// The commands of the guide, run by Kafka's own tool, are all that a worker needs.
func TestGuideGrants(t *testing.T) {
	t.Parallel()
	b := newBroker(t)
	if strings.HasPrefix(b.Version(), "3.") {
		t.Skip("kafka-acls.sh is elsewhere before Kafka 4")
	}
	_, of := api(t)
	topic := newTopic()
	b.create(t, topic)
	// The last ones are those for the lag of groups.
	commands := granted(t, "grant")
	if len(commands) != 7 {
		t.Fatalf("the guide has %d commands", len(commands))
	}
	for _, args := range commands[:5] {
		for i := range args {
			args[i] = strings.Replace(strings.Trim(args[i], "'"), "test-attempts", topic, 1)
		}
		all := append([]string{"--bootstrap-server", b.Addrs()[0], "--add", "--allow-principal", "User:" + guideUser}, args...)
		if out, err := b.Tool(t, "org.apache.kafka.tools.AclCommand", all...); err != nil {
			t.Fatalf("%q: %v\n%s", args, err, out)
		}
	}
	start(t, of.and("KAFKA_TOPIC", topic, "KAFKA_BROKERS", b.AddrsOf(saslOnly)[0], "KAFKA_SASL_MECHANISM", "plain",
		"KAFKA_SASL_USERNAME", guideUser, "KAFKA_SASL_PASSWORD", password), "run", "--once").wait(0)
}

// The guide's rights are those that are tested.
func TestGuideIsTested(t *testing.T) {
	t.Parallel()
	names := map[string]kadm.ACLOperation{"Read": kadm.OpRead, "Write": kadm.OpWrite, "Describe": kadm.OpDescribe, "DescribeConfigs": kadm.OpDescribeConfigs}
	parsed := func(commands [][]string) (rights []right) {
		for _, args := range commands {
			var r right
			for i, a := range args {
				switch a {
				case "--topic":
					r.kind, r.name = "topic", strings.TrimPrefix(args[i+1], "test-attempts")
				case "--transactional-id":
					r.kind = "transactional-id"
				case "--group":
					r.kind = "group"
					if name, ok := strings.CutPrefix(args[i+1], "test-attempts"); ok {
						r.name = name
					}
				}
			}
			for i, a := range args {
				if a == "--operation" {
					r.operation = names[args[i+1]]
					rights = append(rights, r)
				}
			}
		}
		return rights
	}
	same(t, "the worker", parsed(granted(t, "grant")[:5]), worker)
	same(t, "an operator", parsed(granted(t, "operator")), anyCommand)
	row := regexp.MustCompile("(?m)^\\| (`[^|]+`) \\| ([^|]*)\\| ([^|]*)\\| ([^|]*)\\| ([^|]*)\\|$")
	rows := 0
	for _, cells := range row.FindAllStringSubmatch(rightsSection(t), -1) {
		var rights []right
		for i, at := range []right{{kind: "topic"}, {kind: "topic", name: ".state"}, {kind: "topic", name: ".dlq"}, {kind: "group"}} {
			for operation := range strings.SplitSeq(cells[2+i], ",") {
				if operation = strings.TrimSpace(operation); operation != "" {
					rights = append(rights, right{names[operation], at.kind, at.name})
				}
			}
		}
		for command := range strings.SplitSeq(cells[1], ",") {
			command = strings.Trim(command, " `")
			if command == "config --check" || command == "command" {
				continue
			}
			rows++
			same(t, command, rights, commands[command].rights)
		}
	}
	if rows != len(commands)-3 {
		t.Errorf("the guide has %d commands of an operator, the test %d", rows, len(commands)-3)
	}
}

func same(t testing.TB, of string, got, want []right) {
	t.Helper()
	text := func(rights []right) string {
		var lines []string
		for _, r := range rights {
			lines = append(lines, r.String())
		}
		slices.Sort(lines)
		return strings.Join(lines, ", ")
	}
	if text(got) != text(want) {
		t.Errorf("for %s the guide has %s; tested are %s", of, text(got), text(want))
	}
}

// anyCommand are the rights of who runs any of an operator's commands.
var anyCommand = []right{readEvents, readState, writeState, readLetters, readGroup}

// With the rights of all commands together, each works.
func TestOperator(t *testing.T) {
	t.Parallel()
	b := newBroker(t)
	_, of := api(t)
	of = of.and("KAFKA_BROKERS", b.AddrsOf(saslOnly)[0], "KAFKA_SASL_MECHANISM", "plain", "KAFKA_SASL_PASSWORD", password)
	topic := b.stream(t, of)
	var lists []*kadm.ACLBuilder
	for _, r := range anyCommand {
		lists = append(lists, r.list(topic))
	}
	b.grant(t, operator, lists...)
	for name, c := range commands {
		if c.stays || name == "config --check" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			args := slices.Clone(c.args)
			for i, a := range args {
				args[i] = strings.ReplaceAll(a, "GROUP", group(topic))
			}
			start(t, of.and("KAFKA_TOPIC", topic, "KAFKA_SASL_USERNAME", operator), args...).wait(0)
		})
	}
}

// A worker that may also see the groups shows how far they are behind; one that may not goes on all the same.
func TestLagOfGroups(t *testing.T) {
	t.Parallel()
	b := newBroker(t)
	_, of := api(t)
	of = of.and("KAFKA_BROKERS", b.AddrsOf(saslOnly)[0], "KAFKA_SASL_MECHANISM", "plain", "KAFKA_SASL_PASSWORD", password)
	for name, c := range map[string]struct {
		user   string
		rights []right
		shows  bool
	}{
		"with the rights":   {watcher, append([]right{readEvents, describeGroup}, worker...), true},
		"without the group": {blindWatcher, append([]right{readEvents}, worker...), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			topic := b.stream(t, of)
			var lists []*kadm.ACLBuilder
			for _, r := range c.rights {
				lists = append(lists, r.list(topic))
			}
			b.grant(t, c.user, lists...)
			p := start(t, of.and("KAFKA_TOPIC", topic, "KAFKA_SASL_USERNAME", c.user, "ADMIN_ADDR", "127.0.0.1:0"), "run")
			p.until("account taken over", `"url":"`)
			text := p.Output()
			_, url, _ := strings.Cut(text, `"url":"`)
			url, _, _ = strings.Cut(url, `"`)
			const lag = "attemptstream_consumer_group_lag_events{"
			for deadline := time.Now().Add(patience); ; {
				metrics := get(t, url+"/metrics")
				if shown := strings.Contains(metrics, lag); shown && c.shows {
					break
				} else if shown {
					t.Fatal("it shows a group that it may not describe")
				}
				if !c.shows && get(t, url+"/readyz") != "" && strings.Contains(metrics, "attemptstream_ready 1") {
					break
				}
				if time.Now().After(deadline) {
					t.Fatalf("no lag, or not ready:\n%s", metrics)
				}
			}
			p.Stop()
			p.wait(0)
		})
	}
}

func get(t testing.TB, url string) string {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
