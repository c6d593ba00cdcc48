// Package schedule decides what is read next, and how wide. It is the arithmetic of completeness: which seconds of an
// account's states have been read, which are missing, how long an answer may be before it is believed.
//
// The package does no I/O and has no clock: time comes in as an argument, so a day of decisions can be tested in a
// millisecond. Three things hold after every call:
//
//   - A second is counted as covered only after an answer that certainly showed it, whichever ends of a window the API
//     takes as inclusive. What could not be read is a gap with a name.
//   - The Checkpoint is all that has to survive a crash. The rest (back-off, passes under way) may be forgotten: the
//     worst that follows is that something is read again.
//   - States whose fronts are equal are read together, so an invitation's events come in the order of its life.
//
// Failure is an ordinary input here: a Run is told what failed and answers with what to do about it.
package schedule
