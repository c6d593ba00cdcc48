package ledger_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"attemptstream/internal/attempt"
	"attemptstream/internal/imochasim/ledger"
)

// observed reads "Expired[9,15] Cancelled[14,20]late": events of invitation 1 in the order of the log, with their windows;
// what follows the window: late, replay, or an eventId.
func observed(t testing.TB, text string) []ledger.Observed {
	t.Helper()
	var out []ledger.Observed
	told := map[string]bool{}
	for i, word := range strings.Fields(text) {
		status, rest, _ := strings.Cut(word, "[")
		window, flag, _ := strings.Cut(rest, "]")
		var from, to float64
		if _, err := fmt.Sscanf(window, "%g,%g", &from, &to); err != nil {
			t.Fatalf("%q: %v", word, err)
		}
		o := ledger.Observed{Offset: int64(i), ID: 1, Status: attempt.Status(status), WindowStart: at(from), WindowEnd: at(to)}
		o.EventID = ledger.FirstEventID("default", 1, o.Status)
		if told[o.EventID] && flag != "replay" {
			o.EventID += "@" + o.WindowEnd.Format(time.RFC3339)
		}
		told[o.EventID] = true
		switch flag {
		case "":
		case "late":
			o.Late = true
		case "replay":
			o.ReplayID = "r1"
		case "first":
			o.EventID = ledger.FirstEventID("default", 1, o.Status)
		case "completed", "cancelled", "expired":
			o.State = attempt.State(flag)
		default:
			o.EventID = flag
		}
		out = append(out, o)
	}
	return out
}

