package config_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/config"
)

// fuzzedSecret stands in what is fuzzed for what must not be shown.
const fuzzedSecret = "q7Zx-9Kd-SECRET"

// longestReport bounds all that is said of settings, however long they are.
const longestReport = 64 << 10

// FuzzSettings gives any value to any setting. Either something is wrong with it, in a text of bounded length that is
// about this setting, or the settings are within the limits that the README promises; no secret is shown in either case.
func FuzzSettings(f *testing.F) {
	names := []string{}
	for _, e := range config.Describe(config.FromMap(nil), config.NeedAll, now) {
		names = append(names, e.Name)
	}
	for name, value := range map[string]string{
		"IMOCHA_BASE_URL": "https://user:" + fuzzedSecret + "@api.example/v3?key=x#y", "IMOCHA_API_KEY": fuzzedSecret, "IMOCHA_API_KEY_FILE": fuzzedSecret,
		"IMOCHA_RATE_LIMIT": "1e-320", "IMOCHA_CONCURRENCY": "64", "KAFKA_BROKERS": "a:1,[::1]:2", "KAFKA_TOPIC": "a.b-c_D", "KAFKA_PARTITIONS": "2147483648",
		"KAFKA_COMPRESSION": "LZ4", "KAFKA_SASL_MECHANISM": "scram-sha-512", "KAFKA_SASL_PASSWORD": fuzzedSecret, "KAFKA_SASL_PASSWORD_FILE": "/" + fuzzedSecret + "/\n",
		"STREAM_STATES": "expired, Completed", "STREAM_START_AT": "9999-12-31T23:59:59-23:59", "STREAM_POLL_INTERVAL": "106751d", "STREAM_LOOKBACK": "-0s",
		"STREAM_WINDOW_MAX": "2s", "STREAM_WINDOW_ATTEMPTS": "2", "PII_POLICY": "hash", "PII_HASH_KEY_FILE": fuzzedSecret, "ADMIN_ADDR": "[::]:65536",
		"LOG_LEVEL": "debug", "LOG_FORMAT": "console", "DATA_DIR": "\x00",
	} {
		f.Add(uint8(slices.Index(names, name)), value)
	}
	for i := range names {
		f.Add(uint8(i), strings.Repeat("9", 5000))
	}
	secrets := []string{"IMOCHA_API_KEY", "KAFKA_SASL_PASSWORD"}
	f.Fuzz(func(t *testing.T, which uint8, value string) {
		name := names[int(which)%len(names)]
		env := config.FromMap(enough("KAFKA_SASL_USERNAME", "u", "KAFKA_SASL_MECHANISM", "plain", "KAFKA_SASL_PASSWORD", "k3y", name, value))
		s, warnings, err := config.Load(env, config.NeedAll, now)
		var report bytes.Buffer
		for _, w := range warnings {
			fmt.Fprintln(&report, w)
		}
		if err != nil {
			var wrong *config.Error
			if !errors.As(err, &wrong) || len(wrong.Problems) == 0 || s != nil {
				t.Fatalf("%s=%q: error %T %v with settings %v", name, value, err, err, s)
			}
			for _, p := range wrong.Problems {
				if p.Variable == "" || p.Text == "" || strings.ContainsAny(p.Text, "\n\x1b\x00") {
					t.Fatalf("%s=%q: problem %q", name, value, p)
				}
			}
			fmt.Fprintln(&report, err)
		} else {
			within(t, s)
		}
		if report.Len() > longestReport {
			t.Fatalf("%s of %d bytes: %d bytes about it", name, len(value), report.Len())
		}
		for _, format := range []string{"table", "json"} {
			if err := config.Print(&report, config.Describe(env, config.NeedAll, now), format); err != nil {
				t.Fatal(err)
			}
		}
		secret := strings.TrimSpace(value)
		if slices.Contains(secrets, name) && len(secret) > 8 && strings.Contains(report.String(), secret) && !strings.Contains(unfuzzed(names), secret) {
			t.Fatalf("%s=%q is shown:\n%s", name, value, report.Bytes())
		}
		address := name == "IMOCHA_BASE_URL" || name == "KAFKA_BROKERS"
		if address && strings.Contains(value, ":"+fuzzedSecret+"@") && strings.Contains(report.String(), fuzzedSecret) {
			t.Fatalf("%s=%q is shown:\n%s", name, value, report.Bytes())
		}
	})
}

// unfuzzed is what is printed of no settings at all.
func unfuzzed(names []string) string {
	var b strings.Builder
	_ = config.Print(&b, config.Describe(config.FromMap(enough()), config.NeedAll, now), "json")
	return b.String() + strings.Join(names, " ")
}

