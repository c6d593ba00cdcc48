// Package imocha asks the API of one iMocha account what became of its invitations ("Retrieve Invites").
//
// # Idea
//
// [Client.Attempts] sends one request and hands out the entries of the answer one by one, while they arrive. An answer
// is whole or it is an error: what makes it so (one JSON object, complete, with a result and without errors) is known
// only at its end, so whoever receives entries keeps them apart until Attempts has returned nil.
//
// A parser of JSON reads the answer and alone decides what is one, where it is damaged, and when to wait for more of it.
// Entries of the usual form go past it: those that have arrived as a whole are found and checked in one pass (layout). That is
// the same as if the parser had read them, only faster. Of either kind only what its strings say is kept, in memory for many
// (slab).
//
// # Invariants
//
//   - Memory is bounded by the longest entry and a buffer, not by the length of the answer.
//   - No entry is dropped: one that cannot be an attempt is handed out as malformed, with its bytes.
//   - Per client, no more requests start in any second than the rate limit allows, no more than Concurrency are under way, and
//     after a 429 none starts before the time that the API, or the back-off, has set.
//   - The key goes to IMOCHA_BASE_URL only: redirects are not followed.
//   - Texts of errors hold neither the key nor anything that the API sent, but its status, content type and length.
//
// # Failure
//
// Everything that goes wrong is an [Error], whose [Kind] says what has to follow, except two things that come back as
// they are: the error of the function that receives the entries, and the end of the context.
package imocha
