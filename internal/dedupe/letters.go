package dedupe

import (
	"crypto/sha256"

	"attemptstream/internal/attempt"
)

// A Hash stands for a dead letter: the first 16 bytes of the SHA-256 of its account, its state and its bytes. By chance
// two of a billion dead letters share one with a probability of less than 1 in 10^20.
type Hash [16]byte

// HashOf is the hash of a malformed entry as it came, in an answer for state. The same bytes in another state or account
// are another dead letter.
func HashOf(account attempt.Account, state attempt.State, raw string) Hash {
	h := sha256.New()
	for _, part := range []string{string(account), string(state)} {
		h.Write([]byte(part))
		h.Write([]byte{0}) // neither account nor state has one, so no two triples read the same
	}
	h.Write([]byte(raw))
	return Hash(h.Sum(nil)[:16])
}

// Letters is the set of the dead letters that were told, staged as an Index is. It is not safe for concurrent use.
type Letters struct {
	told   map[Hash]struct{}
	staged []Hash
}

// NewLetters is an empty set.
func NewLetters() *Letters { return &Letters{told: map[Hash]struct{}{}} }

// Has says whether h was added, staged ones included.
func (l *Letters) Has(h Hash) bool {
	_, ok := l.told[h]
	return ok
}

// Add stages h, unless the set has it.
func (l *Letters) Add(h Hash) {
	if !l.Has(h) {
		l.told[h] = struct{}{}
		l.staged = append(l.staged, h)
	}
}

// Staged is what was added since the last Commit or Rollback, in that order. It is valid until the next change.
func (l *Letters) Staged() []Hash { return l.staged }

// Commit makes what is staged part of the set.
func (l *Letters) Commit() { l.staged = l.staged[:0] }

// Rollback takes out again what is staged.
func (l *Letters) Rollback() {
	for _, h := range l.staged {
		delete(l.told, h)
	}
	l.staged = l.staged[:0]
}

// Load adds a hash that was committed before, in recovery.
func (l *Letters) Load(h Hash) { l.told[h] = struct{}{} }

// Len is the size of the set, staged ones included.
func (l *Letters) Len() int { return len(l.told) }
