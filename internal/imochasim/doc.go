// Package imochasim is a simulated iMocha "Retrieve Invites" API: an http.Handler with a clock that is passed in, faults
// on request, and a ledger of what really happened.
//
// # Idea
//
// The program that is tested cannot be the judge of what it read. So the simulator is written from CONTRACT.md alone,
// shares nothing with the client but the words of package attempt, and separates what happened (changes, added by
// [Simulator.Add], by [Simulator.AddRaw] or by [Lives]) from what is answered (boundaries, caps, late arrivals,
// faults). Package ledger compares the first with what came out at the far end.
//
// # Invariants
//
//   - A successful answer holds exactly the changes of the state whose time is in the window, by [Config.Boundary], and
//     that are visible by the clock; less only by [Config.Cap] and [Config.Current], more only by [Config.Duplicates].
//   - All that is random follows from [Config.Seed] and the number of the request: the same requests in the same order
//     have the same answers.
//   - A fault changes answers, never the ledger.
//   - All data is invented.
//
// # Failure
//
// Faults are what the package is for: [Faults] lists them. Its own errors are those of settings that make no sense, and
// of changes that cannot be shown; both come back to the caller who can mend them.
package imochasim
