// Package replay asks the owners of accounts to read a time range again, and looks how far they have come.
//
// The idea: nobody but an account's owner can tell anything of it exactly once. So a replay is a request, one record per
// account in the state topic, and the owner answers with records of its own: see package state. A [Board] is what those
// records say at a moment, and is read on from there.
//
// Invariants: a range that is not covered is never asked for, but for what is missing. Writing the same request twice is
// one request. Nothing here writes anything but requests.
//
// Failure: errors say what would be right: [UnknownAccountError], [UnknownStateError], [NotCoveredError],
// [UnknownReplayError], [EndedError]; or they are those of Kafka.
package replay
