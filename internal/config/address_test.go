package config_test

import (
	"testing"

	"attemptstream/internal/config"
)

// What was put where an address belongs is shown only if it looks like one.
func TestSecretsForAddresses(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"apiv3.imocha.io": "apiv3.imocha.io", "https://x.example/v3": "https://x.example/v3", "localhost": "localhost", "kafka-1:9092, [::1]:9092": "kafka-1:9092, [::1]:9092",
		"https://x.example/?key=s3cret": "https://x.example/?(hidden)", "https://x.example/#s3cret": "https://x.example/#(hidden)", "https://u:s3cret@x.example": "(hidden)",
		"s3cret+/=": "(hidden)", "0123456789abcdef01234": "(hidden)", "s3cret\x01": "(hidden)", "key=s3cret?": "(hidden)",
	} {
		for _, name := range []string{"IMOCHA_BASE_URL", "KAFKA_BROKERS"} {
			for _, e := range config.Describe(config.FromMap(enough(name, value)), config.NeedAll, now) {
				if e.Name == name && e.Value != want {
					t.Errorf("%s=%q is shown as %q, want %q", name, value, e.Value, want)
				}
			}
		}
	}
}
