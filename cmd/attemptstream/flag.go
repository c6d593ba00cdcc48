package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/pflag"

	"attemptstream/internal/config"
)

// A parsed is a flag whose text a function reads. Its errors go on from the text: is not …: want ….
type parsed[T any] struct {
	text  string
	kind  string // as --help names it
	value *T
	parse func(string) (T, error)
}

func (p *parsed[T]) String() string { return p.text }
func (p *parsed[T]) Type() string   { return p.kind }

func (p *parsed[T]) Set(text string) error {
	value, err := p.parse(text)
	if err != nil {
		return err
	}
	p.text, *p.value = text, value
	return nil
}

// flagFunc adds a flag with a default in text, which must be one that parse takes.
func flagFunc[T any](flags *pflag.FlagSet, value *T, name, kind, def, meaning string, parse func(string) (T, error)) {
	p := &parsed[T]{kind: kind, value: value, parse: parse}
	if def != "" {
		if err := p.Set(def); err != nil {
			panic(fmt.Sprintf("flag --%s: its default %q %v", name, def, err)) // a mistake in this program
		}
	}
	flags.Var(p, name, meaning)
}

// spanFlag is a duration of at least 0, such as 30s or 7d.
func spanFlag(flags *pflag.FlagSet, value *time.Duration, name, def, meaning string) {
	flagFunc(flags, value, name, "duration", def, meaning, func(text string) (time.Duration, error) {
		d, err := config.ParseDuration(text)
		if err == nil && d < 0 {
			err = fmt.Errorf("is negative: want 0 or more, something like 30s")
		}
		return d, err
	})
}

// timeFlag is a time: RFC 3339, a date, or a span before now.
func timeFlag(flags *pflag.FlagSet, value *time.Time, now time.Time, name, def, meaning string) {
	flagFunc(flags, value, name, "time", def, meaning, func(text string) (time.Time, error) {
		return config.ParseTime(text, now)
	})
}

// shareFlag is a number from 0 to 1.
func shareFlag(flags *pflag.FlagSet, value *float64, name, def, meaning string) {
	flagFunc(flags, value, name, "share", def, meaning, func(text string) (float64, error) {
		share, err := strconv.ParseFloat(text, 64)
		if err != nil || !(0 <= share && share <= 1) {
			return 0, fmt.Errorf("is not a share: want a number from 0 to 1, such as 0.1")
		}
		return share, nil
	})
}

// numberFlag is a number of at least 0.
func numberFlag(flags *pflag.FlagSet, value *float64, name, def, meaning string) {
	flagFunc(flags, value, name, "number", def, meaning, func(text string) (float64, error) {
		n, err := strconv.ParseFloat(text, 64)
		if err != nil || !(0 <= n && n <= 1e9) {
			return 0, fmt.Errorf("is not a number that can be used: want 0 or more, such as 5000")
		}
		return n, nil
	})
}
