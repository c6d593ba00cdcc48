package audit

import (
	"context"
	"slices"

	"attemptstream/internal/attempt"
	"attemptstream/internal/schedule"
)

// compare joins the two sides, bucket by bucket.
func (r *run) compare(ctx context.Context) error {
	r.Progress.begin("comparing", firstBuckets)
	return r.spill.each(ctx, func(entries []entry) error {
		r.Progress.done.Add(1)
		for len(entries) > 0 {
			n := 1
			for n < len(entries) && compareOwner(&entries[0], &entries[n]) == 0 {
				n++
			}
			r.Progress.found.Add(int64(n))
			if err := r.owner(entries[:n]); err != nil {
				return err
			}
			entries = entries[n:]
		}
		return nil
	})
}

// owner compares what there is of one invitation, or of one dead letter.
func (r *run) owner(all []entry) error {
	if all[0].kind.letter() {
		return r.letter(all)
	}
	for rest := all; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].status == rest[0].status {
			n++
		}
		if err := r.status(rest[:n], all); err != nil {
			return err
		}
		rest = rest[n:]
	}
	return nil
}

// parts cuts sorted entries of one kind of thing into what was shown and what was told.
func parts(entries []entry) (shown, told []entry) {
	n := 0
	for n < len(entries) && (entries[n].kind == shownAttempt || entries[n].kind == shownLetter) {
		n++
	}
	return entries[:n], entries[n:]
}

// best is the place in which an attempt was shown that says most of where it lies: covered rather than in a gap, and not
// at an edge. covered is false if it was shown in gaps alone.
func best(shown []entry) (e *entry, covered bool) {
	for i := range shown {
		s := &shown[i]
		switch {
		case e == nil,
			e.has(flagGap) && !s.has(flagGap),
			e.has(flagGap) == s.has(flagGap) && e.has(flagFirst|flagLast) && !s.has(flagFirst|flagLast):
			e = s
		}
	}
	return e, e != nil && !e.has(flagGap)
}

// status compares what there is of one invitation and status; all is what there is of the invitation.
func (r *run) status(entries, all []entry) error {
	shown, told := parts(entries)
	where, covered := best(shown)
	row := r.table.row(&entries[0])
	if err := r.doubles(told, row); err != nil {
		return err
	}
	relevant := where != nil
	for i := range told {
		relevant = relevant || r.overlaps(told[i].window)
	}
	if relevant {
		for i := range told {
			if told[i].has(flagReplayed) {
				row.Replayed++
			}
		}
	}
	switch {
	case where == nil:
		return r.notShown(told, row)
	case len(told) > 0:
		r.table.isShown(where)
		r.table.isTold(where)
		if slices.ContainsFunc(told, func(e entry) bool { return e.has(flagLate) }) {
			row.Late++
		}
		if cameBackUntold(shown, told, all) {
			row.NotToldAgain++
			return r.report.line(r.table.line(NotToldAgain, &shown[len(shown)-1]))
		}
		return nil
	case covered:
		r.table.isShown(where)
		return r.second.add(where)
	}
	row.InGap++
	return r.report.line(r.table.line(InGap, where))
}

// overlaps tells whether a window has anything of the range.
func (r *run) overlaps(w attempt.Window) bool {
	return w.Start < r.Range.Until && w.End > r.Range.From
}

// doubles looks for the same eventId told twice, without a replay or in one replay.
func (r *run) doubles(told []entry, row *Counts) error {
	type identity struct {
		end    attempt.Instant
		came   bool
		replay uint64
		again  bool
	}
	of := func(e *entry) identity { return identity{e.end, e.has(flagCameBack), e.replay, e.has(flagReplayed)} }
	for i := range told {
		first, ours := true, r.overlaps(told[i].window)
		places := []Place{{told[i].partition, told[i].offset}}
		for j := range told {
			if j == i || of(&told[j]) != of(&told[i]) {
				continue
			}
			first = first && i < j
			ours = ours || r.overlaps(told[j].window)
			places = append(places, Place{told[j].partition, told[j].offset})
		}
		if !first || !ours || len(places) == 1 {
			continue
		}
		row.Twice++
		l := r.table.line(Twice, &told[i])
		l.Topic, l.Records = r.topicOf(toldEvent), places
		if err := r.report.line(l); err != nil {
			return err
		}
	}
	return nil
}

// notShown is for what was told and is not shown.
func (r *run) notShown(told []entry, row *Counts) error {
	for i := range told {
		e := &told[i]
		// An event of a window that goes beyond what was audited may be of what lies there; one that was told since the
		// audit began, of what was not visible then.
		if e.has(flagFresh) || !r.within(e) || r.report.unreads.touches(r.table.account(e), stateOf(e), e.window) {
			continue
		}
		row.NotShown++
		l := r.table.line(NotShown, e)
		l.Topic, l.Records = r.topicOf(e.kind), []Place{{e.partition, e.offset}}
		return r.report.line(l)
	}
	return nil
}

// within tells whether all that a window shows was asked for: it lies in one of the pieces.
func (r *run) within(e *entry) bool {
	for _, p := range r.pieces[e.account][e.state] {
		if w := p.Window(); w.Start <= e.window.Start && e.window.End <= w.End {
			return true
		}
	}
	return false
}

// cameBackUntold tells whether an attempt was shown in a window after another status had been told, and was itself told only
// before that. A worker leaves that out where it saw it late.
func cameBackUntold(shown, told, all []entry) bool {
	last := &shown[len(shown)-1]
	before := attempt.Instant(0)
	for i := range told {
		e := &told[i]
		if touches(e.window, last.window) || e.window.Start > last.window.End {
			return false
		}
		before = max(before, e.window.End)
	}
	for i := range all {
		e := &all[i]
		if e.kind == toldEvent && e.status != last.status && e.window.Start >= before && e.window.End <= last.window.Start {
			return true
		}
	}
	return false
}

func touches(a, b attempt.Window) bool { return a.Start <= b.End && b.Start <= a.End }

// letter compares what there is of one dead letter.
func (r *run) letter(all []entry) error {
	shown, told := parts(all)
	where, covered := best(shown)
	counts := r.table.letter(&all[0])
	if len(told) > 1 {
		ours := where != nil
		l := r.table.line(TwiceLetter, &told[0])
		l.Topic = r.topicOf(toldLetter)
		for i := range told {
			ours = ours || r.overlaps(told[i].window)
			l.Records = append(l.Records, Place{told[i].partition, told[i].offset})
		}
		if ours {
			counts.Twice++
			if err := r.report.line(l); err != nil {
				return err
			}
		}
	}
	switch {
	case where == nil:
	case len(told) > 0:
		counts.Shown++
		counts.Told++
	case covered:
		counts.Shown++
		return r.second.add(where)
	default:
		return r.report.line(r.table.line(InGap, where))
	}
	return nil
}

// spanOf is the span whose window an entry was shown in.
func spanOf(e *entry) schedule.Span {
	return schedule.Span{From: e.window.Start.Add(attempt.Overlap), Until: e.window.End}
}
