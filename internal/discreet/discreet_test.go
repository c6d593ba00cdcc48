//go:build unix

package discreet_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"attemptstream/internal/program"
	"attemptstream/internal/witness"
)

// Whatever runs, fails and is looked at, nothing that is secret is shown, in either form of the log.
func TestNothingIsShown(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ format, policy string }{{"json", "plain"}, {"console", "hash"}} {
		t.Run(c.format+", "+c.policy, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.env["LOG_FORMAT"], w.env["PII_POLICY"] = c.format, c.policy
			if c.policy == "plain" {
				delete(w.env, "PII_HASH_KEY_FILE")
			}
			worker := program.Start(t, program.Command(t), w.with(), "run")
			site := worker.StatusPage(patience)
			w.settle(worker, site)
			w.foreign()
			w.visit(site)
			w.commands(t, c.policy == "plain")
			w.visit(site)
			worker.Signal(syscall.SIGTERM)
			worker.Wait(0, patience)
			w.keep(output{where: "the log", text: worker.Output()})

			w.hadAll(c.policy == "plain", worker.Log())
			w.search()
		})
	}
}

// settle waits until main has told everybody and every other account has said what is wrong.
func (w *world) settle(worker *program.Process, site string) {
	w.t.Helper()
	last := ""
	program.Eventually(w.t, patience, "every account has told or complained", func() bool {
		last = w.fetch(site+"status", "").text
		var r struct {
			Accounts []struct {
				Account     string
				DeadLetters int
				Told        int   `json:"eventsTold"`
				Past        []any `json:"lastProblems"`
			}
		}
		if err := json.Unmarshal([]byte(last), &r); err != nil {
			w.t.Fatal(err)
		}
		settled := 0
		for _, a := range r.Accounts {
			if a.Account == "main" && a.Told >= 2*len(people) && a.DeadLetters >= 4*len(people) || a.Account != "main" && len(a.Past) > 0 ||
				a.Account == "limited" && w.api.asked(keyOf("limited")) > 0 { // that is no problem yet

				settled++
			}
		}
		return settled == len(accounts)
	}, func() string { return last + worker.Tail() })
}

// visit asks for all that the worker serves.
func (w *world) visit(site string) {
	w.t.Helper()
	for _, path := range []string{"", "status", "metrics", "readyz", "healthz", "nothing?key=x"} {
		w.keep(w.fetch(site+path, ""))
	}
	w.keep(w.fetch(site+"events", "}\n\n"))
}

