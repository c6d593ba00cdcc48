//go:build unix

package secured_test

import (
	"crypto/tls"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

// soon is how long the command may take to find out that a setting is wrong.
const soon = 10 * time.Second

// A setting that is wrong is named by one message, soon, whichever command is asked.
func TestWrongSettings(t *testing.T) {
	t.Parallel()
	b := newBroker(t)
	b.scram(t, alice, kadm.ScramSha512, password)
	good := b.login(t, saslSSL, "scram-sha-512")
	theirs, theirKey, err := others.Sign(alice, time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	without := func(s settings, names ...string) settings {
		s = s.and()
		for _, name := range names {
			delete(s, name)
		}
		return s
	}
	for name, c := range map[string]struct {
		settings settings
		names    []string // what the message must hold
	}{
		"password": {good.and("KAFKA_SASL_PASSWORD", "a-wrong-secret"), []string{"KAFKA_SASL_PASSWORD", "KAFKA_SASL_USERNAME"}},
		"password, plain": {good.and("KAFKA_SASL_PASSWORD", "a-wrong-secret", "KAFKA_SASL_MECHANISM", "plain"),
			[]string{"KAFKA_SASL_PASSWORD", "KAFKA_SASL_USERNAME"}},
		"user":                                 {good.and("KAFKA_SASL_USERNAME", "bob"), []string{"KAFKA_SASL_PASSWORD", "KAFKA_SASL_USERNAME"}},
		"mechanism":                            {b.login(t, scramSSL, "plain"), []string{"KAFKA_SASL_MECHANISM"}},
		"mechanism of another password":        {good.and("KAFKA_SASL_USERNAME", limitedUser(0)), []string{"KAFKA_SASL_MECHANISM"}},
		"authority":                            {good.and("KAFKA_TLS_CA_FILE", file(t, "other.pem", others.PEM())), []string{"KAFKA_TLS_CA_FILE"}},
		"the system's authorities":             {without(good, "KAFKA_TLS_CA_FILE"), []string{"KAFKA_TLS_CA_FILE"}},
		"expired":                              {b.login(t, expired, "scram-sha-512"), []string{"expired", "certificate"}},
		"name":                                 {good.and("KAFKA_BROKERS", strings.Replace(good["KAFKA_BROKERS"], "127.0.0.1", "localhost", 1)), []string{"KAFKA_BROKERS", "localhost"}},
		"client certificate missing":           {without(b.certificate(t, alice, time.Now().Add(time.Hour)), "KAFKA_TLS_CERT_FILE", "KAFKA_TLS_KEY_FILE"), []string{"KAFKA_TLS_CERT_FILE"}},
		"client certificate of others":         {b.certificate(t, alice, time.Now().Add(time.Hour)).and("KAFKA_TLS_CERT_FILE", file(t, "cert.pem", theirs), "KAFKA_TLS_KEY_FILE", file(t, "key.pem", theirKey)), []string{"KAFKA_TLS_CERT_FILE"}},
		"TLS with a port without":              {settings{"KAFKA_BROKERS": b.AddrsOf(plain)[0], "KAFKA_TLS_ENABLED": "true"}, []string{"KAFKA_TLS_ENABLED"}},
		"TLS and SASL with a port without TLS": {good.and("KAFKA_BROKERS", b.AddrsOf(saslOnly)[0]), []string{"KAFKA_TLS_ENABLED"}},
		"no TLS with a port that wants it":     {without(good, "KAFKA_TLS_ENABLED", "KAFKA_TLS_CA_FILE"), []string{"KAFKA_TLS_ENABLED"}},
		"nothing with a port that wants TLS and SASL": {settings{"KAFKA_BROKERS": good["KAFKA_BROKERS"]}, []string{"KAFKA_TLS_ENABLED"}},
		"no SASL with a port that wants it, TLS":      {without(good, "KAFKA_SASL_MECHANISM", "KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD"), []string{"KAFKA_SASL_MECHANISM"}},
		"no SASL with a port that wants it":           {settings{"KAFKA_BROKERS": b.AddrsOf(saslOnly)[0]}, []string{"KAFKA_SASL_MECHANISM"}},
		"SASL with a port without":                    {without(good.and("KAFKA_BROKERS", b.AddrsOf(plain)[0]), "KAFKA_TLS_ENABLED", "KAFKA_TLS_CA_FILE"), []string{"KAFKA_SASL_MECHANISM"}},
		"TLS too old":                                 {good.and("KAFKA_BROKERS", oldTLS(t)), []string{"1.2"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, of := api(t)
			set := of.and("KAFKA_TOPIC", newTopic())
			for name, value := range c.settings {
				set[name] = value
			}
			for _, args := range [][]string{{"run", "--once"}, {"status"}, {"config", "--check"}} {
				began := time.Now()
				text := start(t, set, args...).wait(1, c.names...)
				took := time.Since(began)
				t.Logf("%q after %s: %s", args, took, text)
				if took > soon {
					t.Errorf("%q took %s", args, took)
				}
			}
		})
	}
}

// oldTLS is a server that speaks TLS 1.1 at most, and lets nobody hear more.
func oldTLS(t testing.TB) string {
	t.Helper()
	certificate, key, err := ours.Sign("old", time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair([]byte(certificate), []byte(key))
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func(c net.Conn) {
				_ = c.(*tls.Conn).Handshake()
				c.Close()
			}(c)
		}
	}()
	return l.Addr().String()
}

// A client certificate that has expired is found before anybody is asked.
func TestExpiredClientCertificate(t *testing.T) {
	t.Parallel()
	b := newBroker(t)
	_, of := api(t)
	set := of
	for name, value := range b.certificate(t, alice, time.Now().Add(-time.Hour)) {
		set[name] = value
	}
	start(t, set, "run", "--once").wait(2, "KAFKA_TLS_CERT_FILE", "expired")
}
