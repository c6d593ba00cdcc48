package schedule

import (
	"time"

	"attemptstream/internal/attempt"
)

// youngestTier is the age up to which covered time is read again most often.
const youngestTier = time.Hour

// A tier is a range of ages of covered time that is read again every so often. Tiers double in age and halve in
// frequency, so that each costs the same number of requests per second of its length, and the sum stays small: a week
// is nine tiers.
type tier struct {
	younger, older time.Duration
	every          time.Duration
}

// tiers cuts the look-back into tiers: the last hour every interval, hours one to two half as often, two to four a
// quarter as often, and so on.
func tiers(lookback, interval time.Duration) []tier {
	var out []tier
	younger, older := time.Duration(0), youngestTier
	for younger < lookback {
		out = append(out, tier{younger: younger, older: min(older, lookback), every: interval})
		younger, older, interval = older, 2*older, 2*interval
	}
	return out
}

// span is the time that has the tier's ages at now. What may have moved on to the next tier since the last pass at
// since is read too, so that nothing slips through between two passes.
func (t tier) span(now, since attempt.Instant) Span {
	elapsed := max(0, now.Sub(since))
	return Span{From: now.Add(-t.older - min(elapsed, t.older)), Until: now.Add(-t.younger)}
}
