package admin

import (
	"fmt"
	"time"

	"attemptstream/internal/console"
)

// verdict is the whole in a sentence, and what is wrong in another one.
func (r *Report) verdict() Verdict {
	if len(r.Accounts) == 0 {
		return Verdict{Watch, "Not connected to Kafka yet.", "The worker begins once Kafka answers; its log says what it waits for."}
	}
	v := Verdict{Alarm: Fine}
	troubled, unread, behind := 0, 0, 0
	for i := range r.Accounts {
		a := &r.Accounts[i]
		if a.Alarm.rank() > v.Alarm.rank() {
			v.Alarm = a.Alarm
		}
		if a.Alarm == Act {
			troubled++
		}
		if a.Through == nil {
			unread++
		}
		if a.Behind {
			behind++
		}
	}
	worst := &r.Accounts[0]
	switch {
	case unread == len(r.Accounts) && v.Alarm != Act:
		v.Text = "The worker is taking over."
	case unread == len(r.Accounts):
		v.Text = "Nothing is told yet."
	case r.Through == nil:
		v.Text = fmt.Sprintf("%s of %d not told yet.", console.Counted(unread, "account is", "accounts are"), len(r.Accounts))
	case r.Totals.Gaps > 0:
		v.Text = fmt.Sprintf("%s could not be read.", capital(length(r.Totals.GapSeconds)))
	case v.Alarm == Act && worst.Ended:
		v.Text = "This worker has stopped reading."
	case v.Alarm == Act:
		v.Text = fmt.Sprintf("Nothing is told after %s.", r.clock(*r.Through))
	case behind > 0:
		v.Text = fmt.Sprintf("Catching up: told up to %s.", r.clock(*r.Through))
	default:
		v.Text = fmt.Sprintf("Everything up to %s is told.", r.clock(*r.Through))
	}
	switch {
	case v.Alarm == Act && len(r.Accounts) == 1:
		v.Detail = sentence(worst.Problems[0])
		if worst.Ready && r.Totals.Gaps > 0 {
			v.Detail = fmt.Sprintf("Everything before %s is told; everything after the gap too, up to %s. It is tried again for ever.",
				r.clock(*r.Through), r.clock(*worst.Front))
		}
	case v.Alarm == Act:
		v.Detail = fmt.Sprintf("%s of %d. The first is %s: %s", console.Counted(troubled, "account needs somebody", "accounts need somebody"),
			len(r.Accounts), worst.Name, worst.Problems[0])
		v.Detail = sentence(v.Detail)
	case behind > 0 && len(r.Accounts) > 1:
		v.Detail = fmt.Sprintf("%s of %d behind.", console.Counted(behind, "account is", "accounts are"), len(r.Accounts))
	}
	return v
}

// clock is a time as people say it on that day, in UTC.
func (r *Report) clock(t time.Time) string {
	if t.Format(time.DateOnly) == r.At.Format(time.DateOnly) {
		return t.Format(time.TimeOnly)
	}
	return t.Format("2 January 2006, 15:04:05")
}

// length is a number of seconds as people say it.
func length(n int64) string {
	if n == 1 {
		return "one second"
	}
	if n < 60 {
		return fmt.Sprintf("%d seconds", n)
	}
	return console.Span(time.Duration(n) * time.Second)
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
