package complete

import (
	"errors"
	"time"
	"unsafe"

	"attemptstream/internal/attempt"
	"attemptstream/internal/imocha"
)

// An Answer is what one state showed for one span.
type Answer struct {
	State     attempt.State
	Attempts  []attempt.Attempt // in the API's order
	Malformed []attempt.Malformed
	Length    int       // entries as they came, the same ones too
	Bytes     int       // of the entries' text
	At        time.Time // when it had been read
	Doubtful  bool      // it may have been cut, and nothing can tell

	memory  int                // about what it takes: short entries take more than their text
	members []attempt.Member   // memory for those of the attempts; its length is used
	pieces  [][]attempt.Member // all such memory that the answer has had, and as much behind it as it may have
	had     int                // pieces
}

// Limits of an answer that is held in memory at once. One with more text than the first is read in narrower windows; where
// there are none, the second limit counts, of all memory that the answer takes, and what is longer still cannot be read.
const (
	divisibleBytes   = 4 << 20
	indivisibleBytes = 512 << 20
)

// mostMembers is for how many members memory is taken ahead.
const mostMembers = 1 << 10

// What entries take beside their text.
const (
	attemptBytes   = int(unsafe.Sizeof(attempt.Attempt{}))
	malformedBytes = int(unsafe.Sizeof(attempt.Malformed{}))
	memberBytes    = int(unsafe.Sizeof(attempt.Member{}))
)

var (
	// ErrLong: the answer is longer than what is kept in memory, and can be had in parts.
	ErrLong = errors.New("the answer is longer than what is kept in memory")

	errTooLong = errors.New("a single second's answer takes more memory than there is for it, which is 512 MiB")
)

// add keeps an entry.
func (a *Answer) add(e *imocha.Entry) {
	a.Length++
	if e.Malformed != nil {
		a.addMalformed(e.Malformed)
	} else {
		a.addAttempt(&e.Attempt)
	}
}

func (a *Answer) addMalformed(m *attempt.Malformed) {
	a.Bytes += len(m.Raw)
	a.memory += len(m.Raw) + malformedBytes
	a.Malformed = append(a.Malformed, *m)
}

func (a *Answer) addAttempt(e *attempt.Attempt) {
	a.Bytes += e.Size
	a.memory += e.Size + attemptBytes + len(e.Additional)*memberBytes
	a.Attempts = append(a.Attempts, *e)
	a.Attempts[len(a.Attempts)-1].Additional = a.keep(e.Additional)
}

// keep copies members, since the client clears what it hands out, and uses it again.
func (a *Answer) keep(members []attempt.Member) []attempt.Member {
	n := len(members)
	if n == 0 {
		return nil
	}
	if cap(a.members)-len(a.members) < n {
		a.members = a.piece(n)
	}
	from := len(a.members)
	a.members = append(a.members, members...)
	return a.members[from:len(a.members):len(a.members)]
}

// piece is memory for n members. It is taken for as many more attempts with as many members as there is room for, so that it
// is not taken for each one.
func (a *Answer) piece(n int) []attempt.Member {
	if a.had < len(a.pieces) && cap(a.pieces[a.had]) >= n {
		a.had++
		return a.pieces[a.had-1]
	}
	alike := 1 + cap(a.Attempts) - len(a.Attempts)
	fresh := make([]attempt.Member, 0, max(n, min(n*alike, mostMembers)))
	a.pieces = append(a.pieces[:a.had], fresh)
	a.had++
	return fresh
}

// join adds what part shows beyond the entries that are shown already, and counts it among them.
func (a *Answer) join(part *Answer, shown map[Identity]struct{}) {
	for i := range part.Attempts {
		e := &part.Attempts[i]
		if _, ok := shown[IdentityOf(e)]; !ok {
			shown[IdentityOf(e)] = struct{}{}
			a.Length++
			a.addAttempt(e)
		}
	}
	for i := range part.Malformed {
		m := &part.Malformed[i]
		if _, ok := shown[Identity{Raw: m.Raw}]; !ok {
			shown[Identity{Raw: m.Raw}] = struct{}{}
			a.Length++
			a.addMalformed(m)
		}
	}
}

// An Identity is what makes two entries the same.
type Identity struct {
	ID     int64
	Status attempt.Status
	Raw    string // of a malformed entry
}

// IdentityOf is that of an attempt.
func IdentityOf(a *attempt.Attempt) Identity { return Identity{ID: a.ID, Status: a.Status} }

// Entries is the set of what the answer shows.
func (a *Answer) Entries() map[Identity]struct{} {
	set := make(map[Identity]struct{}, len(a.Attempts)+len(a.Malformed))
	a.addTo(set)
	return set
}

func (a *Answer) addTo(set map[Identity]struct{}) {
	for e := range a.identities {
		set[e] = struct{}{}
	}
}

// identities are those of the entries, the same ones too.
func (a *Answer) identities(yield func(Identity) bool) {
	for i := range a.Attempts {
		if !yield(IdentityOf(&a.Attempts[i])) {
			return
		}
	}
	for i := range a.Malformed {
		if !yield(Identity{Raw: a.Malformed[i].Raw}) {
			return
		}
	}
}

// union is the set of what two answers show. Its values are same's.
func union(a, b *Answer) map[Identity]bool {
	set := make(map[Identity]bool, len(a.Attempts)+len(a.Malformed)+len(b.Attempts)+len(b.Malformed))
	for _, answer := range []*Answer{a, b} {
		for e := range answer.identities {
			set[e] = false
		}
	}
	return set
}

// same tells whether the answer shows just what is in set, whose values must be false, and are not afterwards. So it needs no
// set of its own, which takes more memory than the answer.
func (a *Answer) same(set map[Identity]bool) bool {
	met := 0
	for e := range a.identities {
		before, ok := set[e]
		if !ok {
			return false
		}
		if !before {
			set[e] = true
			met++
		}
	}
	return met == len(set)
}

// doubt tells whether a half's answer may have been cut where the whole's was not cut: no cap is below the length of
// an answer that was given, so a shorter one was not cut.
func (a *Answer) doubt(whole *Answer) bool { return a.Doubtful && a.Length >= whole.Length }

// within tells whether all of a is in b.
func within[V, W any](a map[Identity]V, b map[Identity]W) bool {
	for e := range a {
		if _, ok := b[e]; !ok {
			return false
		}
	}
	return true
}
