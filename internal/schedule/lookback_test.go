package schedule

import (
	"testing"
	"time"
)

func TestTiersDoubleInAgeAndHalveInFrequency(t *testing.T) {
	got := tiers(168*time.Hour, 10*time.Minute)
	ages := []int{0, 1, 2, 4, 8, 16, 32, 64, 128, 168}
	if len(got) != len(ages)-1 {
		t.Fatalf("%d tiers, want %d", len(got), len(ages)-1)
	}
	for i, tier := range got {
		if tier.younger != time.Duration(ages[i])*time.Hour || tier.older != time.Duration(ages[i+1])*time.Hour ||
			tier.every != 10*time.Minute<<i {
			t.Errorf("tier %d: %+v", i, tier)
		}
	}
	if tiers(0, time.Minute) != nil {
		t.Error("a look-back of 0 has tiers")
	}
}
