package config_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"attemptstream/internal/config"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares got with a file in testdata; -update writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is stale; go test ./internal/config -update writes it anew. Got\n%s", path, got)
	}
}

// The settings, their order and their defaults are those that the documentation promises.
func TestTheTableIsTheContracts(t *testing.T) {
	t.Parallel()
	want := [][2]string{
		{"IMOCHA_BASE_URL", "https://apiv3.imocha.io"}, {"IMOCHA_API_KEY", ""}, {"IMOCHA_API_KEY_FILE", ""}, {"IMOCHA_ACCOUNTS_FILE", ""},
		{"IMOCHA_REQUEST_TIMEOUT", "30s"}, {"IMOCHA_RATE_LIMIT", "5"}, {"IMOCHA_CONCURRENCY", "4"},
		{"KAFKA_BROKERS", "required by all but demo and simulate"}, {"KAFKA_TOPIC", "test-attempts"}, {"KAFKA_PARTITIONS", "6"},
		{"KAFKA_REPLICATION_FACTOR", "the broker's"}, {"KAFKA_COMPRESSION", "zstd"},
		{"KAFKA_TLS_ENABLED", "false"}, {"KAFKA_TLS_CA_FILE", "the system's"}, {"KAFKA_TLS_CERT_FILE", ""}, {"KAFKA_TLS_KEY_FILE", ""},
		{"KAFKA_SASL_MECHANISM", ""}, {"KAFKA_SASL_USERNAME", ""}, {"KAFKA_SASL_PASSWORD", ""}, {"KAFKA_SASL_PASSWORD_FILE", ""},
		{"STREAM_STATES", "completed,cancelled,expired"}, {"STREAM_START_AT", "-24h"}, {"STREAM_POLL_INTERVAL", "30s"}, {"STREAM_SETTLE_DELAY", "30s"},
		{"STREAM_LOOKBACK", "168h"}, {"STREAM_LOOKBACK_INTERVAL", "10m"}, {"STREAM_WINDOW_MAX", "24h"}, {"STREAM_WINDOW_ATTEMPTS", "1000"},
		{"PII_POLICY", "plain"}, {"PII_HASH_KEY_FILE", ""},
		{"ADMIN_ADDR", "127.0.0.1:8080"}, {"LOG_LEVEL", "info"}, {"LOG_FORMAT", "json"}, {"DATA_DIR", "./data"},
	}
	var got [][2]string
	for _, e := range config.Describe(config.FromMap(nil), 0, now) {
		got = append(got, [2]string{e.Name, e.Default})
		if e.Meaning == "" {
			t.Errorf("%s has no meaning", e.Name)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestMarkdown(t *testing.T) {
	t.Parallel()
	golden(t, "settings.md", config.Markdown())
}

func TestPrint(t *testing.T) {
	t.Parallel()
	entries := config.Describe(config.FromMap(enough("STREAM_POLL_INTERVAL", "abc", "KAFKA_BROKERS", "", "LOG_LEVEL", "a\tb", "KAFKA_SASL_PASSWORD_FILE", "looks like a password")), config.NeedAll, now)
	for format, file := range map[string]string{"table": "config.txt", "json": "config.json"} {
		var b bytes.Buffer
		if err := config.Print(&b, entries, format); err != nil {
			t.Fatal(err)
		}
		golden(t, file, b.String())
		if format == "json" {
			var back []config.Entry
			if err := json.Unmarshal(b.Bytes(), &back); err != nil || len(back) != len(entries) {
				t.Errorf("%d entries, %v", len(back), err)
			}
			continue
		}
		for line := range strings.Lines(b.String()) {
			if n := utf8.RuneCountInString(strings.TrimRight(line, " \n")); n > 128 {
				t.Errorf("%d characters in a line: %s", n, line)
			}
		}
	}
	if err := config.Print(&bytes.Buffer{}, entries, "yaml"); err == nil {
		t.Error("a format that is not known is taken")
	}
}