func TestCheck(t *testing.T) {
	t.Parallel()
	const thereAndBack = "Expired@10 Cancelled@20 Expired@30"
	tests := map[string]struct {
		life, told string
		scope      ledger.Scope
		want       string // kinds of problems
	}{
		"right":                         {thereAndBack, "Expired[9,15] Cancelled[14,20] Expired[19,35]", ledger.Scope{}, ""},
		"right in one-second windows":   {thereAndBack, "Expired[10,10] Cancelled[20,20] Expired[30,30]", ledger.Scope{}, ""},
		"right, with states":            {"Completed@10 Expired@20", "Completed[9,15]completed Expired[14,20]expired", ledger.Scope{}, ""},
		"nothing told":                  {"Completed@10", "", ledger.Scope{}, "missing"},
		"come-back missing":             {thereAndBack, "Expired[9,15] Cancelled[14,20]", ledger.Scope{}, "last status, missing"},
		"first time missing":            {"Expired@10 Completed@20", "Completed[14,20]", ledger.Scope{}, "missing"},
		"twice":                         {"Completed@10", "Completed[9,15] Completed[9,15]", ledger.Scope{}, "told twice"},
		"twice with the same eventId":   {"Completed@10", "Completed[9,15] Completed[9,15]first", ledger.Scope{}, "told twice"},
		"equal statuses told twice":     {"Expired@10 Pending@20 Expired@30", "Expired[9,15] Expired[29,35]", ledger.Scope{}, "told twice"},
		"never happened":                {"Completed@10", "Completed[9,15] Expired[9,15]", ledger.Scope{}, "unexpected"},
		"out of the scope":              {"Completed@10", "Completed[9,15]", ledger.Scope{From: at(12)}, "unexpected"},
		"another invitation's":          {"", "Completed[9,15]", ledger.Scope{}, "unexpected"},
		"wrong order":                   {"Expired@10 Completed@20", "Completed[9,25] Expired[9,25]", ledger.Scope{}, "last status, wrong order"},
		"wrong order at the come-back":  {thereAndBack, "Cancelled[14,20] Expired[9,15] Expired[19,35]", ledger.Scope{}, "wrong order"},
		"order within a second":         {"Completed@10.1 Expired@10.9", "Completed[9,11] Expired[9,11]", ledger.Scope{}, "last status, wrong order"},
		"the contract's order":          {"Completed@10.1 Expired@10.9", "Expired[9,11] Completed[9,11]", ledger.Scope{}, ""},
		"a whole second apart":          {"Completed@10 Expired@10.5", "Completed[8,10] Expired[9,11]", ledger.Scope{Resolution: ledger.Apart}, ""},
		"a whole second not apart":      {"Completed@10 Expired@10.5", "Expired[9,11] Completed[9,11]", ledger.Scope{Resolution: ledger.Apart}, ""},
		"one apart, one not":            {"Completed@10 Expired@10.5 Expired@60 Cancelled@60.5", "Completed[8,10] Expired[9,11] Cancelled[59,61]", ledger.Scope{Resolution: ledger.Apart}, ""},
		"one not apart, one apart":      {"Completed@10 Expired@10.5 Testleft@60 Cancelled@60.5", "Expired[9,11] Completed[9,11] Testleft[58,60] Cancelled[59,61]", ledger.Scope{Resolution: ledger.Apart}, ""},
		"rounded down":                  {"Completed@10 Expired@10.5", "Completed[9,11] Expired[9,11]", ledger.Scope{Resolution: ledger.RoundDown}, "last status, wrong order"},
		"rounded down, the next second": {"Completed@10.5 Expired@11", "Expired[9,12] Completed[9,12]", ledger.Scope{Resolution: ledger.RoundDown}, "last status, wrong order"},
		"rounded up":                    {"Completed@10.5 Expired@11", "Expired[9,11] Completed[9,11]", ledger.Scope{Resolution: ledger.RoundUp}, ""},
		"rounded up, the second before": {"Completed@10 Expired@10.5", "Expired[9,11] Completed[9,11]", ledger.Scope{Resolution: ledger.RoundUp}, "last status, wrong order"},
		"apart is still in order":       {"Completed@10.5 Expired@11", "Expired[9,12] Completed[9,12]", ledger.Scope{Resolution: ledger.Apart}, "last status, wrong order"},
		"window too early":              {"Completed@10", "Completed[5,9]", ledger.Scope{}, "wrong window"},
		"window too late":               {"Completed@10.5", "Completed[11,19]", ledger.Scope{}, "wrong window"},
		"an id of its own":              {"Completed@10", "Completed[9,15]x", ledger.Scope{}, "wrong id"},
		"come-back under the first id":  {thereAndBack, "Expired[9,15] Cancelled[14,20] Expired[19,35]first", ledger.Scope{}, "last status, missing, told twice"},
		"come-back under a wrong id":    {thereAndBack, "Expired[9,15] Cancelled[14,20] Expired[19,35]default:1:Expired@2026", ledger.Scope{}, "wrong id"},
		"first time under a come-backs": {"Completed@10", "Completed[9,15]default:1:Completed@2026-11-23T21:00:15Z", ledger.Scope{}, "wrong id"},
		"wrong state":                   {"Completed@10", "Completed[9,15]expired", ledger.Scope{}, "wrong state"},
		"late for no reason":            {"Completed@10", "Completed[9,15]late", ledger.Scope{}, "not late"},
		"late in a gap":                 {"Completed@10", "Completed[9,15]late", ledger.Scope{Gaps: true}, ""},
		"a late arrival, late":          {"Completed@10~500", "Completed[9,15]late", ledger.Scope{}, ""},
		"a late arrival, in time":       {"Completed@10~12", "Completed[9,15]", ledger.Scope{}, ""},
		"late, in no order":             {"Expired@10~500 Completed@20", "Completed[19,25] Expired[9,15]late", ledger.Scope{}, ""},
		"late between, come-back hid":   {"Expired@10 Cancelled@20~500 Expired@30", "Expired[9,15] Cancelled[19,25]late", ledger.Scope{}, ""},
		"late between, seen in time":    {"Expired@10 Cancelled@20~21 Expired@30", "Expired[9,15] Cancelled[14,25] Expired[24,30]", ledger.Scope{}, ""},
		"late come-back not told":       {"Expired@10 Cancelled@20 Expired@30~500", "Expired[9,15] Cancelled[14,25]", ledger.Scope{}, ""},
		"late must say so":              {"Expired@100 Testleft@110 Expired@10~500", "Expired[99,105] Testleft[104,110] Expired[9,15]", ledger.Scope{}, "last status, must be late, wrong order"},
		"taken again after late":        {"Cancelled@10 Expired@20~500 Pending@30 Expired@40", "Cancelled[9,15] Expired[19,25]late Expired[39,45]", ledger.Scope{}, ""},
		"and the late one not seen":     {"Cancelled@10 Expired@20~500 Pending@30 Expired@40", "Cancelled[9,15] Expired[39,45]", ledger.Scope{}, ""},
		"and not told again":            {"Cancelled@10 Expired@20~500 Pending@30 Expired@40", "Cancelled[9,15] Expired[19,25]late", ledger.Scope{}, "last status"},
		"taken again, nothing late":     {"Cancelled@10 Expired@20 Pending@30 Expired@40", "Cancelled[9,15] Expired[19,25] Expired[39,45]", ledger.Scope{}, "told twice"},
		"taken again, nothing before":   {"Expired@20~500 Pending@30 Expired@40", "Expired[19,25]late Expired[39,45]", ledger.Scope{}, "told twice"},
		"quick come-back missed":        {"Expired@10 Cancelled@11 Expired@12", "Expired[9,11] Cancelled[10,12]", ledger.Scope{}, ""},
		"quick come-back told":          {"Expired@10 Cancelled@11 Expired@12", "Expired[9,11] Cancelled[10,12] Expired[11,13]", ledger.Scope{}, ""},
		"quick come-back told twice":    {"Expired@10 Cancelled@11 Expired@12", "Expired[9,11] Cancelled[10,12] Expired[11,13] Expired[12,14]", ledger.Scope{}, "told twice"},
		"taken again, others ahead":     {"Cancelled@10 Cancelled@20 Expired@21", "Cancelled[9,15] Expired[16,25] Cancelled[16,21]late", ledger.Scope{Gaps: true}, ""},
		"quick after late, missed":      {"Testleft@5 Expired@10.9~500 Cancelled@11.1 Expired@11.3", "Testleft[4,9] Expired[9,11] Cancelled[10,12]", ledger.Scope{}, ""},
		"not quick after late, missed":  {"Testleft@5 Expired@10.9~500 Cancelled@11.1 Expired@15", "Testleft[4,9] Expired[9,11] Cancelled[10,12]", ledger.Scope{}, "last status"},
		"replayed":                      {"Completed@10", "Completed[9,15] Completed[9,20]replay Completed[9,15]replay", ledger.Scope{}, ""},
		"a replay is no telling":        {thereAndBack, "Expired[9,15] Cancelled[14,20] Expired[19,35]replay", ledger.Scope{}, "last status, missing"},
		"a replay of nothing":           {"Completed@10", "Completed[9,15] Completed[19,25]replay", ledger.Scope{}, "wrong window"},
		"may be missing":                {"Completed@10?", "", ledger.Scope{}, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			expected := ledger.Expect(entries(t, test.life), test.scope)
			expected.Account = "default"
			problems := ledger.Check(expected, observed(t, test.told))
			var kinds []string
			for _, p := range problems {
				kinds = append(kinds, string(p.Kind))
			}
			slices.Sort(kinds)
			if got := strings.Join(slices.Compact(kinds), ", "); got != test.want {
				t.Errorf("%s\ntold as %s\n%q, want %q: %v", test.life, test.told, got, test.want, problems)
			}
		})
	}
}

