package config_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"attemptstream/internal/config"
)

func TestLoggerJSON(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	log, err := config.Logger(config.Log{Level: zapcore.InfoLevel, Format: config.JSON}, &b)
	if err != nil {
		t.Fatal(err)
	}
	log.Debug("not at this level")
	log.Named("worker").Error("it failed", zap.Error(errors.New("why")), zap.Any("key", config.StaticSecret(known)), zap.Duration("after", time.Second))
	for range 500 {
		log.Info("again") // would be sampled away by zap's production settings
	}
	lines := strings.SplitAfter(strings.TrimSpace(b.String()), "\n")
	if len(lines) != 501 {
		t.Fatalf("%d lines, want 501", len(lines))
	}
	var line map[string]any
	if err := json.Unmarshal([]byte(lines[0]), &line); err != nil {
		t.Fatal(err)
	}
	at, _ := line["time"].(string)
	if _, err := time.Parse("2006-01-02T15:04:05.000Z", at); err != nil {
		t.Error(err)
	}
	delete(line, "time")
	want := map[string]any{"level": "error", "logger": "worker", "message": "it failed", "error": "why", "key": "(set)", "after": "1s"}
	if got, want := fmt.Sprint(line), fmt.Sprint(want); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestLoggerConsole(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	log, err := config.Logger(config.Log{Level: zapcore.DebugLevel, Format: config.Console}, &b)
	if err != nil {
		t.Fatal(err)
	}
	log.Debug("hello", zap.Int("n", 1))
	if _, rest, _ := strings.Cut(b.String(), "\t"); rest != "DEBUG\thello\t{\"n\": 1}\n" {
		t.Errorf("got %q", b.String())
	}
	if _, err := config.Logger(config.Log{Format: "xml"}, &b); err == nil {
		t.Error("a format that is not known is taken")
	}
}
