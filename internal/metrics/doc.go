// Package metrics makes what happens measurable for Prometheus.
//
// # Idea
//
// What happens is counted as it happens: a [Set] is the worker's Meter, and is told what clients waited. What is, such as
// how far an account is covered, is looked up when Prometheus asks, in the worker's own snapshot. What has to be asked of
// Kafka, the lag of consumer groups, is asked for beside it by a [LagWatch], never by a scrape.
//
// # Invariants
//
//   - A scrape waits for nobody: not for Kafka, not for the API, and not for a worker that is stopping.
//   - Nothing is registered anywhere but in the registry that was given, so that two workers live in one process.
//   - Labels are what an operator has named (accounts, consumer groups) and words from short lists. No invitation, no name
//     and no address ever is one.
//   - Counters of everything that the settings name begin at 0, so that an increase is seen from the first one on.
//   - Accounts that were removed have no series, also not of what their last transaction tells after that.
//   - What is not known has no series. Before an account is taken over there is no front; 0 would be 1970.
//
// # Failure
//
// When consumer groups cannot be asked for, that is counted, logged once a minute, and the last lags are shown for a
// minute more: then they have no series, since a lag that stands still is taken for a lag.
package metrics