// An event that lies before the front is found out by other invitations' events, within its partition and state.
func TestFrontsMoveForward(t *testing.T) {
	t.Parallel()
	life := entries(t, "Completed@100 Completed@10~500")
	life[0].ID = 2
	told := observed(t, "Completed[99,105] Completed[9,15]first")
	told[0].ID, told[0].EventID = 2, "default:2:Completed"
	kinds := func(told []ledger.Observed) (out []ledger.Kind) {
		for _, p := range ledger.Check(ledger.Expect(life, ledger.Scope{}), told) {
			out = append(out, p.Kind)
		}
		return out
	}
	if got := kinds(told); !slices.Equal(got, []ledger.Kind{ledger.MustBeLate}) {
		t.Errorf("%v, want one that must be late", got)
	}
	told[1].Late = true
	if got := kinds(told); got != nil {
		t.Errorf("said to be late: %v", got)
	}
	told[1].Late, told[1].Partition = false, 1
	if got := kinds(told); got != nil {
		t.Errorf("in another partition, where no order is known: %v", got)
	}
}

// A reader that does what the contract says, second by second, has no problems, whatever the life, late arrivals and
// quick changes included.
func TestARightReaderHasNoProblems(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		statuses := []attempt.Status{"Cancelled", "Expired", "Completed", "Pending"}
		var life []ledger.Entry
		for range rapid.IntRange(1, 8).Draw(t, "changes") {
			e := ledger.Entry{Account: "default", Class: ledger.Event, ID: 1, Status: rapid.SampledFrom(statuses).Draw(t, "status")}
			e.State, _ = ledger.StateOf(e.Status)
			e.At = at(float64(rapid.IntRange(1, 40).Draw(t, "quarter seconds")) / 4)
			e.Visible = e.At.Add(time.Duration(rapid.SampledFrom([]int{0, 0, 0, 1, 30}).Draw(t, "delay")) * time.Second)
			life = append(life, e)
		}
		told := read(life)
		if problems := ledger.Check(ledger.Expect(life, ledger.Scope{}), told); problems != nil {
			t.Fatalf("%v\nlife %v\ntold %v", problems, life, told)
		}
		if len(told) == 0 {
			return
		}
		// And what it told cannot be told once more, or in silence.
		again := append(slices.Clone(told), told[rapid.IntRange(0, len(told)-1).Draw(t, "again")])
		again[len(told)].Offset = int64(len(told))
		if ledger.Check(ledger.Expect(life, ledger.Scope{}), again) == nil {
			t.Fatalf("an event that is told twice is no problem: %v", again)
		}
		first := told[rapid.IntRange(0, len(told)-1).Draw(t, "left out")].Status
		less := slices.DeleteFunc(slices.Clone(told), func(o ledger.Observed) bool { return o.Status == first })
		if ledger.Check(ledger.Expect(life, ledger.Scope{}), less) == nil {
			t.Fatalf("a status that is never told is no problem: %v of %v", less, life)
		}
	})
}

