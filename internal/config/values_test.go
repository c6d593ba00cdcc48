package config_test

import (
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"go.uber.org/zap/zapcore"

	"attemptstream/internal/attempt"
	"attemptstream/internal/config"
	"attemptstream/internal/event"
)

func TestValues(t *testing.T) {
	t.Parallel()
	yesterday := attempt.InstantOf(time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC))
	for _, test := range []struct {
		name, value string
		get         func(*config.Settings) any
		want        any
	}{
		{"IMOCHA_BASE_URL", "http://localhost:8090/sim//", func(s *config.Settings) any { return s.IMocha.BaseURL.String() }, "http://localhost:8090/sim"},
		{"IMOCHA_BASE_URL", "https://[2001:db8::1]/a%2Fb/", func(s *config.Settings) any { return s.IMocha.BaseURL.String() }, "https://[2001:db8::1]/a%2Fb"},
		{"IMOCHA_REQUEST_TIMEOUT", "1500ms", func(s *config.Settings) any { return s.IMocha.RequestTimeout }, 1500 * time.Millisecond},
		{"IMOCHA_RATE_LIMIT", "0.5", func(s *config.Settings) any { return s.IMocha.RateLimit }, 0.5},
		{"IMOCHA_CONCURRENCY", "1", func(s *config.Settings) any { return s.IMocha.Concurrency }, 1},
		{"IMOCHA_CONCURRENCY", "64", func(s *config.Settings) any { return s.IMocha.Concurrency }, 64},
		{"KAFKA_BROKERS", " a:9092 ,[::1]:9093", func(s *config.Settings) any { return s.Kafka.Brokers }, []string{"a:9092", "[::1]:9093"}},
		{"KAFKA_BROKERS", "embedded", func(s *config.Settings) any { return s.Kafka.Brokers }, []string{"127.0.0.1:9092"}},
		{"KAFKA_BROKERS", "embedded", func(s *config.Settings) any { return s.Kafka.Embedded }, true},
		{"KAFKA_BROKERS", "embedded:9092", func(s *config.Settings) any { return s.Kafka.Embedded }, false},
		{"KAFKA_TOPIC", strings.Repeat("a", 243), func(s *config.Settings) any { return len(s.Kafka.Topic) }, 243},
		{"KAFKA_PARTITIONS", "1", func(s *config.Settings) any { return s.Kafka.Partitions }, 1},
		{"KAFKA_REPLICATION_FACTOR", "3", func(s *config.Settings) any { return s.Kafka.ReplicationFactor }, 3},
		{"KAFKA_COMPRESSION", "none", func(s *config.Settings) any { return s.Kafka.Compression }, kafka.Compression(0)},
		{"KAFKA_COMPRESSION", "gzip", func(s *config.Settings) any { return s.Kafka.Compression }, kafka.Gzip},
		{"KAFKA_COMPRESSION", "snappy", func(s *config.Settings) any { return s.Kafka.Compression }, kafka.Snappy},
		{"KAFKA_COMPRESSION", "LZ4", func(s *config.Settings) any { return s.Kafka.Compression }, kafka.Lz4},
		{"KAFKA_TLS_ENABLED", "True", func(s *config.Settings) any { return s.Kafka.TLSEnabled }, true},
		{"KAFKA_TLS_ENABLED", "0", func(s *config.Settings) any { return s.Kafka.TLSEnabled }, false},
		{"STREAM_STATES", "expired, Completed", func(s *config.Settings) any { return s.Stream.States }, []attempt.State{attempt.Expired, attempt.Completed}},
		{"STREAM_START_AT", "-7d", func(s *config.Settings) any { return s.Stream.StartAt }, attempt.InstantOf(now.AddDate(0, 0, -7))},
		{"STREAM_START_AT", "2026-11-23", func(s *config.Settings) any { return s.Stream.StartAt }, yesterday},
		{"STREAM_START_AT", "2026-11-23T02:00:00+02:00", func(s *config.Settings) any { return s.Stream.StartAt }, yesterday},
		{"STREAM_POLL_INTERVAL", "1s", func(s *config.Settings) any { return s.Stream.PollInterval }, time.Second},
		{"STREAM_SETTLE_DELAY", "0", func(s *config.Settings) any { return s.Stream.SettleDelay }, time.Duration(0)},
		{"STREAM_LOOKBACK", "0", func(s *config.Settings) any { return s.Stream.Lookback }, time.Duration(0)},
		{"STREAM_LOOKBACK", "7d", func(s *config.Settings) any { return s.Stream.Lookback }, 168 * time.Hour},
		{"STREAM_LOOKBACK_INTERVAL", "1m30s", func(s *config.Settings) any { return s.Stream.LookbackInterval }, 90 * time.Second},
		{"STREAM_WINDOW_MAX", "2s", func(s *config.Settings) any { return s.Stream.WindowMax }, 2 * time.Second},
		{"STREAM_WINDOW_ATTEMPTS", "2", func(s *config.Settings) any { return s.Stream.WindowAttempts }, 2},
		{"PII_POLICY", "drop", func(s *config.Settings) any { return s.PII.Policy }, event.Drop},
		{"ADMIN_ADDR", ":0", func(s *config.Settings) any { return s.AdminAddr }, ":0"},
		{"LOG_LEVEL", "WARN", func(s *config.Settings) any { return s.Log.Level }, zapcore.WarnLevel},
		{"LOG_LEVEL", "debug", func(s *config.Settings) any { return s.Log.Level }, zapcore.DebugLevel},
		{"LOG_LEVEL", "error", func(s *config.Settings) any { return s.Log.Level }, zapcore.ErrorLevel},
		{"LOG_FORMAT", "console", func(s *config.Settings) any { return s.Log.Format }, config.Console},
		{"DATA_DIR", "/var/lib/a", func(s *config.Settings) any { return s.DataDir }, "/var/lib/a"},
	} {
		t.Run(test.name+"="+test.value, func(t *testing.T) {
			t.Parallel()
			s, warnings := load(t, enough(test.name, test.value))
			if got := test.get(s); !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
			if len(warnings) > 0 {
				t.Errorf("warnings %v", warnings)
			}
		})
	}
}

