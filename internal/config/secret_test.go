package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"attemptstream/internal/attempt"
	"attemptstream/internal/config"
	"attemptstream/internal/event"
)

// known is in every secret of these tests, and must be in nothing that is printed.
const known = "S3CR3T"

// printed is everything that the package prints of an environment.
func printed(t *testing.T, env map[string]string) string {
	t.Helper()
	var b bytes.Buffer
	s, warnings, err := config.Load(config.FromMap(env), config.NeedAll, now)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&b, verb+"\n"+verb+"\n"+verb+"\n", s, warnings, err)
		if s != nil {
			fmt.Fprintf(&b, verb+"\n", struct{ inner any }{*s})
			fmt.Fprintf(&b, verb+"\n", []any{s.IMocha.Accounts, s.Kafka, &s.PII})
		}
	}
	if text, err := json.Marshal(s); err != nil {
		t.Fatal(err)
	} else {
		b.Write(text)
	}
	for _, format := range []string{"table", "json"} {
		if err := config.Print(&b, config.Describe(config.FromMap(env), config.NeedAll, now), format); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

// No secret is printed, be it right, wrong, or in the wrong place.
func TestSecretsAreNotPrinted(t *testing.T) {
	t.Parallel()
	file := write(t, "secret", known+"-long-enough-for-a-hash-key")
	accounts := func(content string) []string {
		return []string{"IMOCHA_API_KEY", "", "IMOCHA_ACCOUNTS_FILE", write(t, "accounts.json", content)}
	}
	sasl := []string{"KAFKA_SASL_MECHANISM", "scram-sha-512", "KAFKA_SASL_USERNAME", "u"}
	for name, env := range map[string][]string{
		"right":                    append(sasl, "IMOCHA_API_KEY", known, "KAFKA_SASL_PASSWORD", known),
		"right, plain":             {"KAFKA_SASL_MECHANISM", "plain", "KAFKA_SASL_USERNAME", "u", "KAFKA_SASL_PASSWORD", known},
		"in files":                 append(sasl, "IMOCHA_API_KEY", "", "IMOCHA_API_KEY_FILE", file, "KAFKA_SASL_PASSWORD_FILE", file, "PII_POLICY", "hash", "PII_HASH_KEY_FILE", file),
		"key with a space":         {"IMOCHA_API_KEY", known + " x"},
		"both":                     append(sasl, "IMOCHA_API_KEY", known, "IMOCHA_API_KEY_FILE", file, "KAFKA_SASL_PASSWORD", known, "KAFKA_SASL_PASSWORD_FILE", file),
		"password SCRAM refuses":   append(sasl, "KAFKA_SASL_PASSWORD", known+"\u0007"),
		"password alone":           {"KAFKA_SASL_PASSWORD", known},
		"instead of a path":        append(sasl, "IMOCHA_API_KEY", "", "IMOCHA_API_KEY_FILE", known, "KAFKA_SASL_PASSWORD_FILE", known+".x.long-signature", "PII_POLICY", "hash", "PII_HASH_KEY_FILE", known),
		"PEM instead of its path":  {"KAFKA_TLS_ENABLED", "true", "KAFKA_TLS_CERT_FILE", file, "KAFKA_TLS_KEY_FILE", "-----BEGIN PRIVATE KEY-----\n" + known + "\n-----END PRIVATE KEY-----"},
		"file that is no key":      {"KAFKA_TLS_ENABLED", "true", "KAFKA_TLS_CA_FILE", file, "KAFKA_TLS_CERT_FILE", file, "KAFKA_TLS_KEY_FILE", file},
		"in the address":           {"IMOCHA_BASE_URL", "https://u:" + known + "@a"},
		"in the address, no host":  {"IMOCHA_BASE_URL", "https://u:" + known + "@:x"},
		"in the query":             {"IMOCHA_BASE_URL", "http://a/?key=" + known},
		"in the brokers":           {"KAFKA_BROKERS", "kafka://u:" + known + "@a:1"},
		"account's key inline":     accounts(`[{"name":"a","apiKey":"` + known + `"}]`),
		"account's key for a path": accounts(`[{"name":"a","apiKeyFile":"` + known + `"}]`),
		"accounts as a map":        accounts(`{"a":"` + known + `"}`),
		"accounts as strings":      accounts(`["` + known + `"]`),
		"accounts as names":        accounts(`[{"` + known + `":1}]`),
		"accounts, twice":          accounts(`[{"` + known + `":1,"` + known + `":1}]`),
		"accounts, no JSON":        accounts(`[{"name":` + known),
		"accounts inline":          {"IMOCHA_API_KEY", "", "IMOCHA_ACCOUNTS_FILE", `[{"name":"a","apiKey":"` + known + `.x"}]`},
		"mistyped":                 {"IMOCHA_APIKEY", known},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if text := printed(t, enough(env...)); strings.Contains(text, known) || strings.Contains(text, fmt.Sprintf("%x", known)) {
				t.Errorf("a secret is printed:\n%s", text)
			}
		})
	}
}

