// Package audit compares what the API shows of a range of time with what the topic tells of it.
//
// # Idea
//
// Of what a worker remembers, all that is believed is which time it calls covered. The range is read from the API again, with
// a proof of its own that answers are whole (package complete), and the committed events are read from Kafka; then the two
// are joined by account, invitation and status. Both sides are written as small binary entries into bucket files, by a
// hash of account and id, and compared bucket by bucket: a Grace hash join, whose memory does not depend on the range.
//
// What seems to be missing may only have changed meanwhile. So it is looked for once more, in this order: in the older part
// of the topic (an invitation that expires again without another status in between is not told again), in the API, and in
// what was committed since. Only what the API still shows then, and no event tells, is missing. Where Kafka has deleted
// the older part, the index of what was told speaks for it.
//
// # The edges
//
// The windows of two spans overlap by a second, and the API may take their ends as inclusive or not. So the first and
// the last window of what is audited may show what lies a second outside of it, where nothing had to be told. What is
// missing and shown by such a window alone is located by asking for the seconds on both sides of the edge; it counts as
// missing unless they show that it lies outside. Time that is not covered is cut out before anything is read, and its
// edges are treated in the same way.
//
// # Invariants
//
//   - An attempt that lies in covered time of the range, is shown from the beginning to the end of the audit, and stands in
//     no committed event, is reported as missing; an attempt for which any of this does not hold is not. Events count that
//     were committed before the last look at the topic, also those that an open transaction hides from consumers.
//   - The same eventId told twice without a replay, or twice in one replay, is found wherever both events were committed
//     after the range began.
//   - Memory is bounded by the statuses and the spans that could not be read, by maxBucket and maxCandidates.
//   - Neither files nor reports have names or email addresses in them; files go when the report is closed.
//   - At most the requests that the given API allows are made; the caller sets its limits.
//
// # Failure
//
// A window that cannot be read, however narrow, is named as not audited, and the audit goes on behind it. The API's
// refusal of the key or of the request, and Kafka that cannot be read, end the audit: it has shown nothing then.
package audit
