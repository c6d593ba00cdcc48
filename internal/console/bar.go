package console

import (
	"cmp"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/schollz/progressbar/v3"
)

// AroundBar is how many columns of a line stand around a bar and its words. The last one stays free: some terminals wrap
// when it is used.
const AroundBar = len(" 100% ||  ") + 1

// WidestBar is how many columns a bar takes at most.
const WidestBar = 30

// narrowestBar is from how many columns on a bar says something.
const narrowestBar = 5

// BarLine is a bar with words behind it, in at most so many columns; empty where there is no room for both.
func BarLine(done, total int64, words string, columns int) string {
	bar := min(WidestBar, columns-AroundBar-utf8.RuneCountInString(words))
	if bar < narrowestBar {
		return ""
	}
	return Bar(done, total, bar, words)
}

// Bar is a bar of so many columns, with words behind it, as progressbar draws it. Only its drawing is used: its own times
// and rates are of one count that only grows, by a clock of its own.
func Bar(done, total int64, columns int, words string) string {
	bar := progressbar.NewOptions64(max(1, total),
		progressbar.OptionSetWriter(io.Discard),
		progressbar.OptionSetWidth(columns),
		progressbar.OptionSetTheme(progressbar.Theme{Saucer: "=", SaucerHead: ">", SaucerPadding: " ", BarStart: "|", BarEnd: "|"}),
		progressbar.OptionSetPredictTime(false),
		progressbar.OptionSetDescription(words),
		progressbar.OptionShowDescriptionAtLineEnd(),
	)
	// One less than all is never drawn as finished, which would be another form. Only whole percents are drawn by Set64, so
	// RenderBlank does it below the first. Neither can fail within the bar's range, but then words must do.
	_ = bar.Set64(min(done, max(0, total-1)))
	if bar.String() == "" {
		_ = bar.RenderBlank()
	}
	return strings.TrimRight(strings.TrimPrefix(cmp.Or(bar.String(), words), "\r "), " ")
}
