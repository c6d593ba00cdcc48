//go:build !race

package worker_test

// hugeEntries makes answers of 100 MB.
const hugeEntries = 2000
