//go:build unix

package secured_test

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"attemptstream/internal/attempt"
	"attemptstream/internal/imochasim"
	"attemptstream/internal/imochasim/ledger"
	"attemptstream/internal/witness"
)

// The password is changed while a worker runs, at the broker first, which ends all sessions every second or so. Until
// the file has the new password the worker is refused; then it goes on, with no restart.
func TestPasswordIsRotated(t *testing.T) {
	t.Parallel()
	b := newBroker(t)
	const user, first, second = "rotating", "the-first-secret", "the-second-secret"
	sim, of := api(t)
	topic := newTopic()
	b.scram(t, user, kadm.ScramSha512, first)
	b.grant(t, user, kadm.NewACLs().Topics(topic).TransactionalIDs(topic).Groups(topic).ResourcePatternType(kadm.ACLPatternPrefixed).Operations(kadm.OpAll))
	path := file(t, "password", first+"\n")
	set := of.and("KAFKA_TOPIC", topic, "STREAM_POLL_INTERVAL", "1s", "STREAM_SETTLE_DELAY", "1s")
	for name, value := range b.login(t, scramSSL, "scram-sha-512") {
		set[name] = value
	}
	delete(set, "KAFKA_SASL_PASSWORD")
	set["KAFKA_SASL_USERNAME"], set["KAFKA_SASL_PASSWORD_FILE"] = user, path
	p := start(t, set, "run")
	reader, err := kgo.NewClient(kgo.SeedBrokers(b.Addrs()...), kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.MetadataMinAge(10*time.Millisecond), kgo.UnknownTopicRetries(-1))
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	next := int64(10_000_000)
	happens := func() {
		t.Helper()
		next++
		change := imochasim.Change{ID: next, Status: "Completed", At: time.Now().Truncate(time.Second)}
		if err := sim.Add(string(attempt.DefaultAccount), change); err != nil {
			t.Fatal(err)
		}
	}
	isTold := func() {
		t.Helper()
		key := strconv.FormatInt(next, 10)
		for told := false; !told; {
			fetches := reader.PollFetches(testContext(t))
			if err := fetches.Err(); err != nil {
				text := p.Output()
				t.Fatalf("%v\n%s", err, text)
			}
			fetches.EachRecord(func(r *kgo.Record) { told = told || string(r.Key) == key })
		}
	}
	happens()
	isTold()
	b.scram(t, user, kadm.ScramSha512, second)
	happens()
	p.until("authentication failed", `"begin again"`)
	// As an editor or Kubernetes does it: at once.
	fresh := filepath.Join(t.TempDir(), "fresh")
	if err := os.WriteFile(fresh, []byte(second+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(fresh, path); err != nil {
		t.Fatal(err)
	}
	isTold()
	happens()
	isTold()
	p.Stop()
	text := p.wait(0)
	for _, secret := range []string{first, second} {
		if missing := lacks(text, []string{secret}); missing == "" {
			t.Errorf("the log has %q", secret)
		}
	}
	scope := ledger.Scope{Seen: time.Now().Add(-patience), Gaps: true}
	for _, problem := range ledger.Check(sim.Expected(string(attempt.DefaultAccount), scope), witness.Events(t, b.Addrs(), topic, attempt.DefaultAccount)) {
		t.Error(problem)
	}
}
