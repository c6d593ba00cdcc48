package config

import (
	"errors"
	"io"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// Log is how the program logs.
type Log struct {
	Level  zapcore.Level // debug, info, warn or error
	Format LogFormat
}

// A LogFormat is how a line of the log is written.
type LogFormat string

// The formats.
const (
	JSON    LogFormat = "json"
	Console LogFormat = "console"
)

// logTime is RFC 3339 in UTC with milliseconds, always as long.
const logTime = "2006-01-02T15:04:05.000Z07:00"

// Logger writes to w what the settings ask for: every line, with no sampling, no caller and no stack. It replaces no
// global logger.
func Logger(s Log, w io.Writer) (*zap.Logger, error) {
	c := zapcore.EncoderConfig{
		TimeKey: "time", LevelKey: "level", NameKey: "logger", MessageKey: "message",
		EncodeLevel:    zapcore.LowercaseLevelEncoder,
		EncodeDuration: zapcore.StringDurationEncoder,
		EncodeTime: func(t time.Time, enc zapcore.PrimitiveArrayEncoder) {
			enc.AppendString(t.UTC().Format(logTime))
		},
	}
	var encoder zapcore.Encoder
	switch s.Format {
	case JSON:
		encoder = zapcore.NewJSONEncoder(c)
	case Console:
		c.EncodeLevel = zapcore.CapitalLevelEncoder
		encoder = zapcore.NewConsoleEncoder(c)
	default:
		return nil, errors.New("unknown log format: want json or console")
	}
	return zap.New(zapcore.NewCore(encoder, zapcore.Lock(zapcore.AddSync(w)), s.Level)), nil
}

func parseLevel(text string) (zapcore.Level, error) {
	name, err := oneOf("debug", "info", "warn", "error")(text)
	if err != nil {
		return zapcore.InfoLevel, err
	}
	return zapcore.ParseLevel(name)
}