// read reads a life second by second, five seconds after each, and then all of it once more. It knows the time of each
// change, which the API does not tell.
func read(life []ledger.Entry) []ledger.Observed {
	var told []ledger.Observed
	first, superseded := map[attempt.Status]bool{}, map[attempt.Status]bool{}
	tell := func(s attempt.Status, second int, late bool) {
		o := ledger.Observed{Offset: int64(len(told)), ID: 1, Status: s, Late: late, WindowStart: at(float64(second - 1)), WindowEnd: at(float64(second + 1))}
		o.State, _ = ledger.StateOf(s)
		o.EventID = ledger.FirstEventID("default", 1, s)
		if first[s] {
			o.EventID += "@" + o.WindowEnd.Format(time.RFC3339)
		}
		told = append(told, o)
		if late {
			superseded[s] = len(first) > 0
		} else {
			for other := range first {
				superseded[other] = true
			}
			superseded[s] = false
		}
		first[s] = true
	}
	shown := func(second int, now time.Time) map[attempt.Status]bool {
		out := map[attempt.Status]bool{}
		for _, e := range life {
			if e.Status != ledger.Pending && e.At.Unix() == at(float64(second)).Unix() && !e.Visible.After(now) {
				out[e.Status] = true
			}
		}
		return out
	}
	order := []attempt.Status{"Cancelled", "Expired", "Completed"}
	for second := range 15 {
		now := shown(second, at(float64(second+5)))
		for _, s := range order {
			if now[s] && (!first[s] || superseded[s]) {
				tell(s, second, false)
			}
		}
	}
	for second := range 15 {
		for _, s := range order {
			if shown(second, at(1000))[s] && !first[s] {
				tell(s, second, true)
			}
		}
	}
	return told
}

func TestCheckLetters(t *testing.T) {
	t.Parallel()
	letter := func(raw string, when float64, state attempt.State) ledger.Entry {
		class, id, status := ledger.Classify([]byte(raw))
		return ledger.Entry{Account: "default", Class: class, ID: id, Status: status, State: state, Raw: raw, At: at(when), Visible: at(when)}
	}
	expected := ledger.Expect([]ledger.Entry{
		letter(`7`, 10, attempt.Expired), letter(`7`, 50, attempt.Expired), letter(`7`, 10, attempt.Completed),
		letter(`{"testInvitationId":1.0,"testStatus":"Completed"}`, 10, attempt.Completed),
	}, ledger.Scope{})
	told := func(raw string, state attempt.State, from, to float64) ledger.ObservedLetter {
		return ledger.ObservedLetter{State: state, Raw: raw, WindowStart: at(from), WindowEnd: at(to)}
	}
	right := []ledger.ObservedLetter{told(`7`, attempt.Expired, 9, 12), told(`7`, attempt.Completed, 9, 12)}
	for name, test := range map[string]struct {
		told []ledger.ObservedLetter
		want string
	}{
		"right":        {right, ""},
		"either":       {append(slices.Clone(right), told(`{"testInvitationId":1.0,"testStatus":"Completed"}`, attempt.Completed, 9, 12)), ""},
		"missing":      {right[:1], "missing in state completed"},
		"twice":        {append(slices.Clone(right), told(`7`, attempt.Expired, 49, 52)), "told 2 times"},
		"unexpected":   {append(slices.Clone(right), told(`7 `, attempt.Expired, 9, 12)), "unexpected"},
		"wrong window": {[]ledger.ObservedLetter{told(`7`, attempt.Expired, 19, 22), right[1]}, "wrong window"},
	} {
		problems := strings.Join(ledger.CheckLetters(expected, test.told), "; ")
		if test.want == "" && problems != "" || !strings.HasPrefix(problems, test.want) {
			t.Errorf("%s: %q, want %q", name, problems, test.want)
		}
	}
}
