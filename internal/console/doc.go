// Package console is what the program shows to a person at a terminal: events as lines, figures and spans of time in words,
// and a line of progress.
//
// The idea: what is shown is made by pure functions of figures and time, and what writes is as dumb as it can be. An
// [Event] is read back from the bytes of its record, as any other consumer would, so that it shows what is in Kafka. A
// [Screen] keeps one line at the bottom of a terminal, under everything else that is written to it.
//
// Invariants:
//
//   - A line has no name and no email address in it, whatever the PII policy.
//   - A line of progress is never wider than the terminal, so that it can be erased again; it is erased before anything
//     else is written, and drawn again afterwards.
//   - Colours only where the caller says so: see [Colours].
//
// Nothing here stops the work: a terminal that cannot be written to is not mended by an error.
package console
