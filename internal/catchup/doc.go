// Package catchup shows how far a worker has come: on a terminal a line while accounts are behind, in the log a line for
// each account now and then.
//
// The idea: samples of a worker's progress are all it looks at, and what it makes of them is a pure function of those and
// of time. It stops nothing and changes nothing of the worker.
package catchup
