package config_test

import (
	"testing"
	"time"

	"attemptstream/internal/config"
)

var now = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func TestSmoke(t *testing.T) {
	s, w, err := config.Load(config.FromMap(map[string]string{"IMOCHA_API_KEY": "k3y", "KAFKA_BROKERS": "a:1", "IMOCHA_BASE_URL": "http://x.example/base/"}), config.NeedAll, now)
	t.Logf("%+v\n%v\n%v %v", s, w, err, s.IMocha.BaseURL)
	_, w, err = config.Load(config.FromMap(map[string]string{"IMOCHA_API_KEYFILE": "k3y", "KAFKA_BROKERS": "a", "IMOCHA_BASE_URL": "ftp://x.example", "STREAM_POLL_INTERVAL": "abc"}), config.NeedAll, now)
	t.Logf("%v\n%v", w, err)
	config.Print(t.Output(), config.Describe(config.FromMap(map[string]string{"STREAM_POLL_INTERVAL": "abc"}), config.NeedAll, now), "table")
	t.Log("\n" + config.Markdown())
}
