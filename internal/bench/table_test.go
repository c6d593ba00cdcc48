//go:build linux

package bench_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
)

// of are the turns of a contestant with a compression, by round; of all that are named.
func (c *contest) of(compression string, names ...string) (turns []turn) {
	for _, t := range c.Turns {
		if t.Compression == compression && slices.Contains(names, t.Contestant) {
			turns = append(turns, t)
		}
	}
	return turns
}

// compressions are those that were compared, in the order of the list.
func (c *contest) compressions() (found []string) {
	for _, name := range compressions {
		if len(c.of(name, reference)) > 0 {
			found = append(found, name)
		}
	}
	return found
}

// each are the values of turns.
func each(turns []turn, value func(turn) float64) (values []float64) {
	for _, t := range turns {
		values = append(values, value(t))
	}
	return values
}

func perSecond(t turn) float64 { return t.PerSecond }
func cpu(t turn) float64       { return t.CPU }

// against is the median over the rounds of how many times the reference's value a contestant's is in the same round:
// what makes a whole round slow does not count.
func (c *contest) against(compression, name string, value func(turn) float64) float64 {
	theirs, its := each(c.of(compression, reference), value), each(c.of(compression, name), value)
	var ratios []float64
	for i := range min(len(theirs), len(its)) {
		ratios = append(ratios, its[i]/theirs[i])
	}
	return middle(ratios)
}

func middle(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(values))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// table is what a contest shows, as Markdown.
func (c *contest) table() []byte {
	var b bytes.Buffer
	rounds, least, most := 0, 0., 0.
	for i, t := range c.Turns {
		rounds = max(rounds, t.Round)
		most = max(most, t.Load)
		if least = min(least, t.Load); i == 0 {
			least = t.Load
		}
	}
	fmt.Fprintf(&b, "%s, %s on %d processors that all share, load %.1f to %.1f, %s: %s events of %.0f bytes, medians of %d interleaved rounds, "+
		"and the slowest and fastest. × is to franz-go's transactional producer in the same round.\n", c.Began.Format("2006-01-02"), c.Go, c.Processors,
		least, most, c.Broker, thousands(float64(c.Events)), c.EventBytes, rounds)
	for _, compression := range c.compressions() {
		fmt.Fprintf(&b, "\n| %s | events/s | slowest–fastest | × | CPU per event | × | allocations per event | peak memory | goal |\n", compression)
		fmt.Fprintln(&b, "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |")
		for _, who := range contestants {
			turns := c.of(compression, who.name)
			if len(turns) == 0 {
				continue
			}
			goal := ""
			if compression == "zstd" {
				goal = who.goal
			}
			speeds := each(turns, perSecond)
			fmt.Fprintf(&b, "| %s | %s | %s–%s | %.2f | %.2f µs | %.2f | %s | %.0f MiB | %s |\n", who.title,
				thousands(middle(speeds)), thousands(slices.Min(speeds)), thousands(slices.Max(speeds)), c.against(compression, who.name, perSecond),
				middle(each(turns, cpu))/1e3, c.against(compression, who.name, cpu), allocationsOf(turns),
				middle(each(turns, func(t turn) float64 { return float64(t.Peak) }))/(1<<20), goal)
		}
	}
	return b.Bytes()
}

func allocationsOf(turns []turn) string {
	n := middle(each(turns, func(t turn) float64 { return t.Allocs }))
	if n == 0 {
		return "–" // the command was done before it could be asked
	}
	bytes := middle(each(turns, func(t turn) float64 { return t.AllocBytes }))
	return fmt.Sprintf("%.2f, %s bytes", n, thousands(bytes))
}

// thousands is a number with commas, with three digits that count where there are more than five.
func thousands(f float64) string {
	n := int(f + .5)
	if n >= 100_000 {
		n = (n + 500) / 1000 * 1000
	}
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

func TestTableComparesWithinRounds(t *testing.T) {
	t.Parallel()
	c := &contest{}
	for round, speed := range []float64{100, 50, 400} { // of the machine
		for name, f := range map[string]float64{reference: 1, whole: 2, control: 1} {
			c.Turns = append(c.Turns, turn{Round: round + 1, Compression: "zstd", Contestant: name, PerSecond: f * speed, CPU: f})
		}
	}
	if got := c.against("zstd", whole, perSecond); got != 2 {
		t.Errorf("the ratio is %v, want 2", got)
	}
	if got := string(c.table()); !bytes.Contains([]byte(got), []byte("| 200 | 100–800 | 2.00 |")) {
		t.Errorf("no median, spread and ratio in\n%s", got)
	}
	if got := thousands(1_234_567); got != "1,235,000" {
		t.Error(got)
	}
	if _, err := json.Marshal(c); err != nil {
		t.Error(err)
	}
}
