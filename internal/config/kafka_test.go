package config_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"attemptstream/internal/config"
)

// certificate makes a certificate that signs itself, and gives the files of it and its key.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	encode := func(kind string, bytes []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes}))
	}
	return write(t, "cert.pem", encode("CERTIFICATE", der)), write(t, "key.pem", encode("PRIVATE KEY", pkcs8))
}

func TestTLSConfig(t *testing.T) {
	t.Parallel()
	cert, key := certificate(t)
	s, _ := load(t, enough())
	if c, err := s.Kafka.TLSConfig(); c != nil || err != nil {
		t.Errorf("without TLS: %v, %v", c, err)
	}
	s, _ = load(t, enough("KAFKA_TLS_ENABLED", "true"))
	if c, err := s.Kafka.TLSConfig(); err != nil || c.MinVersion != tls.VersionTLS12 || c.RootCAs != nil || c.Certificates != nil || c.InsecureSkipVerify {
		t.Errorf("without files: %+v, %v", c, err)
	}
	s, warnings := load(t, enough("KAFKA_TLS_ENABLED", "true", "KAFKA_TLS_CA_FILE", cert, "KAFKA_TLS_CERT_FILE", cert, "KAFKA_TLS_KEY_FILE", key))
	c, err := s.Kafka.TLSConfig()
	if err != nil || c.RootCAs == nil || len(c.Certificates) != 1 || len(warnings) > 0 {
		t.Fatalf("with files: %+v, %v, %v", c, err, warnings)
	}
	if err := os.Remove(cert); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Kafka.TLSConfig(); err == nil || !strings.HasPrefix(err.Error(), fmt.Sprintf("KAFKA_TLS_CA_FILE: %q cannot be read", cert)) {
		t.Errorf("the file is gone: %v", err)
	}
}

