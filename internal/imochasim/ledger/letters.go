package ledger

import (
	"fmt"
	"time"

	"attemptstream/internal/attempt"
)

// A LetterKey is what makes two dead letters of one account the same.
type LetterKey struct {
	State attempt.State
	Raw   string
}

// An ObservedLetter is one dead letter as a consumer found it.
type ObservedLetter struct {
	State                  attempt.State
	Raw                    string
	WindowStart, WindowEnd time.Time
}

// CheckLetters lists what is wrong with an account's dead letters. An entry that may be either must be no letter if it
// was told as an event; that it is one of the two is not checked.
func CheckLetters(expected *Expected, observed []ObservedLetter) []string {
	var problems []string
	told := map[LetterKey]int{}
	for _, o := range observed {
		told[LetterKey{o.State, o.Raw}]++
	}
	known := map[LetterKey]*LetterExpectation{}
	for i := range expected.Letters {
		e := &expected.Letters[i]
		key := LetterKey{e.State, e.Raw}
		known[key] = e
		if n := told[key]; n > 1 {
			problems = append(problems, fmt.Sprintf("told %d times in state %s: %s", n, e.State, shorten(e.Raw)))
		} else if n == 0 && e.Required {
			problems = append(problems, fmt.Sprintf("missing in state %s: %s", e.State, shorten(e.Raw)))
		}
	}
	for _, o := range observed {
		e := known[LetterKey{o.State, o.Raw}]
		if e == nil {
			problems = append(problems, fmt.Sprintf("unexpected in state %s: %s", o.State, shorten(o.Raw)))
			continue
		}
		in := false
		for _, t := range e.Times {
			in = in || !t.Before(o.WindowStart) && !t.After(o.WindowEnd)
		}
		if !in {
			problems = append(problems, fmt.Sprintf("wrong window %s/%s in state %s: %s", o.WindowStart.UTC().Format(time.RFC3339),
				o.WindowEnd.UTC().Format(time.RFC3339), o.State, shorten(o.Raw)))
		}
	}
	return problems
}

// shorten keeps a listing readable where an entry is huge. All data is invented, so nothing in it is personal.
func shorten(s string) string {
	const most = 200
	if len(s) <= most {
		return s
	}
	return fmt.Sprintf("%s… (%d bytes)", s[:most], len(s))
}
