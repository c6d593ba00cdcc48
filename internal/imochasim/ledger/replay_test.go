package ledger

import (
	"slices"
	"testing"
	"time"

	"attemptstream/internal/attempt"
)

func TestCheckReplay(t *testing.T) {
	from := time.Date(2026, 3, 20, 6, 0, 0, 0, time.UTC)
	to := from.Add(time.Hour)
	entry := func(id int64, status attempt.Status, after time.Duration) Entry {
		state, _ := StateOf(status)
		return Entry{Account: "a", Class: Event, State: state, ID: id, Status: status, At: from.Add(after)}
	}
	entries := []Entry{
		entry(1, "Completed", 0), entry(2, "Expired", time.Minute), entry(2, "Completed", 2*time.Minute),
		entry(3, "Completed", -time.Second), entry(4, "Completed", time.Hour), entry(5, "Completed", -time.Minute),
		entry(6, Pending, time.Minute), {Account: "a", Class: Letter, State: attempt.Completed, Raw: "x", At: from},
	}
	event := func(id int64, status attempt.Status) Observed {
		return Observed{ID: id, Status: status, EventID: FirstEventID("a", id, status), ReplayID: "r"}
	}
	good := []Observed{event(1, "Completed"), event(2, "Expired"), event(2, "Completed")}
	other := event(1, "Completed")
	other.ReplayID = "other"
	again := event(2, "Completed")
	again.EventID += "@2026-03-20T06:02:00Z"
	for name, test := range map[string]struct {
		observed []Observed
		want     []Kind
	}{
		"good":               {good, nil},
		"and another replay": {append(good[:3:3], other), nil},
		"and its ends":       {append(good[:3:3], event(3, "Completed"), event(4, "Completed")), nil},
		"one missing":        {good[:2], []Kind{Missing}},
		"twice":              {append(good[:3:3], good[1]), []Kind{Twice}},
		"not of the range":   {append(good[:3:3], event(5, "Completed")), []Kind{Unexpected}},
		"as if it came back": {append(good[:2:2], again), []Kind{WrongID}},
		"nothing":            {nil, []Kind{Missing, Missing, Missing}},
	} {
		problems, _, required := CheckReplay(entries, test.observed, "r", from, to)
		var kinds []Kind
		for _, p := range problems {
			kinds = append(kinds, p.Kind)
		}
		if !slices.Equal(kinds, test.want) || required != 3 {
			t.Errorf("%s: %v of %d required, want %v of 3", name, problems, required, test.want)
		}
	}
	if problems, _, required := CheckReplay(entries, good[1:2], "r", from, to, attempt.Expired); len(problems) > 0 || required != 1 {
		t.Errorf("expired alone: %v of %d", problems, required)
	}
}
