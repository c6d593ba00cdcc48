//go:build linux

package soak_test

import (
	"fmt"
	"math"
	"strings"
	"text/tabwriter"
	"time"
)

// What is measured of something.
const (
	ofIndex = "index"
	ofState = "state topic"
)

const mib = 1 << 20

// A judged is a figure of the table. What grows with the ids by right has another figure in its place: by is that one's
// name, and floor and limit are of it.
type judged struct {
	of, name string
	unit     float64 // 0: it is a number
	floor    float64
	by       string
	limit    float64 // 0: none
}

func theJudged(workers ...string) []judged {
	var all []judged
	for _, of := range workers {
		all = append(all,
			judged{of: of, name: "resident", unit: mib, floor: 4 * mib},
			judged{of: of, name: "heap", unit: mib, floor: 3 * mib},
			judged{of: of, name: "goroutines", floor: 6},
			judged{of: of, name: "threads", floor: 4},
			judged{of: of, name: "descriptors", floor: 5},
			judged{of: of, name: "connections", floor: 5},
		)
	}
	return append(all,
		judged{of: ofIndex, name: "seconds behind", floor: 5},
		judged{of: ofIndex, name: "bytes", unit: mib, by: "bytes per id"},
		judged{of: ofState, name: "live records", by: "live records per id"},
		judged{of: ofState, name: "live bytes", unit: mib, by: "live bytes per id"},
		// Compaction keeps up if what is superseded stays little: a segment of each partition at most.
		judged{of: ofState, name: "disk", unit: mib, by: "disk beyond live", floor: mib / 4, limit: partitions * segment},
		judged{of: ofState, name: "records", by: "superseded records", floor: 500},
	)
}

// A verdict is what is said of one figure.
type verdict struct {
	judged
	shown, by trend
}

func (v *verdict) word() string {
	switch {
	case v.by.unseen:
		return "not seen"
	case v.by.grows:
		return "GROWS"
	case v.limit > 0 && v.by.most > v.limit:
		return "TOO MUCH"
	case v.judged.by != "" && v.shown.last > v.shown.first*(1+tolerated):
		return "flat: " + v.judged.by
	}
	return "flat"
}

// bad tells whether it is not flat.
func (v *verdict) bad() bool { return !strings.HasPrefix(v.word(), "flat") }

// verdicts judges all figures in a span of time.
func verdicts(r *record, figures []judged, from, to time.Duration) []verdict {
	var all []verdict
	for _, j := range figures {
		v := verdict{judged: j, shown: judge(r.samples(j.of, j.name), from, to, j.floor)}
		if v.by = v.shown; j.by != "" {
			v.by = judge(r.samples(j.of, j.by), from, to, j.floor)
		}
		all = append(all, v)
	}
	return all
}

// table is the verdicts in Markdown.
func table(all []verdict) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 1, ' ', 0)
	fmt.Fprintln(w, "| figure\t| first quarter\t| last quarter\t| most\t| trend over the run\t| allowed\t| verdict\t|")
	fmt.Fprintln(w, "| ---\t| ---\t| ---\t| ---\t| ---\t| ---\t| ---\t|")
	for _, v := range all {
		unit := v.unit
		if strings.HasSuffix(v.judged.by, "per id") {
			unit = 0
		}
		fmt.Fprintf(w, "| %s: %s\t| %s\t| %s\t| %s\t| %s\t| %s\t| %s\t|\n", v.of, v.name, number(v.shown.first, v.unit), number(v.shown.last, v.unit),
			number(v.shown.most, v.unit), number(v.by.growth, unit), number(v.by.allowed, unit), v.word())
	}
	_ = w.Flush() // to memory
	return b.String()
}

func number(x, unit float64) string {
	switch {
	case math.IsNaN(x) || math.IsInf(x, 0):
		return "-"
	case unit == mib:
		return fmt.Sprintf("%.1f MiB", x/mib)
	case x == math.Trunc(x) && math.Abs(x) < 1e9:
		return fmt.Sprintf("%.0f", x)
	}
	return fmt.Sprintf("%.3g", x)
}