// For TLS it is said which of the files is wrong.
func TestTLSThatIsWrong(t *testing.T) {
	t.Parallel()
	cert, key := certificate(t)
	_, other := certificate(t)
	text := write(t, "text.pem", "no PEM")
	damaged := write(t, "damaged.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
	for name, test := range map[string]struct {
		env  []string
		want []string
	}{
		"no certificate in the CA file": {[]string{"KAFKA_TLS_CA_FILE", key}, []string{fmt.Sprintf("KAFKA_TLS_CA_FILE: %q has no certificate in it: want PEM", key)}},
		"no CA file":                    {[]string{"KAFKA_TLS_CA_FILE", "/no/ca.pem"}, []string{`KAFKA_TLS_CA_FILE: "/no/ca.pem" cannot be read`}},
		"no key":                        {[]string{"KAFKA_TLS_CERT_FILE", cert}, []string{"KAFKA_TLS_KEY_FILE: is not set, but KAFKA_TLS_CERT_FILE is: want both or none"}},
		"no certificate":                {[]string{"KAFKA_TLS_KEY_FILE", key}, []string{"KAFKA_TLS_CERT_FILE: is not set, but KAFKA_TLS_KEY_FILE is: want both or none"}},
		"key of another certificate":    {[]string{"KAFKA_TLS_CERT_FILE", cert, "KAFKA_TLS_KEY_FILE", other}, []string{fmt.Sprintf("KAFKA_TLS_KEY_FILE: %q is not the key of the certificate in KAFKA_TLS_CERT_FILE", other)}},
		"swapped":                       {[]string{"KAFKA_TLS_CERT_FILE", key, "KAFKA_TLS_KEY_FILE", cert}, []string{fmt.Sprintf("KAFKA_TLS_CERT_FILE: %q has no certificate in it", key)}},
		"no key in the key file":        {[]string{"KAFKA_TLS_CERT_FILE", cert, "KAFKA_TLS_KEY_FILE", text}, []string{fmt.Sprintf("KAFKA_TLS_KEY_FILE: %q has no private key in it", text)}},
		"damaged certificate":           {[]string{"KAFKA_TLS_CERT_FILE", damaged, "KAFKA_TLS_KEY_FILE", key}, []string{fmt.Sprintf("KAFKA_TLS_CERT_FILE: %q has a damaged certificate in it", damaged)}},
		"files, but no TLS": {
			[]string{"KAFKA_TLS_ENABLED", "", "KAFKA_TLS_CA_FILE", cert, "KAFKA_TLS_KEY_FILE", key},
			[]string{"KAFKA_TLS_CA_FILE: is set, but KAFKA_TLS_ENABLED is not true: want both or none", "KAFKA_TLS_KEY_FILE: is set, but KAFKA_TLS_ENABLED is not true"},
		},
		"one mistake is told once": {[]string{"KAFKA_TLS_ENABLED", "maybe", "KAFKA_TLS_CA_FILE", cert}, []string{`KAFKA_TLS_ENABLED: "maybe"`}},
		"embedded":                 {[]string{"KAFKA_BROKERS", "embedded"}, []string{"KAFKA_TLS_ENABLED: is true, but the embedded broker has no TLS: want false, or other brokers"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := problems(t, enough(append([]string{"KAFKA_TLS_ENABLED", "true"}, test.env...)...), config.NeedAll)
			if !slices.EqualFunc(got, test.want, strings.HasPrefix) {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

// user is an environment with a user and no password.
func user(mechanism string, changes ...string) map[string]string {
	return enough(append([]string{"KAFKA_TLS_ENABLED", "true", "KAFKA_SASL_MECHANISM", mechanism, "KAFKA_SASL_USERNAME", "alice"}, changes...)...)
}

func TestSASL(t *testing.T) {
	t.Parallel()
	s, _ := load(t, enough())
	if m, err := s.Kafka.SASL(); m != nil || err != nil {
		t.Errorf("without: %v, %v", m, err)
	}
	for mechanism, want := range map[string][2]string{
		"plain": {"PLAIN", "\x00alice\x00pass word"}, "Scram-Sha-256": {"SCRAM-SHA-256", "n,,n=alice,r="}, "SCRAM-SHA-512": {"SCRAM-SHA-512", "n,,n=alice,r="},
	} {
		s, warnings := load(t, user(mechanism, "KAFKA_SASL_PASSWORD", "pass word"))
		m, err := s.Kafka.SASL()
		if err != nil || m.Name() != want[0] || len(warnings) > 0 {
			t.Fatalf("%s: %v, %v, %v", mechanism, m, err, warnings)
		}
		if _, first, err := m.Start(t.Context()); err != nil || !strings.HasPrefix(string(first), want[1]) {
			t.Errorf("%s: begins with %q, %v, want %q", mechanism, first, err, want[1])
		}
	}
}

// Each connection uses the password that the file holds by then.
func TestSASLPasswordChanges(t *testing.T) {
	t.Parallel()
	path := write(t, "password", "first\n")
	s, _ := load(t, user("plain", "KAFKA_SASL_PASSWORD_FILE", path))
	m, err := s.Kafka.SASL()
	if err != nil || m.Name() != "PLAIN" {
		t.Fatal(m, err)
	}
	for _, password := range []string{"first", "second"} {
		if err := os.WriteFile(path, []byte(password+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, first, err := m.Start(t.Context()); err != nil || string(first) != "\x00alice\x00"+password {
			t.Errorf("begins with %q, %v, want %s in it", first, err, password)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, _, err := m.Start(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "KAFKA_SASL_PASSWORD_FILE: secret file") {
		t.Errorf("without the file: %v", err)
	}
}

func TestSASLThatIsWrong(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		env  map[string]string
		want []string
	}{
		"unknown mechanism": {user("gssapi", "KAFKA_SASL_PASSWORD", "p"), []string{`KAFKA_SASL_MECHANISM: "gssapi" is not known: want plain, scram-sha-256 or scram-sha-512`}},
		"no mechanism": {user("", "KAFKA_SASL_PASSWORD", "p"), []string{
			"KAFKA_SASL_USERNAME: is set, but KAFKA_SASL_MECHANISM is not: want a mechanism, plain, scram-sha-256 or scram-sha-512", "KAFKA_SASL_PASSWORD: is set, but KAFKA_SASL_MECHANISM is not",
		}},
		"mechanism alone": {user("plain", "KAFKA_SASL_USERNAME", ""), []string{
			"KAFKA_SASL_USERNAME: is not set, but KAFKA_SASL_MECHANISM is: want the user's name",
			"KAFKA_SASL_PASSWORD: is not set, but KAFKA_SASL_MECHANISM is: want the password, or its file in KAFKA_SASL_PASSWORD_FILE",
		}},
		"two passwords": {user("plain", "KAFKA_SASL_PASSWORD", "p", "KAFKA_SASL_PASSWORD_FILE", "/p"), []string{
			"KAFKA_SASL_PASSWORD: the password is set, and so is KAFKA_SASL_PASSWORD_FILE: want one of them",
		}},
		"no file":              {user("plain", "KAFKA_SASL_PASSWORD_FILE", "/no/file"), []string{`KAFKA_SASL_PASSWORD_FILE: "/no/file" cannot be read`}},
		"not a SCRAM password": {user("scram-sha-256", "KAFKA_SASL_PASSWORD", "\u0007"), []string{"KAFKA_SASL_PASSWORD: the password or the user's name has a character that SCRAM does not allow"}},
		"embedded": {user("plain", "KAFKA_SASL_PASSWORD", "p", "KAFKA_BROKERS", "embedded", "KAFKA_TLS_ENABLED", ""), []string{
			`KAFKA_SASL_MECHANISM: "plain" is set, but the embedded broker has no SASL: want none, or other brokers`,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := problems(t, test.env, config.NeedAll)
			if !slices.EqualFunc(got, test.want, strings.HasPrefix) {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}
