package config_test

import (
	"slices"
	"testing"
)

func TestMistypedVariables(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"IMOCHA_API_KEYFILE":    "did you mean IMOCHA_API_KEY_FILE?",
		"IMOCHA_KEY":            "did you mean IMOCHA_API_KEY?",
		"IMOCHA_URL":            "did you mean IMOCHA_BASE_URL?",
		"imocha_api_key":        "did you mean IMOCHA_API_KEY?",
		"IMOCA_API_KEY":         "did you mean IMOCHA_API_KEY?",
		"KAFKA_BROKER":          "did you mean KAFKA_BROKERS?",
		"KAFKA_PASSWORD":        "did you mean KAFKA_SASL_PASSWORD?",
		"KAFKA_TLS_CA":          "did you mean KAFKA_TLS_CA_FILE?",
		"KAFKA_TLS_CERTIFICATE": "did you mean KAFKA_TLS_CERT_FILE?",
		"KAFKA_ZOOKEEPER":       "`attemptstream config` lists them",
		"STREAM_POLL_INTERVALL": "did you mean STREAM_POLL_INTERVAL?",
		"STREAM_LOOKBACK_DAYS":  "did you mean STREAM_LOOKBACK?",
		"PII_POLICIES":          "did you mean PII_POLICY?",
		"PII_X":                 "`attemptstream config` lists them",
		"ADMIN_ADDRESS":         "did you mean ADMIN_ADDR?",
		"LOG_LEVELS":            "did you mean LOG_LEVEL?",
		"LOGLEVEL":              "did you mean LOG_LEVEL?",
		"DATADIR":               "did you mean DATA_DIR?",

		// Other programs', and what Kubernetes and Docker set for services of these names.
		"LOG_FILE": "", "ADMIN_EMAIL": "", "DATA_SOURCE": "", "LOGNAME": "", "PATH": "", "HOME": "", "STREAMS": "", "KAFKA": "",
		"KAFKA_SERVICE_HOST": "", "KAFKA_SERVICE_PORT": "", "KAFKA_SERVICE_PORT_TCP_CLIENT": "", "KAFKA_PORT": "", "KAFKA_PORT_9092_TCP": "",
		"KAFKA_PORT_9092_TCP_PROTO": "", "KAFKA_PORT_9092_TCP_PORT": "", "KAFKA_PORT_9092_TCP_ADDR": "", "KAFKA_HEADLESS_SERVICE_HOST": "",
		"IMOCHA_SIM_PORT_8090_TCP_ADDR": "", "STREAM_UI_SERVICE_PORT": "", "KAFKA_1_PORT_53_UDP": "", "KAFKA_NAME": "", "KAFKA_ENV_JAVA_HOME": "",
		"KAFKA_HOME": "", "KAFKA_OPTS": "", "KAFKA_HEAP_OPTS": "",
	} {
		_, warnings := load(t, enough(name, "x"))
		var got []string
		for _, w := range warnings {
			got = append(got, w.String())
		}
		var wanted []string
		if want != "" {
			wanted = []string{name + " is not a setting: " + want}
		}
		if !slices.Equal(got, wanted) {
			t.Errorf("%s: got %q, want %q", name, got, wanted)
		}
	}
}
