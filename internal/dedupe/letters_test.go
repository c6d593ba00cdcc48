package dedupe_test

import (
	"encoding/hex"
	"slices"
	"testing"

	"attemptstream/internal/dedupe"
)

// By printf 'default\0completed\0[1,"x"]' | sha256sum, cut to 32 digits.
const goldenHash = "8f7d0d5d63e188ebc8fba9fed697105b"

func TestHashOf(t *testing.T) {
	t.Parallel()
	h := dedupe.HashOf("default", "completed", `[1,"x"]`)
	if got := hex.EncodeToString(h[:]); got != goldenHash {
		t.Errorf("hash %s, want %s", got, goldenHash)
	}
	seen := map[dedupe.Hash]bool{h: true}
	for _, other := range []dedupe.Hash{
		dedupe.HashOf("defaultc", "ompleted", `[1,"x"]`), dedupe.HashOf("default", "expired", `[1,"x"]`),
		dedupe.HashOf("other", "completed", `[1,"x"]`), dedupe.HashOf("default", "completed", `[1, "x"]`), dedupe.HashOf("default", "completed[", `1,"x"]`),
	} {
		if seen[other] {
			t.Errorf("two letters share %x", other)
		}
		seen[other] = true
	}
}

func TestLetters(t *testing.T) {
	t.Parallel()
	a, b, c := dedupe.Hash{1}, dedupe.Hash{2}, dedupe.Hash{3}
	l := dedupe.NewLetters()
	l.Load(a)
	check := func(when string, staged []dedupe.Hash, has ...dedupe.Hash) {
		t.Helper()
		for _, h := range []dedupe.Hash{a, b, c} {
			if l.Has(h) != slices.Contains(has, h) {
				t.Errorf("%s: Has(%x) is %v", when, h[0], l.Has(h))
			}
		}
		if l.Len() != len(has) || !slices.Equal(l.Staged(), staged) {
			t.Errorf("%s: %d letters, %x staged, want %d and %x", when, l.Len(), l.Staged(), len(has), staged)
		}
	}
	check("loaded", nil, a)
	l.Add(a)
	l.Add(c)
	l.Add(b)
	l.Add(c)
	check("added", []dedupe.Hash{c, b}, a, b, c)
	l.Rollback()
	check("rolled back", nil, a)
	l.Add(b)
	l.Commit()
	check("committed", nil, a, b)
	l.Add(c)
	l.Rollback()
	l.Rollback()
	check("rolled back after a commit", nil, a, b)
}
