//go:build unix

package secured_test

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"attemptstream/internal/attempt"
	"attemptstream/internal/imochasim/ledger"
	"attemptstream/internal/witness"
)

// login are the settings of who logs in at a listener with TLS.
func (b *broker) login(t testing.TB, listener, mechanism string) settings {
	t.Helper()
	return settings{
		"KAFKA_BROKERS": b.AddrsOf(listener)[0], "KAFKA_TLS_ENABLED": "true", "KAFKA_TLS_CA_FILE": file(t, "ca.pem", ours.PEM()),
		"KAFKA_SASL_MECHANISM": mechanism, "KAFKA_SASL_USERNAME": alice, "KAFKA_SASL_PASSWORD": password,
	}
}

// certificate are the settings of a client certificate.
func (b *broker) certificate(t testing.TB, name string, until time.Time) settings {
	t.Helper()
	certificate, key, err := ours.Sign(name, until)
	if err != nil {
		t.Fatal(err)
	}
	return settings{
		"KAFKA_BROKERS": b.AddrsOf(mutual)[0], "KAFKA_TLS_ENABLED": "true", "KAFKA_TLS_CA_FILE": file(t, "ca.pem", ours.PEM()),
		"KAFKA_TLS_CERT_FILE": file(t, "cert.pem", certificate), "KAFKA_TLS_KEY_FILE": file(t, "key.pem", key),
	}
}

// The whole command works with each way of saying who one is.
func TestLogins(t *testing.T) {
	t.Parallel()
	b := newBroker(t)
	b.scram(t, alice, kadm.ScramSha256, password)
	b.scram(t, alice, kadm.ScramSha512, password)
	for name, as := range map[string]settings{
		"plain":              b.login(t, saslSSL, "plain"),
		"scram-sha-256":      b.login(t, saslSSL, "scram-sha-256"),
		"scram-sha-512":      b.login(t, saslSSL, "scram-sha-512"),
		"client certificate": b.certificate(t, alice, time.Now().Add(time.Hour)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sim, of := api(t)
			topic := newTopic()
			b.grantAlice(t, topic)
			set := of.and("KAFKA_TOPIC", topic)
			for name, value := range as {
				set[name] = value
			}
			start(t, set, "run", "--once").wait(0)
			observed := witness.Events(t, b.Addrs(), topic, attempt.DefaultAccount)
			for _, p := range ledger.Check(sim.Expected(string(attempt.DefaultAccount), ledger.Scope{Seen: time.Now().Add(-patience)}), observed) {
				t.Error(p)
			}
			if len(observed) < 10 {
				t.Errorf("%d events", len(observed))
			}
			start(t, set, "status").wait(0, string(attempt.DefaultAccount))
			start(t, set, "lag").wait(0)
			start(t, set, "config", "--check").wait(0, "Everything that a worker needs is there")
		})
	}
}
