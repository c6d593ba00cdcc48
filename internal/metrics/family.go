package metrics

import (
	"io"
	"math"
	"slices"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// A family is the metrics of one name that have a label for the account. There may be many accounts, and a scrape makes half a
// KiB of each series in the library's form; so these are also written as text, one after the other.
type family struct {
	name, help string
	kind       prometheus.ValueType
	labels     []string // behind the account
	desc       *prometheus.Desc
}

func newFamily(kind prometheus.ValueType, name, help string, labels ...string) family {
	return family{name: prometheus.BuildFQName(namespace, "", name), help: help, kind: kind, labels: labels,
		desc: desc(name, help, append([]string{labelAccount}, labels...)...)}
}

// Describe sends the descriptor.
func (f *family) Describe(ch chan<- *prometheus.Desc) { ch <- f.desc }

// A texter writes what it has as text.
type texter interface{ text(to *text) }

// A text is metrics in Prometheus's text format, version 0.0.4. Neither names of accounts nor the words that are other labels'
// values have anything in them that would have to be escaped there.
type text struct {
	to   io.Writer
	only []string // names of families; empty: all
	skip bool     // the family that has begun
	line []byte
	err  error // the first one
}

// begin begins a family of this kind.
func (t *text) begin(name, help, kind string) {
	t.skip = len(t.only) > 0 && !slices.Contains(t.only, name)
	t.write(append(t.line[:0], "# HELP "+name+" "+help+"\n# TYPE "+name+" "+kind+"\n"...))
}

// sample writes a line of an account. Further labels are name and value in turn.
func (t *text) sample(name, account string, value float64, labels ...string) {
	b := append(append(t.line[:0], name...), `{`+labelAccount+`="`...)
	b = append(b, account...)
	for i := 0; i+1 < len(labels); i += 2 {
		b = append(append(b, `",`...), labels[i]...)
		b = append(append(b, `="`...), labels[i+1]...)
	}
	t.write(append(appendFloat(append(b, `"} `...), value), '\n'))
}

// plain writes the line of a family without labels.
func (t *text) plain(name string, value float64) {
	t.write(append(appendFloat(append(append(t.line[:0], name...), ' '), value), '\n'))
}

func (t *text) write(line []byte) {
	t.line = line
	if t.err == nil && !t.skip {
		_, t.err = t.to.Write(line)
	}
}

// appendFloat appends v as the format wants it.
func appendFloat(b []byte, v float64) []byte {
	if math.IsInf(v, 1) {
		return append(b, "+Inf"...)
	}
	return strconv.AppendFloat(b, v, 'g', -1, 64)
}
