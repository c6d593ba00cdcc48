package model

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// faultsVar is how many faults a run may have in TestExactlyOnce, in every scene. 4 take four minutes and, one scene after
// the other (-parallel 1), 8 GB.
const faultsVar = "ATTEMPTSTREAM_TEST_FAULTS"

// With all safeguards nothing is lost, nothing is told twice, and everything is told in the end, in all runs of each
// scene with so many faults: the smallest scene has half a million worlds, and all three with 4 faults have 33 million.
func TestExactlyOnce(t *testing.T) {
	for _, c := range []struct {
		scene
		faults int
	}{{overlap(), 3}, {spread(), 2}, {nothingNew(), 2}} {
		scene, faults := c.scene, c.faults
		t.Run(scene.name, func(t *testing.T) {
			t.Parallel()
			if text := os.Getenv(faultsVar); text != "" {
				var err error
				if faults, err = strconv.Atoi(text); err != nil || faults < c.faults {
					t.Fatalf("%s=%s: want a number, at least %d", faultsVar, text, c.faults)
				}
			}
			var deeds [lastDeed + 1]int
			var codes [lastCode + 1]int
			steps := func(w world, yield func(step, world)) {
				scene.steps(w, func(what step, then world) {
					deeds[what.what]++
					codes[what.answer.code]++
					yield(what, then)
				})
			}
			began := time.Now()
			x := explore(newWorld(uint8(faults)), steps, scene.check, scene.judge)
			t.Logf("%d faults: %v, %s", faults, x, time.Since(began).Round(time.Millisecond))
			if x.broken != "" {
				t.Fatalf("%s:\n%s", x.broken, narrate(x))
			}
			// What never happens is not explored.
			for d, n := range deeds {
				if n == 0 {
					t.Errorf("it never happened that somebody %q", step{what: deed(d)}.text())
				}
			}
			for c, n := range codes {
				// Late batches of an old epoch are fenced or not verified, and nobody skips a sequence number.
				if (n == 0) != (code(c) == outOfOrder) {
					t.Errorf("%d answers are %q", n, answer{code: code(c)})
				}
			}
		})
	}
}

// Without any one of the safeguards the explorer finds a run that goes wrong. faults is how many it takes at least.
func TestSafeguards(t *testing.T) {
	for _, c := range []struct {
		without flaw
		name    string
		faults  int
		broken  violation
	}{
		{noRaiseAfterDoubt, "a new epoch after an unanswered request", 1, coveredUntold},
		{noRaiseAfterAbort, "a new epoch after an abort", 1, indexIsWrong},
		{repeatsRenumbered, "repetitions with the same sequence numbers", 1, toldTwice},
		{lostAnswerIsAbort, "asking for the outcome of a commit without an answer", 1, toldTwice},
		{refusalSettlesDoubt, "recovery from the log when a commit in doubt is refused", 3, toldTwice},
		{indexNotStaged, "taking the index back on abort", 1, coveredUntold},
		{checkpointFirst, "events and checkpoint in one transaction", 0, coveredUntold},
		{recoversBeforeEnd, "recovery to the end of the log", 2, toldTwice},
		// The last four are not ours to keep, but what ours rest on.
		{stoppedForGood, "somebody who starts a fenced worker again", 1, neverDone},
		{newOwnerFencesNobody, "a new epoch for a new owner", 1, fencedIsVisible},
		{epochsIgnored, "brokers that refuse old epochs", 1, fencedIsVisible},
		{verificationOff, "brokers that verify batches with the coordinator", 2, toldTwice},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for faults := range c.faults + 1 {
				x := overlap().without(c.without).explore(faults)
				if x.broken == "" && faults < c.faults {
					continue
				}
				t.Logf("without %s, %d faults (%v): %s:\n%s", c.name, faults, x, x.broken, narrate(x))
				if x.broken != c.broken || faults != c.faults {
					t.Fatalf("with %d faults: %q, want %q with %d", faults, x.broken, c.broken, c.faults)
				}
			}
		})
	}
}

// narrate tells the way to a violation.
func narrate(x exploration[world]) string {
	var s strings.Builder
	for i, step := range x.trace {
		fmt.Fprintf(&s, "%3d  %v\n", i+1, step)
	}
	fmt.Fprintf(&s, "     %v", x.last)
	return s.String()
}
