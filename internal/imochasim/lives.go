package imochasim

import (
	"fmt"
	"time"

	"attemptstream/internal/attempt"
)

// Lives says how random invitations live: sent, then completed, left, terminated, cancelled or expired, some of them
// sent again. The same Lives begun at the same time are the same lives. DefaultLives has sensible values; shares are
// from 0 to 1, and what is zero does not happen.
type Lives struct {
	Seed uint64
	// PerDay is how many invitations are sent in a day, evenly at random.
	PerDay float64
	// Speed makes all of it go faster: with 60, a day takes 24 minutes. Times that are given in seconds, as those of
	// quick changes and bursts, stay. 0: 1.
	Speed float64
	// Until is when it all ends: nothing happens from then on, though what is late may be shown later. Zero: never.
	Until time.Time
	// FirstID is the first testInvitationId; they ascend, with small holes.
	FirstID int64
	// FarIDs is the share of invitations whose id is beyond 2^40.
	FarIDs float64

	// How the first round ends: shares of all lives. The rest expires.
	Completed, Testleft, Terminated, Cancelled float64
	// Unknown is the share of completed lives that have one of NewStatuses instead.
	Unknown     float64
	NewStatuses []attempt.Status
	// TimeToComplete is the mean time from being sent to the end of a round, Expiry the exact time to expiring.
	TimeToComplete, Expiry time.Duration
	// Resent is the share of expired and cancelled invitations that are sent again (Pending) after TimeToResend in the
	// mean, and then live another round.
	Resent       float64
	TimeToResend time.Duration
	// ComeBacks is the share of expired lives that go on without being sent again: Expired → Cancelled → Expired, or
	// Expired → Completed.
	ComeBacks float64
	// Quick is the share of lives that end with two or three statuses within two seconds: in the same second, across a
	// whole second, one or two seconds apart.
	Quick float64
	// SubSecond is the share of changes whose time is no whole second.
	SubSecond float64

	// BurstsPerDay is how often BurstSize invitations take the same status within one second.
	BurstsPerDay float64
	BurstSize    int
	// Late is the share of changes that become visible up to LateBy after they happened.
	Late   float64
	LateBy time.Duration

	// Odd is the share of lives with odd values: empty, null or absent members, quotes and control characters. Names beyond
	// ASCII are ordinary.
	Odd float64
	// Extra is the share of lives with members that the API does not document.
	Extra float64
	// Malformed is the share of lives beside which an entry stands that cannot be told.
	Malformed float64
}

// DefaultLives is a company that sends 5,000 invitations a day, with a little of everything that can happen.
func DefaultLives(seed uint64) Lives {
	return Lives{
		Seed: seed, PerDay: 5000, Speed: 1, FirstID: 2_655_161, FarIDs: .01,
		Completed: .58, Testleft: .08, Terminated: .03, Cancelled: .09,
		Unknown: .02, NewStatuses: []attempt.Status{"Evaluated", "Under Review", "Geprüft"},
		TimeToComplete: 6 * time.Hour, Expiry: 72 * time.Hour, Resent: .4, TimeToResend: 8 * time.Hour,
		ComeBacks: .1, Quick: .02, SubSecond: .3,
		BurstsPerDay: 6, BurstSize: 150, Late: .02, LateBy: 2 * time.Hour,
		Odd: .03, Extra: .1, Malformed: .002,
	}
}

func (l *Lives) check() error {
	for name, share := range map[string]float64{"FarIDs": l.FarIDs, "Completed": l.Completed, "Testleft": l.Testleft, "Terminated": l.Terminated,
		"Cancelled": l.Cancelled, "Unknown": l.Unknown, "Resent": l.Resent, "ComeBacks": l.ComeBacks, "Quick": l.Quick, "SubSecond": l.SubSecond,
		"Late": l.Late, "Odd": l.Odd, "Extra": l.Extra, "Malformed": l.Malformed,
		"the sum of Completed, Testleft, Terminated and Cancelled": l.Completed + l.Testleft + l.Terminated + l.Cancelled} {
		if share < 0 || share > 1+1e-9 {
			return fmt.Errorf("simulated lives: %s is %v: want a share from 0 to 1", name, share)
		}
	}
	switch {
	case l.PerDay < 0 || l.BurstsPerDay < 0 || l.BurstSize < 0 || l.Speed < 0:
		return fmt.Errorf("simulated lives: PerDay %v, BurstsPerDay %v, BurstSize %d and Speed %v must not be negative", l.PerDay, l.BurstsPerDay, l.BurstSize, l.Speed)
	case l.TimeToComplete < 0 || l.Expiry < 0 || l.TimeToResend < 0 || l.LateBy < 0:
		return fmt.Errorf("simulated lives: TimeToComplete, Expiry, TimeToResend and LateBy must not be negative")
	case l.Unknown > 0 && len(l.NewStatuses) == 0:
		return fmt.Errorf("simulated lives: Unknown is %v, but there are no NewStatuses", l.Unknown)
	}
	return nil
}