// Whatever is wrong with a setting is said in one line: its name, its value, and what it should be.
func TestWrongValues(t *testing.T) {
	t.Parallel()
	const duration = " is not a duration: want something like 30s, 10m, 168h or 7d"
	for _, test := range []struct{ name, value, want string }{
		{"IMOCHA_BASE_URL", "apiv3.imocha.io", `"apiv3.imocha.io" is not the address of an API: want something like https://apiv3.imocha.io`},
		{"IMOCHA_BASE_URL", "ftp://a", `"ftp://a" is not the address of an API`},
		{"IMOCHA_BASE_URL", "https://", `"https://" is not the address of an API`},
		{"IMOCHA_BASE_URL", "https://:443", `"https://:443" is not the address of an API`},
		{"IMOCHA_BASE_URL", "https://a:99999", `"https://a:99999" is not the address of an API`},
		{"IMOCHA_BASE_URL", "https://a?key=1", `"https://a?(hidden)" has a query or a fragment: want the address without it`},
		{"IMOCHA_BASE_URL", "https://a/?", `"https://a/?(hidden)" has a query or a fragment`},
		{"IMOCHA_BASE_URL", "https://a#b", `"https://a#(hidden)" has a query or a fragment`},
		{"IMOCHA_BASE_URL", "https://me:pw@a", `"(hidden)" has a user in it: want`},
		{"IMOCHA_API_KEY", "two words", "the API key has a space"},
		{"IMOCHA_API_KEY", "", "is not set: want the API key, or its file in IMOCHA_API_KEY_FILE, or several accounts in IMOCHA_ACCOUNTS_FILE"},
		{"IMOCHA_REQUEST_TIMEOUT", "30", `"30"` + duration},
		{"IMOCHA_REQUEST_TIMEOUT", "0", `"0" is not more than nothing: want something like 30s`},
		{"IMOCHA_RATE_LIMIT", "0", `"0" is not more than 0: want requests a second, such as 5 or 0.5`},
		{"IMOCHA_RATE_LIMIT", "-1", `"-1" is not more than 0`},
		{"IMOCHA_RATE_LIMIT", "NaN", `"NaN" is not a number`},
		{"IMOCHA_RATE_LIMIT", "inf", `"inf" is not a number`},
		{"IMOCHA_CONCURRENCY", "0", `"0" is out of range: want a whole number of 1 to 64`},
		{"IMOCHA_CONCURRENCY", "65", `"65" is out of range: want a whole number of 1 to 64`},
		{"IMOCHA_CONCURRENCY", "4.5", `"4.5" is not a whole number: want a whole number of 1 to 64`},
		{"KAFKA_BROKERS", "", "is not set: want host:port,… or the word embedded for a broker inside the worker"},
		{"KAFKA_BROKERS", "kafka", `"kafka" is not a list of brokers: want host:port,… such as`},
		{"KAFKA_BROKERS", "a:1,,b:2", `"a:1,,b:2" is not a list of brokers`},
		{"KAFKA_BROKERS", "a:1,embedded", `"a:1,embedded" is not a list of brokers`},
		{"KAFKA_BROKERS", "kafka:0", `"kafka:0" is not a list of brokers`},
		{"KAFKA_BROKERS", ":9092", `":9092" is not a list of brokers`},
		{"KAFKA_BROKERS", "http://a:1", `"http://a:1" is not a list of brokers`},
		{"KAFKA_BROKERS", "a:1,a:1", `"a:1,a:1" has a broker twice`},
		{"KAFKA_TOPIC", "test attempts", `"test attempts" is not the name of a topic: want 1 to 243 of A-Z a-z 0-9 . _ -`},
		{"KAFKA_TOPIC", "..", `".." is not the name of a topic`},
		{"KAFKA_TOPIC", strings.Repeat("a", 244), `"` + strings.Repeat("a", 200) + `"… is not the name of a topic`},
		{"KAFKA_PARTITIONS", "0", `"0" is out of range: want a whole number of at least 1`},
		{"KAFKA_PARTITIONS", "9999999999", `"9999999999" is out of range`},
		{"KAFKA_REPLICATION_FACTOR", "0", `"0" is not a replication factor: want a whole number of at least 1, or nothing for the broker's default`},
		{"KAFKA_REPLICATION_FACTOR", "-1", `"-1" is not a replication factor`},
		{"KAFKA_COMPRESSION", "brotli", `"brotli" is not known: want none, gzip, snappy, lz4 or zstd`},
		{"KAFKA_TLS_ENABLED", "maybe", `"maybe" is neither true nor false: want one of them`},
		{"STREAM_STATES", "completed,done", `"completed,done" is not a list of states: want some of completed, cancelled, expired, with commas between them`},
		{"STREAM_STATES", ",", `"," is not a list of states`},
		{"STREAM_STATES", "expired,completed,Expired", `"expired,completed,Expired" has expired twice: want each state once`},
		{"STREAM_START_AT", "yesterday", `"yesterday" is not a time: want RFC 3339 such as 2026-11-23T21:30:00Z, a date such as 2026-11-23, or a span before now such as -36h or -7d`},
		{"STREAM_START_AT", "24h", `"24h" is a span without direction: want -24h for that long before now`},
		{"STREAM_START_AT", "+24h", `"+24h" is a span without direction: want -24h for that long before now`},
		{"STREAM_POLL_INTERVAL", "abc", `"abc"` + duration},
		{"STREAM_POLL_INTERVAL", "999ms", `"999ms" is too short: want at least 1s`},
		{"STREAM_POLL_INTERVAL", "-30s", `"-30s" is too short: want at least 1s`},
		{"STREAM_POLL_INTERVAL", "1500ms", `"1500ms" has a fraction of a second: want whole seconds`},
		{"STREAM_SETTLE_DELAY", "-1s", `"-1s" is negative: want 0 or more`},
		{"STREAM_LOOKBACK", "-1s", `"-1s" is negative: want 0 or more`},
		{"STREAM_LOOKBACK", "1w", `"1w"` + duration},
		{"STREAM_LOOKBACK_INTERVAL", "0", `"0" is too short: want at least 1s`},
		{"STREAM_WINDOW_MAX", "1s", `"1s" is too short: want at least 2s`},
		{"STREAM_WINDOW_ATTEMPTS", "1", `"1" is out of range: want a whole number of at least 2`},
		{"PII_POLICY", "mask", `"mask" is not known: want plain, hash or drop`},
		{"PII_POLICY", "hash", "PII_HASH_KEY_FILE: is not set: want a file with a key of at least 16 random bytes, since PII_POLICY is hash"},
		{"ADMIN_ADDR", "8080", `"8080" is not an address to listen on: want host:port`},
		{"ADMIN_ADDR", "localhost:http", `"localhost:http" is not an address to listen on`},
		{"LOG_LEVEL", "fatal", `"fatal" is not known: want debug, info, warn or error`},
		{"LOG_FORMAT", "text", `"text" is not known: want json or console`},
	} {
		t.Run(test.name+"="+test.value, func(t *testing.T) {
			t.Parallel()
			got := problems(t, enough(test.name, test.value), config.NeedAll)
			want := test.want
			if !strings.HasPrefix(want, "PII_") {
				want = test.name + ": " + want
			}
			if len(got) != 1 || !strings.Contains(got[0], want) || strings.Contains(got[0], "\n") {
				t.Errorf("got  %q\nwant %q alone", got, want)
			}
		})
	}
}

