package complete

import (
	"context"

	"attemptstream/internal/attempt"
	"attemptstream/internal/schedule"
)

// second finds out whether a is all that there is of a single second, which has no halves. Its window is two seconds long,
// so that it shows the second whichever of its ends belong to it; where they do, it shows three, and a cap may be reached
// by what lies beside. So each half of the window is asked for too. A half that is shorter than the whole was not cut, for
// the whole was given at its length; and what two such halves show is complete, if they show all that the whole does:
// halves of a window whose ends do not belong to it show nothing.
//
// What only the halves show is added to the answer. So a second is told whole unless it alone is longer than the cap, or
// the ends are excluded.
func (r *Reader) second(ctx context.Context, state attempt.State, span schedule.Span, a *Answer) (*Answer, Finding, error) {
	w := span.Window()
	middle := w.Start.Add(attempt.Overlap)
	shown, length := a.Entries(), a.Length
	entries := len(shown)
	parts := map[Identity]struct{}{}
	uncut := true
	for _, half := range []attempt.Window{{Start: w.Start, End: middle}, {Start: middle, End: w.End}} {
		part, err := r.ask(ctx, state, half, true)
		if err != nil {
			r.Release(a)
			return nil, Doubtful, err
		}
		uncut = uncut && part.Length < length
		part.addTo(parts)
		a.join(part, shown)
		r.Release(part)
	}
	if !uncut || !within(shown, parts) {
		a.Doubtful = true
		return a, Doubtful, nil
	}
	if entries == len(parts) { // else the whole was cut, or something has come meanwhile
		r.Trust.prove(length)
	}
	return a, Whole, nil
}
