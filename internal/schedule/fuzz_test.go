package schedule

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"attemptstream/internal/attempt"
)

// FuzzCheckpoint reads any record as a checkpoint. What is taken is written and read again as the same, and what a planner
// makes of it is work that can be done: spans that are not empty and not in the future, the fronts' without a hole, and a
// checkpoint afterwards that can be read again.
func FuzzCheckpoint(f *testing.F) {
	for _, text := range []string{
		`{"version":1,"account":"a","states":{},"trust":{}}`, `{"version":2}`, `{"version":1,"states":{"completed":null}}`,
		`{"version":1,"account":"a","states":{"completed":{"start":"2026-11-01T00:00:00Z","front":"2026-11-25T00:00:00Z","gaps":[{"from":"2026-11-02T00:00:00Z","until":"2026-11-02T00:00:01Z"}],` +
			`"width":60,"lookedBack":["2026-11-25T00:00:00Z"],"counts":{"told":7}},"expired":{"start":"2026-11-24T00:00:00Z","front":"2026-11-24T00:00:00Z","width":0}},"trust":{"proven":20,"cap":50},"told":7,"dead":1}`,
		`{"version":1,"account":"a","states":{"completed":{"start":"0000-01-01T00:00:00Z","front":"9999-12-31T23:59:59Z","width":9223372036854775807}},"trust":{"cap":-1,"proven":-5}}`,
		`{"version":1,"account":"a","states":{"x":{"start":"2026-11-01T00:00:00Z","front":"2026-11-01T00:00:00Z","width":9223372036854775807,"lookedBack":["9999-12-31T23:59:59Z","0000-01-01T00:00:00Z"]}}}`,
	} {
		f.Add([]byte(text))
	}
	settings := Settings{States: attempt.States(), Start: 1763900000, PollInterval: 30 * time.Second, SettleDelay: 30 * time.Second,
		Lookback: 168 * time.Hour, LookbackInterval: 10 * time.Minute, WindowMax: 24 * time.Hour, WindowAttempts: 1000}
	now := time.Unix(1764072000, 0).UTC()
	f.Fuzz(func(t *testing.T, record []byte) {
		c, err := DecodeCheckpoint(record)
		if err != nil {
			var newer *NewerVersionError
			if errors.As(err, &newer) && newer.Version <= Version {
				t.Fatalf("%s: %v", record, err)
			}
			return
		}
		encoded := again(t, c)
		if c, err = DecodeCheckpoint(encoded); err != nil || !bytes.Equal(again(t, c), encoded) {
			t.Fatalf("%s, written and read again: %v", encoded, err)
		}
		p, at := NewPlanner(settings, c, now), now
		for n := 0; n < 40; n++ {
			r := p.Begin(at)
			if r == nil {
				at = at.Add(max(p.Wait(at), time.Second))
				continue
			}
			span, ok := r.Next()
			for i := 0; ok && i < 5; i++ {
				if span.Empty() || span.Length() > settings.WindowMax+time.Second || span.Until > attempt.InstantOf(at) {
					t.Fatalf("%v %s is to be read at %s", r.Kind, span, at)
				}
				if n%3 == 0 {
					r.Failed(span, r.States, at)
					break
				}
				r.Read(span, n, at)
				span, ok = r.Next()
			}
			at = at.Add(time.Second)
		}
		again(t, c)
	})
}

// again is a checkpoint as it is written, which has to be readable.
func again(t *testing.T, c *Checkpoint) []byte {
	t.Helper()
	encoded, err := c.Encode()
	if err == nil {
		_, err = DecodeCheckpoint(encoded)
	}
	if err != nil {
		t.Fatalf("%s: %v", encoded, err)
	}
	return encoded
}