// fetch is an answer. One that has no end of its own is read up to the
// given one.
func (w *world) fetch(url, end string) output {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	var body []byte
	for buf := make([]byte, 32<<10); ; {
		n, err := res.Body.Read(buf)
		body = append(body, buf[:n]...)
		if errors.Is(err, io.EOF) || end != "" && strings.Contains(string(body), end) {
			break
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
	return output{where: "GET " + url, text: string(body), headers: fmt.Sprint(res.Header)}
}

// foreign writes into the topics what another program could have: events and requests that are none, with names in them.
func (w *world) foreign() {
	w.t.Helper()
	c := w.kafka()
	p := people[0]
	for _, r := range []*kgo.Record{
		{Topic: "test-attempts", Key: []byte("1"), Value: []byte(p.name + " " + p.email)},
		{Topic: "test-attempts", Key: []byte("2"), Value: []byte(`{"eventId":"x","observedAt":` + asJSON(p.email) + `,"attempt":{"testInvitationId":` + asJSON(p.name) + `}}`)},
		{Topic: "test-attempts.state", Key: []byte("main/replay/foreign-1/request"), Value: []byte(`{"version":` + asJSON(p.name) + `}`)},
		{Topic: "test-attempts.state", Key: []byte("main/replay/foreign-2/request"), Value: []byte(`{"version":1,"id":` + asJSON(p.email) + `,"account":"main"}`)},
		{Topic: "test-attempts.state", Key: []byte("main/replay/foreign-3/request"), Value: []byte(`{"version":1,"id":"foreign-3","account":"main","from":` + asJSON(p.name) + `}`)},
	} {
		if strings.HasPrefix(string(r.Key), "main/") {
			r.Partition = w.partitionOfMain(c)
		}
		if err := w.kafka(kgo.RecordPartitioner(kgo.ManualPartitioner())).ProduceSync(w.t.Context(), r).FirstErr(); err != nil {
			w.t.Fatal(err)
		}
	}
	var at kadm.Offsets
	at.AddOffset("test-attempts", 0, 0, -1)
	if _, err := kadm.NewClient(c).CommitOffsets(w.t.Context(), "billing", at); err != nil {
		w.t.Fatal(err)
	}
}

// partitionOfMain is where main's records of the state topic are.
func (w *world) partitionOfMain(c *kgo.Client) int32 {
	w.t.Helper()
	records, err := witness.Records(w.t.Context(), w.brokers, "test-attempts.state", c.Opts()...)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, r := range records {
		if string(r.Key) == "main/checkpoint" {
			return r.Partition
		}
	}
	w.t.Fatal("main has no checkpoint")
	return 0
}

// commands runs every command that looks at a stream, in each form.
func (w *world) commands(t *testing.T, plain bool) {
	t.Helper()
	w.run(t, output{}, w.with(), "replay", "--from", "-1h", "--account", "main", "--detach")
	w.run(t, output{}, w.with(), "replay", "--from", "-1h", "--account", "refused", "--missing-only", "--detach")
	for _, args := range [][]string{{"config"}, {"config", "--check"}, {"status"}, {"lag"}, {"lag", "--group", "billing"}, {"replay", "--list"},
		{"audit", "--from", "-1h", "--to", "-1m", "--account", "main"}, {"audit", "--from", "-1h", "--to", "-1m", "--account", "page"}} {
		for _, form := range []string{"table", "json"} {
			w.run(t, output{}, w.with(), append(args, "--output", form)...)
		}
	}
	w.run(t, output{}, w.with(), "rewind", "--group", "billing", "--to", "-1h", "--dry-run")
	w.run(t, output{}, w.with(), "version")
	table := w.run(t, output{}, w.with(), "tail", "--from", "-1d")
	events := w.run(t, output{people: plain, events: true}, w.with(), "tail", "--from", "-1d", "--output", "json", "--account", "main")
	if !strings.Contains(table, "1003") || !strings.Contains(events, "1003") {
		t.Errorf("no events of everybody:\n%s\n%s", table, events)
	}
	if plain && len(leaks(w.secrets, output{text: events})) == 0 {
		t.Error("the events have no names, so that they are not elsewhere shows nothing")
	}
}

// hadAll checks that the run had the secrets that it did not show.
func (w *world) hadAll(plain bool, log string) {
	w.t.Helper()
	for account := range accounts {
		if w.api.asked(keyOf(account)) == 0 {
			w.t.Errorf("the API was not shown the key of %s", account)
		}
	}
	for account := range accounts {
		if account != "main" && account != "limited" && !strings.Contains(log, "account "+account) {
			w.t.Errorf("nothing was logged of account %s", account)
		}
	}
	for topic, named := range map[string]bool{"test-attempts": plain, "test-attempts.dlq": true} {
		records, err := witness.Records(w.t.Context(), w.brokers, topic, w.kafka().Opts()...)
		if err != nil {
			w.t.Fatal(err)
		}
		var all strings.Builder
		for _, r := range records {
			if len(r.Headers) > 0 { // else it is one of foreign
				all.Write(r.Value)
				fmt.Fprintln(&all, r.Headers)
			}
		}
		if found := leaks(w.secrets, output{where: topic, text: all.String(), events: topic == "test-attempts"}); len(found) > 0 != named {
			w.t.Errorf("topic %s has names: %v, want %v: %q", topic, !named, named, found)
		}
		if found := leaks(w.secrets, output{where: topic, text: all.String(), people: true}); len(found) > 0 {
			w.t.Errorf("keys in topic %s: %q", topic, found)
		}
	}
}

// Settings that are wrong in ways that put a secret where it does not belong, and logins that are refused.
func TestWrongSettings(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	key, inline := keyOf("main"), asJSON(keyOf("main"))
	pemKey := w.secrets[len(w.secrets)-1]
	for _, s := range w.secrets {
		if strings.HasPrefix(s.what, "a line of the key") {
			pemKey = s
			break
		}
	}
	single := []string{"IMOCHA_ACCOUNTS_FILE", ""}
	for name, changes := range map[string][]string{
		"password in the URL":        {"IMOCHA_BASE_URL", "https://" + user + ":" + password + "@api.example"},
		"key as user of the URL":     {"IMOCHA_BASE_URL", "https://" + key + "@api.example"},
		"key in the query":           {"IMOCHA_BASE_URL", "https://api.example/?key=" + key},
		"key in a broken URL":        {"IMOCHA_BASE_URL", "https://api.example:port/?key=" + key},
		"key in the scheme":          {"IMOCHA_BASE_URL", "key=" + key},
		"key for the URL":            {"IMOCHA_BASE_URL", key, "KAFKA_BROKERS", password},
		"password in brokers":        {"KAFKA_BROKERS", user + ":" + password + "@127.0.0.1:9092"},
		"key for its file":           append(single, "IMOCHA_API_KEY_FILE", key),
		"key and its file":           append(single, "IMOCHA_API_KEY_FILE", w.dir+"/main.key", "IMOCHA_API_KEY", key),
		"key with a space":           append(single, "IMOCHA_API_KEY", key+" "+key),
		"key for the accounts":       {"IMOCHA_ACCOUNTS_FILE", key},
		"file of a key for accounts": {"IMOCHA_ACCOUNTS_FILE", w.dir + "/main.key"},
		"key beside the accounts":    {"IMOCHA_API_KEY", key},
		"key in the accounts":        {"IMOCHA_ACCOUNTS_FILE", w.file("1.json", `[{"name":"main","apiKey":`+inline+`}]`)},
		"key for a file in accounts": {"IMOCHA_ACCOUNTS_FILE", w.file("2.json", `[{"name":"main","apiKeyFile":`+asJSON("q7Key-main-9Zx")+`}]`)},
		"key as a member":            {"IMOCHA_ACCOUNTS_FILE", w.file("3.json", `[{"name":"main",`+inline+`:1}]`)},
		"key in broken accounts":     {"IMOCHA_ACCOUNTS_FILE", w.file("4.json", `[{"name":"main","apiKeyFile":`+inline+`,,]`)},
		"keys in a list":             {"IMOCHA_ACCOUNTS_FILE", w.file("5.json", `[{"name":"main","apiKeyFile":[`+inline+`]}]`)},
		"lines in the key's file":    append(single, "IMOCHA_API_KEY_FILE", w.file("6.key", key+"\n"+key)),
		"wrong password":             {"KAFKA_SASL_PASSWORD", password + "x"},
		"wrong password, SCRAM":      {"KAFKA_SASL_PASSWORD", password + "x", "KAFKA_SASL_MECHANISM", "scram-sha-256"},
		"password for its file":      {"KAFKA_SASL_PASSWORD", "", "KAFKA_SASL_PASSWORD_FILE", password},
		"password and its file":      {"KAFKA_SASL_PASSWORD_FILE", w.file("7.password", password)},
		"password without mechanism": {"KAFKA_SASL_MECHANISM", ""},
		"password for mechanism":     {"KAFKA_SASL_PASSWORD", "", "KAFKA_SASL_PASSWORD_FILE", w.file("8.password", password+"\x00\u200b"), "KAFKA_SASL_MECHANISM", "scram-sha-512"},
		"certificate and key turned": {"KAFKA_TLS_CERT_FILE", w.dir + "/key.pem", "KAFKA_TLS_KEY_FILE", w.dir + "/cert.pem"},
		"damaged key":                {"KAFKA_TLS_KEY_FILE", w.file("9.pem", "-----BEGIN PRIVATE KEY-----\n"+pemKey.text+"\n-----END PRIVATE KEY-----\n")},
		"key of no certificate":      {"KAFKA_TLS_KEY_FILE", w.file("10.pem", pemKey.text)},
		"key as a path":              {"KAFKA_TLS_KEY_FILE", pemKey.text},
		"key for authorities":        {"KAFKA_TLS_CA_FILE", w.dir + "/key.pem"},
		"short key of hashes":        {"PII_POLICY", "hash", "PII_HASH_KEY_FILE", w.file("11.key", hashKey[:15])},
		"key of hashes for its file": {"PII_POLICY", "hash", "PII_HASH_KEY_FILE", hashKey},
		"proxy":                      {"IMOCHA_BASE_URL", "http://api.example", "HTTP_PROXY", "http://" + url.UserPassword(user, password).String() + "@127.0.0.1:1"},
		"proxy that is none":         {"IMOCHA_BASE_URL", "http://api.example", "HTTP_PROXY", "http://" + user + ":" + password + "@[::1"},
		"mistyped":                   {"IMOCHA_APIKEY", key, "KAFKA_PASSWORD", password, "PII_HASHKEY", hashKey},
		"everywhere": {"IMOCHA_RATE_LIMIT", "x", "IMOCHA_API_KEY", key, "IMOCHA_API_KEY_FILE", key, "KAFKA_SASL_PASSWORD_FILE", password, "KAFKA_TLS_KEY_FILE", pemKey.text,
			"KAFKA_TLS_CERT_FILE", pemKey.text, "PII_HASH_KEY_FILE", hashKey, "IMOCHA_ACCOUNTS_FILE", key},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			commands := [][]string{{"config"}, {"config", "--output", "json"}, {"status"}}
			if strings.HasPrefix(name, "wrong password") {
				commands = append(commands, []string{"run", "--once"})
			}
			if strings.HasPrefix(name, "wrong password") || strings.HasPrefix(name, "proxy") {
				commands = append(commands, []string{"config", "--check"})
			}
			for _, args := range commands {
				w.run(t, output{}, w.with(append([]string{"ADMIN_ADDR", ""}, changes...)...), args...)
			}
		})
	}
	t.Cleanup(w.search)
}
