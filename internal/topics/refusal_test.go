package topics_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"attemptstream/internal/kafkatest"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/topics"
)

// Settings that will never do are named soon, however patient the caller is. (To a wrong login Kafka answers, and kfake hangs up.)
func TestRefusal(t *testing.T) {
	t.Parallel()
	authority, err := kafkatest.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	certificate, key, err := authority.Sign("broker", time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair([]byte(certificate), []byte(key))
	if err != nil {
		t.Fatal(err)
	}
	believed := x509.NewCertPool()
	believed.AppendCertsFromPEM([]byte(authority.PEM()))
	var (
		secure = kfake.TLS(&tls.Config{Certificates: []tls.Certificate{pair}})
		old    = kfake.TLS(&tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
		shown  = kfake.TLS(&tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: believed})
		login  = []kfake.Opt{kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-256", "root", "root-secret")}
		wants  = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: believed}
	)
	for name, c := range map[string]struct {
		broker []kfake.Opt
		client kafkatx.Config
		says   string
	}{
		"TLS where there is none":      {nil, kafkatx.Config{TLS: wants}, "KAFKA_TLS_ENABLED=false"},
		"none where there is TLS":      {[]kfake.Opt{secure}, kafkatx.Config{}, "KAFKA_TLS_ENABLED=true"},
		"unknown authority":            {[]kfake.Opt{secure}, kafkatx.Config{TLS: &tls.Config{MinVersion: tls.VersionTLS12}}, "KAFKA_TLS_CA_FILE"},
		"TLS that is too old":          {[]kfake.Opt{old}, kafkatx.Config{TLS: wants}, "1.2"},
		"no client certificate":        {[]kfake.Opt{shown}, kafkatx.Config{TLS: wants}, "KAFKA_TLS_CERT_FILE"},
		"no login where one is wanted": {login, kafkatx.Config{}, "KAFKA_SASL_MECHANISM"},
		"no login, with TLS":           {append([]kfake.Opt{secure}, login...), kafkatx.Config{TLS: wants}, "KAFKA_SASL_MECHANISM"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.client.Brokers = fake(t, c.broker...).addrs
			client := kafkatx.NewClient(c.client)
			t.Cleanup(client.Close)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			_, err := topics.Find(ctx, client.Kafka(), "attempts")
			var refusal *topics.RefusalError
			if !errors.As(err, &refusal) || ctx.Err() != nil {
				t.Fatalf("got %v", err)
			}
			mustMention(t, err, c.client.Brokers[0], c.says)
		})
	}
}
