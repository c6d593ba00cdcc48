package kafkatx

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"strings"
	"testing"
	"time"

	"attemptstream/internal/kafkatest"
)

// No broker is spoken with over a TLS older than 1.2, not even where the configuration allows it.
func TestOldTLS(t *testing.T) {
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
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	shaken := make(chan error, 100)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func(c net.Conn) {
				shaken <- c.(*tls.Conn).Handshake()
				c.Close()
			}(c)
		}
	}()
	for _, least := range []uint16{0, tls.VersionTLS10, tls.VersionTLS12} {
		given := &tls.Config{MinVersion: least, RootCAs: believed}
		c := NewClient(Config{Brokers: []string{l.Addr().String()}, TLS: given, RequestTimeout: 5 * time.Second})
		_, err := c.Partitions(t.Context(), "events")
		c.Close()
		if err == nil || !strings.Contains(err.Error(), "protocol version") {
			t.Errorf("least version %#x: %v", least, err)
		}
		if err := <-shaken; err == nil {
			t.Errorf("least version %#x: they have shaken hands", least)
		}
		if given.MinVersion != least {
			t.Error("the caller's configuration was changed")
		}
	}
}