// within holds settings to the limits.
func within(t *testing.T, s *config.Settings) {
	t.Helper()
	whole := func(d, least time.Duration) bool { return d >= least && d%time.Second == 0 }
	i, k, r := s.IMocha, s.Kafka, s.Stream
	for what, ok := range map[string]bool{
		"base URL":    (i.BaseURL.Scheme == "http" || i.BaseURL.Scheme == "https") && i.BaseURL.Hostname() != "" && i.BaseURL.User == nil && i.BaseURL.RawQuery == "",
		"accounts":    len(i.Accounts) > 0,
		"timeout":     i.RequestTimeout > 0,
		"rate":        i.RateLimit > 0,
		"concurrency": 1 <= i.Concurrency && i.Concurrency <= 64,
		"brokers":     len(k.Brokers) > 0,
		"topic":       k.Topic != "" && len(k.Topic) < 249 && !strings.ContainsAny(k.Topic, "/ \x00"),
		"partitions":  k.Partitions > 0 && (k.ReplicationFactor == -1 || k.ReplicationFactor > 0),
		"states":      0 < len(r.States) && len(r.States) <= 3,
		"start":       0 < r.StartAt.Time().Year() && r.StartAt.Time().Year() < 10000,
		"intervals":   whole(r.PollInterval, time.Second) && whole(r.SettleDelay, 0) && whole(r.Lookback, 0) && whole(r.LookbackInterval, time.Second),
		"window":      whole(r.WindowMax, 2*time.Second) && r.WindowAttempts >= 2,
	} {
		if !ok {
			t.Fatalf("%s out of its limits: %+v", what, s)
		}
	}
}

// FuzzAccountsFile reads any file as the accounts file. Either all accounts in it can be told apart and have keys, or what
// is wrong is said without the values that a key may have been put in by mistake, and in bounded length.
func FuzzAccountsFile(f *testing.F) {
	dir := f.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.key"), []byte("k3y"), 0o600); err != nil {
		f.Fatal(err)
	}
	for _, text := range []string{
		`[{"name":"a","apiKeyFile":"a.key"}]`, `[{"name":"a","apiKeyFile":"a.key"},{"name":"a","apiKeyFile":"a.key"}]`, `[{"name":"a","apiKey":"` + fuzzedSecret + `"}]`,
		`[{"name":"a","apiKeyFile":"` + fuzzedSecret + `"}]`, `[{"name":"a","apiKeyFile":["` + fuzzedSecret + `"]}]`, `{"a":"` + fuzzedSecret + `"}`, fuzzedSecret,
		"[\n{\"name\":\"a\",\"apiKeyFile\":\"a.key\"},", "\xef\xbb\xbf[]", strings.Repeat("[", 20_000), "[" + strings.Repeat("{},", 5000) + "{}]",
		`[{"name":"` + strings.Repeat("x", 100_000) + `","apiKeyFile":"a.key"}]`, `[{"name":"a","apiKeyFile":"../../../../dev/zero"}]`, `[null,{}]`, `["` + fuzzedSecret + `"]`,
	} {
		f.Add([]byte(text))
	}
	file := filepath.Join(dir, "accounts.json")
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		s, _, err := config.Load(config.FromMap(enough("IMOCHA_API_KEY", "", "IMOCHA_ACCOUNTS_FILE", file)), config.NeedAll, now)
		if err != nil {
			said := err.Error()
			if len(said) > longestReport || strings.Contains(said, fuzzedSecret) && !named(text) || strings.ContainsAny(said, "\x1b\x00") {
				t.Fatalf("%q: %d bytes: %.2000s", text, len(said), said)
			}
			return
		}
		seen := map[attempt.Account]bool{}
		for _, a := range s.IMocha.Accounts {
			if _, err := attempt.ParseAccount(string(a.Name)); err != nil || seen[a.Name] {
				t.Fatalf("%q: account %q is there twice, or has no name: %v", text, a.Name, err)
			}
			seen[a.Name] = true
			if key, err := a.Key.Read(); err != nil || key == "" {
				t.Fatalf("%q: account %q has no key: %v", text, a.Name, err)
			}
		}
		if len(seen) == 0 {
			t.Fatalf("%q: no accounts", text)
		}
	})
}

// named tells whether the secret is the name of an account, or of a folder: those are shown.
func named(text []byte) bool {
	var entries []struct {
		Name, APIKeyFile string
	}
	_ = json.Unmarshal(text, &entries) // what can be read of it
	for _, e := range entries {
		if strings.Contains(e.Name, fuzzedSecret) || strings.ContainsAny(e.APIKeyFile, "/.") {
			return true
		}
	}
	return false
}

// FuzzTime reads any text as a time. What is taken is in the years that RFC 3339 has, and is read again as the same.
func FuzzTime(f *testing.F) {
	for _, text := range []string{"2026-11-23T21:30:00Z", "2026-11-23", "-36h", "-7d", "-106751d23h47m16s", "36h", "+7d", "0000-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59",
		"0001-01-01", "-0", " -1d ", "--1h", "-2540400h10m10.000000000s", "2026-11-23T21:30:00.999999999+05:30", "-9223372036854775808ns", "today"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		at, err := config.ParseTime(text, now)
		if err != nil {
			if !strings.Contains(err.Error(), "want ") {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		again, err := config.ParseTime(at.Format(time.RFC3339Nano), now.Add(time.Hour))
		if err != nil || !again.Equal(at) || at.Location() != time.UTC || at.Year() < 1 {
			t.Fatalf("%q is %s, read again %s: %v", text, at, again, err)
		}
		if strings.HasPrefix(strings.TrimSpace(text), "-") && at.After(now) {
			t.Fatalf("%q is %s, after now", text, at)
		}
	})
}
