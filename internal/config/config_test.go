package config_test

import (
	"errors"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"go.uber.org/zap/zapcore"

	"attemptstream/internal/attempt"
	"attemptstream/internal/config"
)

var now = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// enough is the smallest environment that is right, with changes: name, value, name, value, ….
func enough(changes ...string) map[string]string {
	env := map[string]string{"IMOCHA_API_KEY": "k3y", "KAFKA_BROKERS": "kafka:9092"}
	for change := range slices.Chunk(changes, 2) {
		env[change[0]] = change[1]
	}
	return env
}

// write makes a file of the test's and gives its path.
func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// load must succeed.
func load(t *testing.T, env map[string]string) (*config.Settings, []config.Warning) {
	t.Helper()
	s, warnings, err := config.Load(config.FromMap(env), config.NeedAll, now)
	if err != nil {
		t.Fatal(err)
	}
	return s, warnings
}

// problems are the lines of what is wrong.
func problems(t *testing.T, env map[string]string, need config.Need) []string {
	t.Helper()
	s, _, err := config.Load(config.FromMap(env), need, now)
	if err == nil {
		return nil
	}
	var wrong *config.Error
	if !errors.As(err, &wrong) || s != nil {
		t.Fatalf("error %T with settings %v, want a *config.Error and none", err, s)
	}
	var lines []string
	for _, p := range wrong.Problems {
		lines = append(lines, p.String())
	}
	return lines
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	s, warnings := load(t, enough())
	if len(warnings) > 0 {
		t.Errorf("warnings %v", warnings)
	}
	key, err := s.IMocha.Accounts[0].Key.Read()
	if err != nil || key != "k3y" || s.IMocha.Accounts[0].Name != "default" || len(s.IMocha.Accounts) != 1 {
		t.Errorf("accounts %v, key %q, %v", s.IMocha.Accounts, key, err)
	}
	s.IMocha.Accounts = nil
	want := &config.Settings{
		IMocha: config.IMocha{
			BaseURL:        &url.URL{Scheme: "https", Host: "apiv3.imocha.io"},
			RequestTimeout: 30 * time.Second, RateLimit: 5, Concurrency: 4,
		},
		Kafka: config.Kafka{
			Brokers: []string{"kafka:9092"}, Topic: "test-attempts", Partitions: 6, ReplicationFactor: -1, Compression: kafka.Zstd,
		},
		Stream: config.Stream{
			States:       []attempt.State{attempt.Completed, attempt.Cancelled, attempt.Expired},
			StartAt:      attempt.InstantOf(now.Add(-24 * time.Hour)),
			PollInterval: 30 * time.Second, SettleDelay: 30 * time.Second,
			Lookback: 168 * time.Hour, LookbackInterval: 10 * time.Minute,
			WindowMax: 24 * time.Hour, WindowAttempts: 1000,
		},
		AdminAddr: "127.0.0.1:8080",
		Log:       config.Log{Level: zapcore.InfoLevel, Format: config.JSON},
		DataDir:   "./data",
	}
	if !reflect.DeepEqual(s, want) {
		t.Errorf("got  %+v\nwant %+v", s, want)
	}
}

// An empty variable is one that is not set; only that of the status page has a meaning of its own when it is empty.
func TestEmptyIsUnset(t *testing.T) {
	t.Parallel()
	env := map[string]string{}
	for _, e := range config.Describe(config.FromMap(nil), 0, now) {
		env[e.Name] = ""
	}
	maps.Copy(env, enough("IMOCHA_RATE_LIMIT", "  ", "IMOCHA_API_KEY_FILE", " "))
	got, warnings := load(t, env)
	want, _ := load(t, enough("ADMIN_ADDR", ""))
	got.IMocha.Accounts, want.IMocha.Accounts = nil, nil
	if !reflect.DeepEqual(got, want) || len(warnings) > 0 {
		t.Errorf("got  %+v %v\nwant %+v", got, warnings, want)
	}
	if got.AdminAddr != "" {
		t.Errorf("an empty ADMIN_ADDR is %q", got.AdminAddr)
	}
}

