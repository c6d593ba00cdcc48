// Package complete asks for a state's attempts until the answer is known to be whole.
//
// The idea: the API gives no page and no cursor, and does not say whether it cuts long answers, so length proves nothing.
// An answer is believed up to the length that was proven before (schedule.Trust). A longer one is compared with those of
// its two halves, whose completeness is established in the same way: a cap on answers would show in at least one of the
// three.
//
// Invariants: an answer whose Finding is Whole shows everything that the API has for its span. The Reader's Trust only
// says what such comparisons have shown. What differs is asked for once more before it counts: invitations change while
// they are read.
//
// Failure: errors are those of the request, or [ErrLong] for an answer that has to be read in narrower spans. Nothing is
// known of the span then. The caller decides what to ask for next; a Reader plans nothing.
package complete
