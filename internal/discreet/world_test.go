//go:build unix

package discreet_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"attemptstream/internal/kafkatest"
	"attemptstream/internal/program"
)

// patience bounds every wait.
const patience = 2 * time.Minute

const (
	user     = "attemptstream"
	password = `q7Pass"<&>'%41\w+/=0rd`
	hashKey  = `q7Hash"<&>'%41\key+/=of-names-0123456789`
)

// A world is what one run is in: a broker that wants TLS with certificates and a login, an API, files with secrets, and
// what was written and served.
type world struct {
	t       *testing.T
	api     *api
	brokers []string
	client  *tls.Config // of a client that the broker believes
	dir     string
	env     map[string]string
	secrets []secret

	mu      sync.Mutex
	outputs []output
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, api: newAPI(t), dir: t.TempDir()}
	authority, err := kafkatest.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	pair := func(name string) (certificate, key string, both tls.Certificate) {
		certificate, key, err := authority.Sign(name, time.Now().Add(time.Hour))
		if err == nil {
			both, err = tls.X509KeyPair([]byte(certificate), []byte(key))
		}
		if err != nil {
			t.Fatal(err)
		}
		return certificate, key, both
	}
	believed := x509.NewCertPool()
	believed.AppendCertsFromPEM([]byte(authority.PEM()))
	_, _, own := pair("broker")
	certificate, key, both := pair(user)
	w.client = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: believed, Certificates: []tls.Certificate{both}}
	// The broker inside the worker is the same one without TLS and logins.
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.EnableSASL(), kfake.Superuser("PLAIN", user, password),
		kfake.TLS(&tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{own}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: believed}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	w.brokers = c.ListenAddrs()

	w.secrets = []secret{{what: "the SASL password", text: password}, {what: "the key of hashes", text: hashKey}}
	for account := range accounts {
		w.secrets = append(w.secrets, secret{what: "the API key of " + account, text: keyOf(account)})
	}
	block, _ := pem.Decode([]byte(key))
	w.secrets = append(w.secrets, secret{what: "the key of the certificate", text: string(block.Bytes)})
	for line := range strings.Lines(key) {
		if line = strings.TrimSpace(line); len(line) > 30 && !strings.HasPrefix(line, "---") {
			w.secrets = append(w.secrets, secret{what: "a line of the key of the certificate", text: line})
		}
	}
	for _, p := range people {
		for what, text := range map[string]string{"a name": p.name, "an email": p.email, "a phone number": p.phone} {
			w.secrets = append(w.secrets, secret{what: what, text: text, person: true, beside: text == p.phone})
		}
		for _, word := range strings.FieldsFunc(p.name+" "+p.email, func(r rune) bool { return r == ' ' || r == '@' }) {
			if strings.Contains(strings.ToLower(word), "q7") {
				w.secrets = append(w.secrets, secret{what: "a part of a name or an email", text: word, person: true})
			}
		}
	}

	list := program.AccountsList(t, slices.Sorted(maps.Keys(accounts)), func(account string) string {
		return filepath.Base(w.file(account+".key", keyOf(account)+"\n"))
	})
	w.env = map[string]string{
		"IMOCHA_BASE_URL": w.api.url, "IMOCHA_ACCOUNTS_FILE": w.file("accounts.json", list), "IMOCHA_RATE_LIMIT": "200",
		"IMOCHA_REQUEST_TIMEOUT": "5s", "STREAM_START_AT": "-1h", "STREAM_POLL_INTERVAL": "1s", "STREAM_SETTLE_DELAY": "0s", "STREAM_LOOKBACK": "0",
		"KAFKA_BROKERS": strings.Join(w.brokers, ","), "KAFKA_PARTITIONS": "2", "KAFKA_REPLICATION_FACTOR": "1", "KAFKA_TLS_ENABLED": "true",
		"KAFKA_TLS_CA_FILE": w.file("ca.pem", authority.PEM()), "KAFKA_TLS_CERT_FILE": w.file("cert.pem", certificate), "KAFKA_TLS_KEY_FILE": w.file("key.pem", key),
		"KAFKA_SASL_MECHANISM": "plain", "KAFKA_SASL_USERNAME": user, "KAFKA_SASL_PASSWORD": password,
		"ADMIN_ADDR": "127.0.0.1:0", "LOG_LEVEL": "debug", "PII_HASH_KEY_FILE": w.file("hash.key", hashKey),
	}
	return w
}

// file writes a file and gives its path.
func (w *world) file(name, text string) string {
	w.t.Helper()
	path := filepath.Join(w.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return path
}

// with are the settings with changes; an empty value takes one away.
func (w *world) with(changes ...string) []string {
	all := maps.Clone(w.env)
	for change := range slices.Chunk(changes, 2) {
		all[change[0]] = change[1]
	}
	maps.DeleteFunc(all, func(_, value string) bool { return value == "" })
	return program.Environment(all)
}

// keep takes note of an output.
func (w *world) keep(o output) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.outputs = append(w.outputs, o)
}

// run runs a command to its end, whatever that is, and returns what it wrote, which is kept as an output of that kind.
func (w *world) run(t *testing.T, kind output, env []string, args ...string) string {
	t.Helper()
	p := program.Start(t, program.Command(t), env, args...)
	p.End(patience) // whatever its code
	kind.where, kind.text = strings.Join(args, " "), p.Output()
	w.keep(kind)
	if p.Output() == "" {
		t.Errorf("%q says nothing, so this shows nothing", args)
	}
	return p.Output()
}

// kafka is a client that is not ours.
func (w *world) kafka(options ...kgo.Opt) *kgo.Client {
	w.t.Helper()
	c, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(w.brokers...), kgo.DialTLSConfig(w.client),
		kgo.SASL(plain.Auth{User: user, Pass: password}.AsMechanism())}, options...)...)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(c.Close)
	return c
}

// search fails the test for every secret in what was kept.
func (w *world) search() {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, o := range w.outputs {
		for _, found := range leaks(w.secrets, o) {
			w.t.Error(found)
		}
	}
}
