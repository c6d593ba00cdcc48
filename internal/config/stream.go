package config

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/event"
)

func (l *loader) stream(s *Stream) {
	s.States = read(l, &l.vars.States, parseStates)
	s.StartAt = read(l, &l.vars.StartAt, func(text string) (attempt.Instant, error) {
		t, err := ParseTime(text, l.now)
		return attempt.InstantOf(t), err
	})
	if s.StartAt > attempt.InstantOf(l.now) {
		l.warn(&l.vars.StartAt, "is %s, which is in the future: nothing is read before it", l.vars.StartAt.quoted())
	}
	s.PollInterval = read(l, &l.vars.PollInterval, seconds(time.Second))
	s.SettleDelay = read(l, &l.vars.SettleDelay, seconds(0))
	s.Lookback = read(l, &l.vars.Lookback, seconds(0))
	s.LookbackInterval = read(l, &l.vars.LookbackInterval, seconds(time.Second))
	s.WindowMax = read(l, &l.vars.WindowMax, seconds(2*time.Second)) // one second cannot be split, and its window is two long
	s.WindowAttempts = read(l, &l.vars.WindowAttempts, integer(2, math.MaxInt32))
}

func parseStates(text string) ([]attempt.State, error) {
	var states []attempt.State
	for name := range strings.SplitSeq(text, ",") {
		state, err := attempt.ParseState(strings.ToLower(strings.TrimSpace(name)))
		if err != nil {
			return nil, errors.New("is not a list of states: want some of completed, cancelled, expired, with commas between them")
		}
		if slices.Contains(states, state) {
			return nil, fmt.Errorf("has %s twice: want each state once", state)
		}
		states = append(states, state)
	}
	return states, nil
}

func (l *loader) pii(s *PII) {
	s.Policy = read(l, &l.vars.PIIPolicy, func(text string) (event.Policy, error) {
		policy, err := event.ParsePolicy(strings.ToLower(text))
		if err != nil {
			return 0, errors.New("is not known: want plain, hash or drop")
		}
		return policy, nil
	})
	file := &l.vars.PIIHashKey
	switch {
	case s.Policy == event.Hash && !file.isSet():
		l.wrong(file, "is not set: want a file with a key of at least %d random bytes, since %s is hash", event.MinHashKey, l.vars.PIIPolicy.name)
	case s.Policy == event.Hash:
		s.HashKey = l.secretFile(file, file.value(), showPath(file.value()), checkHashKey)
	case file.isSet() && !l.bad[&l.vars.PIIPolicy]:
		l.warn(file, "has no effect: %s is %s, not hash", l.vars.PIIPolicy.name, s.Policy)
	}
}

func checkHashKey(key string) error {
	if len(key) < event.MinHashKey {
		return fmt.Errorf("has %d bytes: want a key of at least %d, random ones", len(key), event.MinHashKey)
	}
	return nil
}
