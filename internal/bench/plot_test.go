//go:build linux

package bench_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"html"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
)

// A bar is a contestant's speed: the median, and from the slowest to the fastest.
type bar struct {
	name, title         string
	median, least, most float64
}

// bars are those of one compression. The reference and its control are one, which does the same twice.
func (c *contest) bars(compression string) (bars []bar) {
	for _, who := range contestants {
		names := []string{who.name}
		switch who.name {
		case control:
			continue
		case reference:
			names = append(names, control)
		}
		speeds := each(c.of(compression, names...), perSecond)
		if len(speeds) > 0 {
			bars = append(bars, bar{who.name, who.title, middle(speeds), slices.Min(speeds), slices.Max(speeds)})
		}
	}
	return bars
}

// The plot has a background of its own: a page may be dark where its reader's other pages are not.
const plotStyle = `<style>
text { font: 13px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1f2328 }
.head { font-size: 15px; font-weight: 600 }
.quiet, .tick { fill: #59636e }
.tick { font-size: 11px }
.back { fill: #ffffff; stroke: #d1d9e0 }
.grid { stroke: #d1d9e0 }
.bar { fill: #8c959f }
.ours { fill: #0969da }
.spread { stroke: #1f2328; stroke-width: 1.5 }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc }
.quiet, .tick { fill: #9198a1 }
.back { fill: #0d1117; stroke: #3d444d }
.grid { stroke: #3d444d }
.bar { fill: #656c76 }
.ours { fill: #4493f8 }
.spread { stroke: #f0f6fc }
}
</style>
`

// plot draws a contest as SVG: bars of events per second, with a line from the slowest round to the fastest.
func (c *contest) plot() []byte {
	const width, left, right, line, head, space, header = 860, 310, 70, 26, 30, 18, 80
	most, height := 0., header
	for _, compression := range c.compressions() {
		bars := c.bars(compression)
		height += head + line*len(bars) + space
		for _, b := range bars {
			most = max(most, b.most)
		}
	}
	height += 20
	step := stepOf(most)
	top := math.Ceil(most/step) * step
	x := func(v float64) float64 { return left + v/top*(width-left-right) }
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img" aria-labelledby="title">`+"\n", width, height, width, height)
	fmt.Fprintf(&b, "<title id=\"title\">Events per second by client and compression</title>\n%s", plotStyle)
	fmt.Fprintf(&b, `<rect class="back" x=".5" y=".5" width="%d" height="%d" rx="8"/>`+"\n", width-1, height-1)
	text := func(class, anchor string, x float64, y int, s string) {
		fmt.Fprintf(&b, `<text class="%s" text-anchor="%s" x="%.0f" y="%d">%s</text>`+"\n", class, anchor, x, y, html.EscapeString(s))
	}
	text("head", "start", 20, 30, "Events per second")
	text("quiet", "start", 20, 52, fmt.Sprintf("the same %s events, %s, %d processors for all; bars are medians,",
		thousands(float64(c.Events)), c.Broker, c.Processors))
	text("quiet", "start", 20, 70, "lines reach from the slowest round to the fastest")
	y := header
	for _, compression := range c.compressions() {
		text("head", "start", 20, y+21, "compression: "+compression)
		y += head
		bars := c.bars(compression)
		for v := 0.; v <= top; v += step {
			fmt.Fprintf(&b, `<line class="grid" x1="%.1f" x2="%.1f" y1="%d" y2="%d"/>`+"\n", x(v), x(v), y, y+line*len(bars))
		}
		for _, r := range bars {
			class, middle := "bar", float64(y)+line/2.
			if r.name == whole || r.name == "kafkatx" {
				class = "bar ours"
			}
			text("", "end", left-10, y+18, r.title)
			fmt.Fprintf(&b, `<rect class="%s" x="%d" y="%d" width="%.1f" height="%d" rx="2"/>`+"\n", class, left, y+4, x(r.median)-left, line-8)
			fmt.Fprintf(&b, `<path class="spread" d="M%.1f %.1fH%.1fM%.1f %.1fv8M%.1f %.1fv8"/>`+"\n", x(r.least), middle, x(r.most), x(r.least), middle-4, x(r.most), middle-4)
			text("", "start", x(r.most)+8, y+18, thousands(r.median))
			y += line
		}
		y += space
	}
	for v := 0.; v <= top; v += step {
		text("tick", "middle", x(v), y, thousands(v))
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// stepOf divides what lies below a number into some round pieces.
func stepOf(most float64) float64 {
	step := math.Pow(10, math.Floor(math.Log10(max(most, 10))))
	for most/step < 4 {
		step /= 2
	}
	return step
}

func TestPlotIsSVG(t *testing.T) {
	t.Parallel()
	c := &contest{Events: 1000, Broker: "a <broker>"}
	for _, compression := range compressions {
		for i, who := range contestants {
			c.Turns = append(c.Turns, turn{Compression: compression, Contestant: who.name, PerSecond: float64(i+1) * 1e5})
		}
	}
	plot := c.plot()
	for d := xml.NewDecoder(bytes.NewReader(plot)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("%v in\n%s", err, plot)
		}
	}
	if got, want := strings.Count(string(plot), `class="spread"`), len(compressions)*(len(contestants)-1); got != want {
		t.Errorf("%d bars, want %d", got, want)
	}
}
