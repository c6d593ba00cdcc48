package check

import (
	"io"
	"time"

	"attemptstream/internal/console"
)

// A Result says how an item was found.
type Result string

// Results.
const (
	OK      Result = "ok"
	Notice  Result = "notice"  // a worker runs with it; somebody should know
	Failed  Result = "failed"  // a worker fails with it
	Skipped Result = "skipped" // it cannot be said, because another item failed
)

// An Item is one thing that was looked at.
type Item struct {
	Of     string `json:"of"`     // kafka or imocha
	Name   string `json:"check"`  // what was looked at
	Result Result `json:"result"` //
	Detail string `json:"detail"` // what was found; what is wrong, and how to mend it
	Took   int64  `json:"tookMilliseconds"`
}

// The two that are asked.
const (
	ofKafka  = "kafka"
	ofIMocha = "imocha"
)

// A Report is all items, in the order in which they depend on each other.
type Report struct {
	At    time.Time `json:"at"`
	OK    bool      `json:"ok"` // no item failed
	Items []Item    `json:"items"`
}

// Failures is how many items failed.
func (r *Report) Failures() int {
	n := 0
	for _, i := range r.Items {
		if i.Result == Failed {
			n++
		}
	}
	return n
}

// Table writes a report for people.
func Table(w io.Writer, r *Report, colours console.Colours) error {
	page := console.NewPage(w, colours)
	of := ""
	for _, i := range r.Items {
		if i.Of != of {
			if of != "" {
				page.Line("")
			}
			of = i.Of
			page.Line("%s", colours.Strong(map[string]string{ofKafka: "Kafka", ofIMocha: "iMocha"}[of]))
		}
		mark := map[Result]string{OK: colours.Good("ok    "), Notice: colours.Strong("notice"), Failed: colours.Bad("FAILED"),
			Skipped: colours.Faint("-     ")}[i.Result]
		page.Text("  "+mark+"  ", i.Name+": "+i.Detail)
	}
	if r.Failures() == 0 {
		page.Line("%s", colours.Good("\nEverything that a worker needs is there."))
	}
	return page.Flush()
}
