// Package ledger says what a reader of the simulated API must have told, and what is wrong with what it did tell.
//
// # Idea
//
// The simulator writes down what happened ([Entry]), not what it answered. [Expect] turns entries into the events that
// CONTRACT.md promises for them, and [Check] compares those with what came out. Nothing here shares code with the
// reader, so an error of the reader cannot excuse itself.
//
// # What must be told
//
// An invitation's changes are put in the contract's order: by the whole second of At; within one second cancelled,
// expired, completed. What is one second depends on the API's windows ([Resolution]). Pending is no status, and consecutive equal statuses are one. Each status in that row is an event,
// and may be told once. It must be told, except for:
//
//   - What happens quickly: the invitation is back in a status whose last change lies no more than two whole seconds back
//     (three changes within two seconds). The API shows no order within a window, and no window that is sure to show a
//     second is shorter than two, so nobody can tell such a come-back from an order that was read wrong. Of all that
//     happened from the first of the two changes to the second, each status must have been told once, in any order.
//   - A come-back that depends on a late arrival: the change itself, the status before it or the earlier time of the
//     status became visible only after it happened. If that was after the second had been read, the come-back cannot be
//     seen. The status itself must still be told once.
//   - A status that is taken again after it came late, with no other in between: it may be told again, since the last
//     event that is not late may have another status.
//   - What the simulator itself hid ([Entry.Unsure]), or what the reader did not get to read ([Scope]).
//
// # What an event may say
//
// Its window contains the time of a change to its status, ends included. Its eventId is account:id:status the first
// time, with @ and the window's end the other times. It is late only if the change became visible after it happened, or
// where the reader had gaps; it must be late if its window lies before one of the same state that was told as new
// before. Events that are not late are in the contract's order, and the last of them is the invitation's status.
package ledger