// All that is wrong is named at once, in the table's order.
func TestAllErrorsAtOnce(t *testing.T) {
	t.Parallel()
	got := problems(t, map[string]string{
		"LOG_LEVEL": "loud", "STREAM_POLL_INTERVAL": "abc", "STREAM_WINDOW_MAX": "1s", "IMOCHA_CONCURRENCY": "100", "KAFKA_SASL_USERNAME": "u", "PII_POLICY": "mask",
	}, config.NeedAll)
	var names []string
	for _, line := range got {
		name, _, _ := strings.Cut(line, ":")
		names = append(names, name)
	}
	want := []string{"IMOCHA_API_KEY", "IMOCHA_CONCURRENCY", "KAFKA_BROKERS", "KAFKA_SASL_USERNAME", "STREAM_POLL_INTERVAL", "STREAM_WINDOW_MAX", "PII_POLICY", "LOG_LEVEL"}
	if !slices.Equal(names, want) {
		t.Errorf("got  %q\nwant %q", names, want)
	}
	_, _, err := config.Load(config.FromMap(enough("LOG_LEVEL", "loud", "LOG_FORMAT", "text")), config.NeedAll, now)
	const text = `2 settings are wrong:
  LOG_LEVEL: "loud" is not known: want debug, info, warn or error
  LOG_FORMAT: "text" is not known: want json or console`
	if err == nil || err.Error() != text {
		t.Errorf("got  %v\nwant %s", err, text)
	}
}

// A command is not held up by settings that it does not use, and has their defaults where they are wrong.
func TestNeed(t *testing.T) {
	t.Parallel()
	wrong := map[string]string{
		"IMOCHA_API_KEY_FILE": "/no/such/file", "IMOCHA_RATE_LIMIT": "x", "KAFKA_TLS_ENABLED": "1", "KAFKA_TLS_CA_FILE": "/no/such/file",
		"KAFKA_REPLICATION_FACTOR": "x", "STREAM_LOOKBACK": "x", "PII_POLICY": "hash", "ADMIN_ADDR": "x",
	}
	s, _, err := config.Load(config.FromMap(wrong), 0, now)
	if err != nil {
		t.Fatal(err)
	}
	if s.IMocha.RateLimit != 5 || s.Stream.Lookback != 168*time.Hour || s.AdminAddr != "127.0.0.1:8080" || s.Kafka.ReplicationFactor != -1 {
		t.Errorf("not the defaults: %+v", s)
	}
	for need, want := range map[config.Need][]string{
		config.NeedIMocha: {"IMOCHA_API_KEY_FILE", "IMOCHA_RATE_LIMIT"},
		config.NeedKafka:  {"KAFKA_BROKERS", "KAFKA_REPLICATION_FACTOR", "KAFKA_TLS_CA_FILE"},
		config.NeedStream: {"STREAM_LOOKBACK"},
		config.NeedPII:    {"PII_HASH_KEY_FILE"},
		config.NeedAdmin:  {"ADMIN_ADDR"},
	} {
		var names []string
		for _, line := range problems(t, wrong, need) {
			name, _, _ := strings.Cut(line, ":")
			names = append(names, name)
		}
		if !slices.Equal(names, want) {
			t.Errorf("need %d: got %q, want %q", need, names, want)
		}
	}
	wrong["LOG_LEVEL"] = "x"
	if got := problems(t, wrong, 0); len(got) != 1 {
		t.Errorf("a wrong log level is a problem of every command: %q", got)
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	key := write(t, "hash.key", strings.Repeat("k", 16))
	for name, test := range map[string]struct {
		env  []string
		want string
	}{
		"key in the clear":   {[]string{"IMOCHA_BASE_URL", "http://api.example"}, `IMOCHA_BASE_URL is "http://api.example": the API key travels in the clear`},
		"loopback by name":   {[]string{"IMOCHA_BASE_URL", "http://localhost:1"}, ""},
		"loopback by number": {[]string{"IMOCHA_BASE_URL", "http://127.1.2.3"}, ""},
		"loopback, IPv6":     {[]string{"IMOCHA_BASE_URL", "http://[::1]:80"}, ""},
		"start to come":      {[]string{"STREAM_START_AT", "2027-01-01"}, `STREAM_START_AT is "2027-01-01", which is in the future`},
		"key of no use":      {[]string{"PII_HASH_KEY_FILE", key}, "PII_HASH_KEY_FILE has no effect: PII_POLICY is plain, not hash"},
		"password in the clear": {
			[]string{"KAFKA_SASL_MECHANISM", "plain", "KAFKA_SASL_USERNAME", "u", "KAFKA_SASL_PASSWORD", "p"}, "KAFKA_SASL_MECHANISM is plain without TLS",
		},
		"plain under TLS": {
			[]string{"KAFKA_TLS_ENABLED", "true", "KAFKA_SASL_MECHANISM", "plain", "KAFKA_SASL_USERNAME", "u", "KAFKA_SASL_PASSWORD", "p"}, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, warnings := load(t, enough(test.env...))
			if test.want == "" && len(warnings) == 0 {
				return
			}
			if len(warnings) != 1 || test.want == "" || !strings.HasPrefix(warnings[0].String(), test.want) {
				t.Errorf("got %q, want %q", warnings, test.want)
			}
		})
	}
}
