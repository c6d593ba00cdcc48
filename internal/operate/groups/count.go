package groups

import (
	"context"
	"errors"
	"slices"
	"sort"
	"time"

	"attemptstream/internal/kafkatx"
)

// A source is a log whose committed batches can be told: *kafkatx.Client.
type source interface {
	Batches(ctx context.Context, topic string, partition int, from, end int64, fn func(kafkatx.Batch) error) (int64, error)
	BatchAt(ctx context.Context, topic string, partition int, from, end int64) (kafkatx.Batch, bool, error)
}

// An index knows how many records are committed in parts of a partition. What is committed does not change, so what was
// counted once holds until retention deletes it, which is nobody's future then.
type index struct {
	source    source
	topic     string
	partition int

	runs  []run          // in order, apart from each other
	tails map[int64]span // what follows an offset in the span that it lies within
	used  map[int64]bool // which of them were asked for since the last trim
}

// A run is a part of a partition that was counted without a hole.
type run struct {
	from, to int64
	spans    []span
}

// A span is a place with committed records: a batch, or several where there would be too many.
type span struct {
	offset, end int64
	records     int64
	first       int64 // the time of the first of them, in milliseconds
	several     bool
}

// mostSpans bounds a run's memory, to 640 KiB. With more, neighbours are joined.
const mostSpans = 1 << 14

// A tally is how much is committed between two offsets.
type tally struct {
	records int64
	atMost  bool      // some was not counted, and has no more than that
	first   time.Time // of the first record; zero: there is none
}

func (t *tally) add(s span) {
	if t.first.IsZero() {
		t.first = time.UnixMilli(s.first)
	}
	t.records += s.records
}

// count says what is committed from an offset on, before end. It reads what it does not know, for as long as the budget
// of bytes lasts; but always so far as to know the first record.
func (x *index) count(ctx context.Context, from, end int64, budget *int64) (tally, error) {
	var t tally
	for at := from; at < end; {
		i := x.search(at)
		if i < len(x.runs) && x.runs[i].from <= at {
			r := &x.runs[i]
			if err := x.sum(ctx, r, at, end, &t); err != nil {
				return tally{}, err
			}
			at = r.to
			continue
		}
		hole := end
		if i < len(x.runs) {
			hole = min(hole, x.runs[i].from)
		}
		if *budget <= 0 && !t.first.IsZero() {
			t.records, t.atMost = t.records+hole-at, true
			at = hole
			continue
		}
		if err := x.read(ctx, at, hole, budget); err != nil {
			return tally{}, err
		}
	}
	return t, nil
}

// search is the index of the first run that ends behind an offset.
func (x *index) search(at int64) int {
	return sort.Search(len(x.runs), func(i int) bool { return x.runs[i].to > at })
}

// sum adds up what a run has from an offset on, before end.
func (x *index) sum(ctx context.Context, r *run, at, end int64, t *tally) error {
	i := sort.Search(len(r.spans), func(i int) bool { return r.spans[i].end > at })
	if i < len(r.spans) && r.spans[i].offset < at {
		tail, err := x.tail(ctx, r.spans[i], at)
		if err != nil {
			return err
		}
		if tail.records > 0 {
			t.add(tail)
		}
		i++
	}
	for ; i < len(r.spans) && r.spans[i].offset < end; i++ {
		t.add(r.spans[i])
	}
	return nil
}

// tail is what a span has from an offset within it on.
func (x *index) tail(ctx context.Context, s span, at int64) (span, error) {
	x.used[at] = true
	if tail, ok := x.tails[at]; ok && tail.end == s.end {
		return tail, nil
	}
	tail := span{offset: at, end: s.end}
	take := func(b kafkatx.Batch) error {
		if b.Records > 0 && tail.records == 0 {
			tail.first = b.Time.UnixMilli()
		}
		tail.records += int64(b.Records)
		return nil
	}
	var err error
	if s.several {
		_, err = x.source.Batches(ctx, x.topic, x.partition, at, s.end, take)
	} else {
		var b kafkatx.Batch
		if b, _, err = x.source.BatchAt(ctx, x.topic, x.partition, at, s.end); err == nil {
			err = take(b)
		}
	}
	if err != nil {
		return span{}, err
	}
	x.tails[at] = tail
	return tail, nil
}

// errBudget ends reading when enough was read.
var errBudget = errors.New("enough was read")

// read counts from an offset on, before end, which lie in no run. It may stop when the budget is used up, but not before it
// has found a record.
func (x *index) read(ctx context.Context, from, end int64, budget *int64) error {
	i := x.search(from)
	if i > 0 && x.runs[i-1].to == from {
		i--
	} else {
		x.runs = slices.Insert(x.runs, i, run{from: from, to: from})
	}
	r := &x.runs[i]
	next, err := x.source.Batches(ctx, x.topic, x.partition, from, end, func(b kafkatx.Batch) error {
		*budget -= int64(b.Bytes)
		r.to = b.End
		if b.Records == 0 {
			return nil
		}
		r.append(span{offset: b.Offset, end: b.End, records: int64(b.Records), first: b.Time.UnixMilli()})
		if *budget <= 0 {
			return errBudget
		}
		return nil
	})
	switch {
	case err == nil:
		r.to = next
	case !errors.Is(err, errBudget):
		if r.to == r.from {
			x.runs = slices.Delete(x.runs, i, i+1)
		}
		return err
	}
	if i+1 < len(x.runs) && x.runs[i+1].from == r.to {
		r.to = x.runs[i+1].to
		for _, s := range x.runs[i+1].spans {
			r.append(s)
		}
		x.runs = slices.Delete(x.runs, i+1, i+2)
	}
	return nil
}

// append adds a span, and joins neighbours when there are too many.
func (r *run) append(s span) {
	if len(r.spans) >= mostSpans {
		joined := r.spans[:0]
		for i := 0; i < len(r.spans); i += 2 {
			a := r.spans[i]
			if i+1 < len(r.spans) {
				b := r.spans[i+1]
				a.end, a.records, a.several = b.end, a.records+b.records, true
			}
			joined = append(joined, a)
		}
		r.spans = joined
	}
	r.spans = append(r.spans, s)
}

// trim forgets what lies before an offset, and the tails that nobody asked for since the last time.
func (x *index) trim(before int64) {
	for len(x.runs) > 0 && x.runs[0].to <= before {
		x.runs = slices.Delete(x.runs, 0, 1)
	}
	if len(x.runs) > 0 {
		if r := &x.runs[0]; r.from < before {
			i := sort.Search(len(r.spans), func(i int) bool { return r.spans[i].end > before })
			r.spans = slices.Delete(r.spans, 0, i)
			r.from = before
			if len(r.spans) > 0 {
				r.from = min(before, r.spans[0].offset)
			}
		}
	}
	for at := range x.tails {
		if !x.used[at] {
			delete(x.tails, at)
		}
	}
	clear(x.used)
}