// A file is read anew each time, without the line end that editors leave.
func TestSecretFileIsReadAgain(t *testing.T) {
	t.Parallel()
	path := write(t, "key", "first\r\n")
	s, _ := load(t, enough("IMOCHA_API_KEY", "", "IMOCHA_API_KEY_FILE", path))
	key := s.IMocha.Accounts[0].Key
	if text, err := key.Read(); text != "first" || err != nil || !key.FromFile() || !key.IsSet() {
		t.Errorf("%q, %v", text, err)
	}
	if err := os.WriteFile(path, []byte("second"), 0o600); err != nil {
		t.Fatal(err)
	}
	if text, err := key.Read(); text != "second" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	for content, want := range map[string]string{"": "is empty", "\n": "is empty", "half\x00written": "another character in it that no key has"} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if text, err := key.Read(); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%q: %q, %v, want %q", content, text, err, want)
		}
	}
}

// A secret's file that cannot be used is named with its variable at the start.
func TestSecretFileThatIsWrong(t *testing.T) {
	t.Parallel()
	locked, short := write(t, "locked", "k"), write(t, "short", strings.Repeat("k", 15)+"\n")
	if err := os.Chmod(locked, 0); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"/no/such/file":         "cannot be read (no such file or directory): want the path of a file that can",
		t.TempDir():             "is not a regular file: want the path of one",
		"/dev/zero":             "is not a regular file",
		locked:                  "is readable by nobody (its mode is 0000)",
		write(t, "empty", "\n"): "is empty: want a file that holds the secret",
		write(t, "long", strings.Repeat("k", 65<<10)): "is longer than 64 KiB",
		write(t, "two lines", "a\nb"):                 "has a space, a line end or another character",
	} {
		got := problems(t, enough("IMOCHA_API_KEY", "", "IMOCHA_API_KEY_FILE", path), config.NeedAll)
		if line := fmt.Sprintf("IMOCHA_API_KEY_FILE: %q %s", path, want); len(got) != 1 || !strings.HasPrefix(got[0], line) {
			t.Errorf("got  %q\nwant %q", got, line)
		}
	}
	got := problems(t, enough("PII_POLICY", "hash", "PII_HASH_KEY_FILE", short), config.NeedAll)
	if line := fmt.Sprintf("PII_HASH_KEY_FILE: %q has 15 bytes: want a key of at least 16, random ones", short); !slices.Equal(got, []string{line}) {
		t.Errorf("got  %q\nwant %q", got, line)
	}
	got = problems(t, enough("IMOCHA_API_KEY_FILE", short), config.NeedAll)
	if want := "IMOCHA_API_KEY: the API key is set, and so is IMOCHA_API_KEY_FILE: want one of them"; !slices.Equal(got, []string{want}) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestEncoderUnderHash(t *testing.T) {
	t.Parallel()
	s, _ := load(t, enough("PII_POLICY", "hash", "PII_HASH_KEY_FILE", write(t, "hash.key", strings.Repeat("k", 16)+"\n")))
	got, err := s.PII.Encoder()
	if err != nil {
		t.Fatal(err)
	}
	want, err := event.NewEncoder(event.Hash, bytes.Repeat([]byte("k"), 16))
	if err != nil {
		t.Fatal(err)
	}
	o := event.Observation{Account: "default", State: attempt.Completed, Attempt: attempt.Attempt{ID: 1, Status: "Completed", Name: attempt.Some("May")}}
	if a, b := got.AppendValue(nil, &o), want.AppendValue(nil, &o); !bytes.Equal(a, b) {
		t.Errorf("got  %s\nwant %s", a, b)
	}
}
