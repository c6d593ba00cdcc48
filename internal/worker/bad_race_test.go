//go:build race

package worker_test

// hugeEntries makes answers of 12 MB: the race detector makes reading ten times as slow.
const hugeEntries = 250
