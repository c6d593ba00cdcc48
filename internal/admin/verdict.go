package admin

import (
	"fmt"
	"strings"
	"time"
)

// verdict is the whole in a sentence, and what is wrong in another one.
func (r *Report) verdict() Verdict {
	if len(r.Accounts) == 0 {
		return Verdict{Watch, "Not connected to Kafka yet.", "The worker begins once Kafka answers; its log says what it waits for."}
	}
	worst := &r.Accounts[0]
	if len(r.Accounts) == 1 {
		return Verdict{worst.Alarm, r.text(worst), r.detail(worst)}
	}
	v := Verdict{Alarm: worst.Alarm}
	troubled, begun, behind, standby := 0, 0, 0, 0
	for i := range r.Accounts {
		a := &r.Accounts[i]
		troubled += one(a.Alarm == Act)
		begun += one(a.Through != nil || a.Standby)
		standby += one(a.Standby)
		behind += one(a.Behind)
	}
	of := fmt.Sprintf("of %d accounts", len(r.Accounts))
	switch {
	case troubled > 0:
		v.Text = fmt.Sprintf("%d %s %s attention.", troubled, of, number(troubled, "needs", "need"))
		v.Detail = sentence(fmt.Sprintf("%s %s: %s", number(troubled, "It is", "The first is"), worst.Name, worst.Problems[0]))
	case begun < len(r.Accounts):
		v.Text = fmt.Sprintf("%d %s %s taken over.", begun, of, number(begun, "is", "are"))
	case behind > 0:
		v.Text = fmt.Sprintf("%d %s %s catching up.", behind, of, number(behind, "is", "are"))
		v.Detail = fmt.Sprintf("All are told up to %s.", r.clock(*r.Through))
	case standby == len(r.Accounts):
		v.Text = "Other workers read all accounts; this one stands by."
	default:
		v.Text = fmt.Sprintf("Everything up to %s is told.", r.clock(*r.Through))
	}
	if standby > 0 && standby < len(r.Accounts) && v.Detail == "" {
		v.Detail = fmt.Sprintf("Other workers read %d %s.", standby, of)
	}
	return v
}

// addTo puts an accounts file that cannot be taken behind what is worse: the accounts that are read are told as ever. Somebody
// has to mend it, unless it is only half written yet.
func (p *ListProblem) addTo(v *Verdict, now time.Time) {
	if p == nil {
		return
	}
	alarm, text := Watch, "The accounts file cannot be taken."
	if now.Sub(p.Since) > leastPatience {
		alarm, text = Act, "The accounts file needs attention."
	}
	detail := v.Detail
	if alarm.Rank() > v.Alarm.Rank() {
		v.Alarm, v.Text, detail = alarm, text, v.Text
	}
	v.Detail = strings.TrimSpace(detail + " " + sentence("The list of accounts as it was stays in force: "+p.Text))
}

// text is what there is to say of the only account.
func (r *Report) text(a *Account) string {
	switch {
	case a.Ended:
		return "This worker has stopped reading."
	case a.Standby:
		return "Another worker reads this account; this one stands by."
	case a.Through == nil && a.Alarm == Act:
		return "Nothing can be told yet."
	case a.Through == nil:
		return "The worker is taking over."
	case !a.Ready:
		return fmt.Sprintf("Nothing is told after %s.", r.clock(*a.Front))
	case a.Gaps > 0:
		return fmt.Sprintf("%s could not be read.", capital(length(a.GapSeconds)))
	case a.Behind:
		return fmt.Sprintf("Catching up: told up to %s.", r.clock(*a.Through))
	}
	return fmt.Sprintf("Everything up to %s is told.", r.clock(*a.Through))
}

func (r *Report) detail(a *Account) string {
	switch {
	case a.Ready && a.Gaps > 0:
		return fmt.Sprintf("Everything else is told, from before and after, up to %s. What is missing is tried again for ever.", r.clock(*a.Front))
	case a.Alarm == Act:
		return sentence(a.Problems[0])
	}
	return ""
}

func one(is bool) int {
	if is {
		return 1
	}
	return 0
}

// number is the word for one or for several.
func number(n int, single, several string) string {
	if n == 1 {
		return single
	}
	return several
}

// clock is a time as people say it on that day, in UTC.
func (r *Report) clock(t time.Time) string {
	switch {
	case t.Format(time.DateOnly) == r.At.Format(time.DateOnly):
		return t.Format(time.TimeOnly)
	case t.Year() == r.At.Year():
		return t.Format("2 January, 15:04:05")
	}
	return t.Format("2 January 2006, 15:04:05")
}

// length is a number of seconds as people say it, rounded up.
func length(n int64) string {
	for _, unit := range []struct {
		name    string
		seconds int64
	}{{"day", 86400}, {"hour", 3600}, {"minute", 60}} {
		if n >= 2*unit.seconds {
			return fmt.Sprintf("%d %ss", (n+unit.seconds-1)/unit.seconds, unit.name)
		}
	}
	if n == 1 {
		return "one second"
	}
	return fmt.Sprintf("%d seconds", n)
}

func capital(text string) string {
	if text != "" && text[0] >= 'a' && text[0] <= 'z' {
		return string(text[0]-'a'+'A') + text[1:]
	}
	return text
}

// sentence is text with a capital and a full stop.
func sentence(text string) string {
	text = capital(text)
	if n := len(text); n > 0 && text[n-1] != '.' {
		text += "."
	}
	return text
}
