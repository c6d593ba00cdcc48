// Package admin shows how a worker is doing: to a load balancer (/healthz, /readyz), to Prometheus (/metrics), to scripts
// (/status) and to people (a page at / that follows by itself).
//
// # Idea
//
// All of it is one [Report], made of the worker's own snapshot whenever somebody asks, and of nothing else. The page is one
// file with its script and its style in it; it draws the report that /events sends whenever something has changed. A few
// figures need a memory (rates, and when a front moved last), so the [Server] looks at the worker every few seconds, whether
// or not anybody looks at it.
//
// # Invariants
//
//   - Nothing here changes anything: there is only GET and HEAD.
//   - No request waits for Kafka, for iMocha or for the worker.
//   - Nothing that iMocha says of people is here, nor any invitation: the worker's snapshot has none of it.
//   - A page that stays open for ever costs one connection and, while nothing changes, a few bytes every ten seconds. Who
//     reads too slowly gets the newest report and not those in between, and who does not read at all is cut off.
//   - Under an address of this machine alone, only names of this machine are answered: a web page of somebody else, whose
//     name leads here, learns nothing.
//
// # Failure
//
// There is nothing here that can fail but connections, and those are their owners' business. What is wrong with the worker
// is what the report is about: in words, the worst first.
package admin