func TestParseDuration(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for text, want := range map[string]time.Duration{
		"7d": 7 * day, "1d12h": 36 * time.Hour, "-7d": -7 * day, "-1d12h30m": -(36*time.Hour + 30*time.Minute), "0d": 0, "0": 0, "1h30m": 90 * time.Minute, "+2d": 2 * day,
	} {
		if got, err := config.ParseDuration(text); got != want || err != nil {
			t.Errorf("%s: %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "d", "1.5d", "1h7d", "1d-2h", "1d+2h", "7D", "7 d", "1d1", "106752d", "106751d24h", "99999999999d", "--1d"} {
		if got, err := config.ParseDuration(text); err == nil {
			t.Errorf("%q: taken for %v", text, got)
		}
	}
	if longest, err := config.ParseDuration("106751d23h47m16s"); err != nil || math.MaxInt64-longest > time.Second {
		t.Errorf("the longest: %v, %v", longest, err)
	}
}

func TestParseTime(t *testing.T) {
	t.Parallel()
	here := now.In(time.FixedZone("", -5*3600))
	for text, want := range map[string]time.Time{
		"2026-11-23T21:30:00Z":        time.Date(2026, 11, 23, 21, 30, 0, 0, time.UTC),
		"2026-11-23T21:30:00.5+01:00": time.Date(2026, 11, 23, 20, 30, 0, 5e8, time.UTC),
		"2026-11-23":                  time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC),
		" -36h ":                      now.Add(-36 * time.Hour),
		"-7d":                         now.Add(-7 * 24 * time.Hour),
		"-0s":                         now,
	} {
		got, err := config.ParseTime(text, here)
		if err != nil || !got.Equal(want) || got.Location() != time.UTC {
			t.Errorf("%s: %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "now", "7d", "+7d", "-", "-x", "--7d", "2026-13-01", "2026-11-23 21:30", "1700000000"} {
		if got, err := config.ParseTime(text, here); err == nil {
			t.Errorf("%q: taken for %v", text, got)
		}
	}
}
