package status

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"attemptstream/internal/attempt"
	"attemptstream/internal/console"
	"attemptstream/internal/state"
)

// shownGaps is how many gaps of an account have a line.
const shownGaps = 5

// Table writes a report for people.
func Table(w io.Writer, r *Report, colours console.Colours) error {
	t := table{console.NewPage(w, colours)}
	t.head(r)
	t.workers(r.Workers)
	for i := range r.Accounts {
		t.account(&r.Accounts[i])
	}
	for _, h := range r.Hidden {
		t.Text("", fmt.Sprintf("Partition %d of the state topic has had an open transaction at offset %d for more than %s (its log ends at %d): "+
			"what was committed behind it is not shown here. The broker ends it at its timeout; if it does not, "+
			"kafka-transactions.sh find-hanging finds it.", h.Partition, h.From, console.Span(openPatience), h.End))
	}
	return t.Flush()
}

type table struct{ *console.Page }

func (t table) head(r *Report) {
	need := 0
	for i := range r.Accounts {
		if r.Accounts[i].Alarm == Act {
			need++
		}
	}
	summary := console.Counted(len(r.Accounts), "account", "accounts")
	switch {
	case len(r.Accounts) == 0:
		t.Text("", fmt.Sprintf("%s at %s UTC: nothing was read yet.", r.Topic, clock(r.At)))
		t.Text("", "No account has a checkpoint, so no worker has committed anything: start one with attemptstream run. "+
			"If one runs, its log says what it waits for; attemptstream config --check asks Kafka and iMocha.")
		return
	case need == 1:
		summary += ", " + t.Colours.Bad("1 needs somebody")
	case need > 1:
		summary += ", " + t.Colours.Bad(console.Count(need)+" need somebody")
	}
	t.Line("%s at %s UTC: %s", r.Topic, clock(r.At), summary)
}

// workers are who shares the accounts.
func (t table) workers(workers []Worker) {
	for _, w := range workers {
		has := "stands by"
		if w.Accounts > 0 {
			has = "has " + console.Counted(w.Accounts, "account", "accounts")
		}
		t.Text("  ", fmt.Sprintf("worker %s at %s %s", w.ClientID, strings.TrimPrefix(w.Host, "/"), has))
	}
}

func (t table) account(a *Account) {
	word := map[Alarm]string{Fine: t.Colours.Good("fine"), Watch: t.Colours.Strong("WATCH"), Act: t.Colours.Bad("ACT")}[a.Alarm]
	committed := "committed " + console.Span(a.CommitAge.Duration()) + " ago"
	if a.Owner != "" {
		committed += "  by " + a.Owner
	}
	t.Line("\n%s  %s  %s", t.Colours.Strong(string(a.Name)), word, committed)
	for _, p := range a.Problems {
		t.Text("  ! ", p)
	}
	if len(a.States) > 0 {
		t.coverage(a)
		t.rereading(a)
		t.gaps(a)
	}
	t.replays(a)
	history := fmt.Sprintf("%s and %s in all history.", console.Counted(a.Told, "event", "events"), console.Counted(a.Dead, "dead letter", "dead letters"))
	if a.ProvenLength > 0 {
		history += fmt.Sprintf(" Answers of up to %s are proven whole.", console.Counted(a.ProvenLength, "entry", "entries"))
	}
	if a.AnswerCap > 0 {
		history += fmt.Sprintf(" Longer ones are cut: one was found cut at %s.", console.Counted(a.AnswerCap, "entry", "entries"))
	}
	t.Text("  ", history)
}

func (t table) coverage(a *Account) {
	rows := [][]string{{"STATE", "SINCE", "COVERED THROUGH", "AGE", "FRONT", "AGE", "GAPS"}}
	for i := range a.States {
		s := &a.States[i]
		rows = append(rows, []string{
			string(s.Name), s.Start.Time().Format("2006-01-02 15:04"),
			clock(s.CoveredThrough.Time()), console.Span(s.CoveredThroughAge.Duration()),
			clock(s.Front.Time()), console.Span(s.FrontAge.Duration()), strconv.Itoa(len(s.Gaps)),
		})
	}
	t.Rows("  ", len(rows[0]), rows)
}

func (t table) rereading(a *Account) {
	rows := [][]string{{"STATE", "TOLD", "LATE", "DEAD", "NEXT WINDOW", "READ AGAIN FOR LATE ARRIVALS"}}
	for i := range a.States {
		s := &a.States[i]
		again := "not yet, or turned off"
		if n := len(s.LookedBack); n > 0 {
			again = "last hour " + console.Span(s.LookedBack[0].Age.Duration()) + " ago"
			if last := s.LookedBack[n-1]; n > 1 {
				again += "; older than " + console.Span(last.Younger.Duration()) + " " + console.Span(last.Age.Duration()) + " ago"
			}
		}
		rows = append(rows, []string{string(s.Name), console.Count(s.Counts.Told), console.Count(s.Counts.Late), console.Count(s.Counts.Dead), console.Span(s.Width.Duration()), again})
	}
	t.Rows("  ", len(rows[0]), rows)
}

func (t table) gaps(a *Account) {
	shown, all := 0, 0
	for i := range a.States {
		s := &a.States[i]
		all += len(s.Gaps)
		for _, g := range s.Gaps[:min(len(s.Gaps), shownGaps-shown)] {
			t.Line("  gap of %s: %s, %s long, %s ago", s.Name, clock(g.From.Time()), console.Span(g.Length.Duration()), console.Span(g.Age.Duration()))
			shown++
		}
	}
	if all > shown {
		t.Line("  and %s more: --output json has all", console.Counted(all-shown, "gap", "gaps"))
	}
}

func (t table) replays(a *Account) {
	for _, r := range a.Replays {
		how := fmt.Sprintf("has waited for %s", console.Span(r.RequestAge.Duration()))
		if r.Status == state.Running {
			how = fmt.Sprintf("runs, %d %%, %s told", r.Percent, console.Count(r.Told))
		}
		if r.Cancelling {
			how += ", is to end"
		}
		t.Text("  ", fmt.Sprintf("replay %s %s: %s to %s of %s", r.ID, how, clock(r.From.Time()), clock(r.To.Time()), names(r.States)))
	}
}

func names(states []attempt.State) string {
	var b []string
	for _, s := range states {
		b = append(b, string(s))
	}
	return strings.Join(b, ", ")
}
