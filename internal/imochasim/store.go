package imochasim

import (
	"cmp"
	"slices"
	"sort"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/imochasim/ledger"
)

// Places are where an account's changes are kept: one for each state, by its rank, and one for Pending, which is never
// shown.
const (
	pendingPlace = 3
	places       = pendingPlace + 1
)

func placeOf(state attempt.State) int { return state.Rank() }

// A record is a change as it is kept: 48 bytes without pointers, so that millions cost the collector nothing, and the
// encoded entry elsewhere.
type record struct {
	at, visible int64 // Unix nanoseconds
	id          int64
	chunk       uint32 // where its entry is
	offset      uint32
	size        uint32
	status      uint16
	raw         uint8 // 0, or the class of an entry that was added as it is
}

func classNumber(c ledger.Class) uint8 {
	return 1 + uint8(slices.Index([]ledger.Class{ledger.Event, ledger.Letter, ledger.Either}, c))
}

func classOf(n uint8) ledger.Class {
	return []ledger.Class{ledger.Event, ledger.Letter, ledger.Either}[n-1]
}

type account struct {
	series [places]series
	latest map[int64][]record // all changes by id, only where Config.Current needs them
	buffer []byte
}

func (a *account) add(p int, r record, entry []byte, current bool) {
	a.series[p].add(r, entry)
	if current && r.raw != classNumber(ledger.Letter) {
		row := a.latest[r.id]
		i := sort.Search(len(row), func(i int) bool { return row[i].at > r.at })
		a.latest[r.id] = slices.Insert(row, i, r)
	}
}

// current tells whether r is what its invitation shows at now.
func (a *account) current(r *record, now int64) bool {
	row := a.latest[r.id]
	for i := len(row) - 1; i >= 0; i-- {
		if row[i].visible <= now {
			return row[i].at == r.at && row[i].status == r.status
		}
	}
	return r.raw != 0
}

// replaced tells whether another change of the invitation may hide r from some time on.
func (a *account) replaced(r *record) bool {
	row := a.latest[r.id]
	return len(row) > 0 && (row[len(row)-1].at != r.at || row[len(row)-1].status != r.status)
}

// A series is what one state shows, by time and then id.
type series struct {
	records []record
	sorted  int // so many are in order
	chunks  [][]byte
}

// chunkSize is the size of the pieces in which entries are kept. They are only ever appended to, so what was written can
// be sent without a lock.
const chunkSize = 1 << 20

// add appends r; settle puts it in its place. Entries are kept with a comma after each, so that those which follow each
// other in time and were added in that order can be sent in one piece.
func (s *series) add(r record, entry []byte) {
	if entry != nil {
		if n := len(s.chunks); n == 0 || cap(s.chunks[n-1])-len(s.chunks[n-1]) <= len(entry) {
			s.chunks = append(s.chunks, make([]byte, 0, max(chunkSize, len(entry)+1)))
		}
		last := &s.chunks[len(s.chunks)-1]
		r.chunk, r.offset, r.size = uint32(len(s.chunks)-1), uint32(len(*last)), uint32(len(entry)+1)
		*last = append(append(*last, entry...), ',')
	}
	if s.sorted == len(s.records) && (s.sorted == 0 || compare(&s.records[s.sorted-1], &r) <= 0) {
		s.sorted++
	}
	s.records = append(s.records, r)
}

func compare(a, b *record) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.id, b.id)) }

// settle puts in order what was added last: only from the first place on where it changes anything.
func (s *series) settle() {
	if s.sorted == len(s.records) {
		return
	}
	added := s.records[s.sorted:]
	slices.SortStableFunc(added, func(a, b record) int { return compare(&a, &b) })
	first := sort.Search(s.sorted, func(i int) bool { return compare(&s.records[i], &added[0]) > 0 })
	if first < s.sorted {
		// Merge from the end: the added ones are copied, what they displace moves up.
		added = slices.Clone(added)
		i, j := s.sorted-1, len(added)-1
		for k := len(s.records) - 1; j >= 0; k-- {
			if i >= first && compare(&s.records[i], &added[j]) > 0 {
				s.records[k] = s.records[i]
				i--
			} else {
				s.records[k] = added[j]
				j--
			}
		}
	}
	s.sorted = len(s.records)
}

// window is the range of records whose time is in the window.
func (s *series) window(start, end int64, b Boundary) (from, to int) {
	return s.search(start, b == ExclusiveStart || b == Exclusive), s.search(end, b == Inclusive || b == ExclusiveStart)
}

// search is the first record at or after t, or after t.
func (s *series) search(t int64, after bool) int {
	return sort.Search(len(s.records), func(i int) bool { return s.records[i].at > t || !after && s.records[i].at == t })
}

// entry is the encoded entry of r.
func (s *series) entry(r *record) []byte {
	return s.chunks[r.chunk][r.offset : r.offset+r.size-1]
}

// crowded tells whether the smallest window around the second of at can have more entries than the cap.
func (s *series) crowded(at int64, most int) bool {
	second := time.Unix(0, at).Unix()
	from, to := s.window(time.Unix(second-1, 0).UnixNano(), time.Unix(second+1, 0).UnixNano(), Inclusive)
	return to-from > most
}
