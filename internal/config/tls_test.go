package config_test

import (
	"crypto/tls"
	"testing"

	"attemptstream/internal/config"
)

// TLS 1.2 is the least by setting, not by the default of a version of Go, and certificates are checked.
func TestLeastTLS(t *testing.T) {
	t.Parallel()
	c, err := config.Kafka{TLSEnabled: true}.TLSConfig()
	if err != nil || c.MinVersion != tls.VersionTLS12 || c.InsecureSkipVerify || c.MaxVersion != 0 {
		t.Errorf("%+v, %v", c, err)
	}
}
