package imochasim

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/imochasim/ledger"
)

// A Simulator is the simulated API. It is safe for concurrent use.
type Simulator struct {
	config   Config
	now      func() time.Time
	requests atomic.Int64 // number of the last request to the API

	mu       sync.RWMutex
	faults   Faults
	keys     map[string]string
	accounts map[string]*account
	statuses []attempt.Status // by the number that records have
	numbers  map[attempt.Status]uint16

	stats  stats
	limits limits
}

// New is an API in which nothing has happened yet.
func New(config Config) (*Simulator, error) {
	if err := config.check(); err != nil {
		return nil, err
	}
	s := &Simulator{
		config: config, now: config.Now, faults: config.Faults, keys: maps.Clone(config.Keys),
		accounts: map[string]*account{}, numbers: map[attempt.Status]uint16{},
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.config.Date == nil {
		s.config.Date = s.now
	}
	return s, nil
}

// SetFaults replaces the faults from the next request on.
func (s *Simulator) SetFaults(f Faults) error {
	if err := f.check(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = f
	return nil
}

// SetKeys replaces the API keys from the next request on, as a rotation of keys does.
func (s *Simulator) SetKeys(keys map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys = maps.Clone(keys)
}

// Requests is how many requests the API has had.
func (s *Simulator) Requests() int { return int(s.requests.Load()) }

// Add adds changes, in any order. They are visible in answers from Visible on, by the clock; so they may be added before
// they happen. Nothing is added if one of them cannot be.
func (s *Simulator) Add(accountName string, changes ...Change) error {
	for i := range changes {
		if err := changes[i].check(); err != nil {
			return fmt.Errorf("change %d: %w", i, err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range changes {
		if _, err := s.number(changes[i].Status); err != nil {
			return fmt.Errorf("change %d: %w", i, err)
		}
	}
	a := s.account(accountName)
	var touched [places]bool
	for i := range changes {
		c := &changes[i]
		p := pendingPlace
		var entry []byte
		if state, ok := ledger.StateOf(c.Status); ok {
			p = placeOf(state)
			a.buffer = c.append(a.buffer[:0])
			entry = a.buffer
		}
		status, _ := s.number(c.Status)
		a.add(p, record{at: c.At.UnixNano(), visible: later(c.Visible, c.At).UnixNano(), id: c.ID, status: status}, entry, s.config.Current)
		touched[p] = true
	}
	for p := range touched {
		if touched[p] {
			a.series[p].settle()
		}
	}
	return nil
}

// AddRaw adds an entry as it is to be shown: any JSON value, malformed or strange as it may be as an attempt.
func (s *Simulator) AddRaw(accountName string, state attempt.State, at time.Time, raw string) error {
	return s.AddRawLate(accountName, state, at, at, raw)
}

// AddRawLate is AddRaw of an entry that is visible from a later time on.
func (s *Simulator) AddRawLate(accountName string, state attempt.State, at, visible time.Time, raw string) error {
	if !slices.Contains(attempt.States(), state) {
		return fmt.Errorf("raw entry: unknown state %q", state)
	}
	if !validJSON(raw) {
		return errors.New("raw entry: it is no JSON value, and would make the whole answer unreadable: use a fault for that")
	}
	class, id, status := ledger.Classify([]byte(raw))
	s.mu.Lock()
	defer s.mu.Unlock()
	number, err := s.number(status)
	if err != nil {
		return fmt.Errorf("raw entry: %w", err)
	}
	a := s.account(accountName)
	p := placeOf(state)
	a.add(p, record{at: at.UnixNano(), visible: later(visible, at).UnixNano(), id: id, status: number, raw: classNumber(class)}, []byte(raw), s.config.Current)
	a.series[p].settle()
	return nil
}

// Ledger is what has happened in an account by now, in order of time.
func (s *Simulator) Ledger(accountName string) []ledger.Entry {
	now := s.now().UnixNano()
	s.mu.RLock()
	defer s.mu.RUnlock()
	a := s.accounts[accountName]
	if a == nil {
		return nil
	}
	var entries []ledger.Entry
	for p := range a.series {
		series := &a.series[p]
		for i := range series.records {
			if r := &series.records[i]; r.at <= now {
				entries = append(entries, s.entry(a, accountName, p, i))
			}
		}
	}
	slices.SortStableFunc(entries, func(x, y ledger.Entry) int {
		return cmp.Or(x.At.Compare(y.At), cmp.Compare(x.ID, y.ID))
	})
	return entries
}

func (s *Simulator) entry(a *account, name string, p, i int) ledger.Entry {
	series := &a.series[p]
	r := &series.records[i]
	e := ledger.Entry{
		Account: attempt.Account(name), Class: ledger.Event, ID: r.id, Status: s.statuses[r.status],
		At: time.Unix(0, r.at).UTC(), Visible: time.Unix(0, r.visible).UTC(),
	}
	if p != pendingPlace {
		e.State = attempt.States()[p]
		e.Unsure = s.config.Cap > 0 && series.crowded(r.at, s.config.Cap) || s.config.Current && a.replaced(r)
	}
	if r.raw != 0 {
		e.Class, e.Raw = classOf(r.raw), string(series.entry(r))
	}
	return e
}

// Expected is what a reader of the account must have told by now, if it has read everything of scope by now or by
// scope.Seen. The scope's Resolution follows from the boundary.
func (s *Simulator) Expected(accountName string, scope ledger.Scope) *ledger.Expected {
	if scope.Seen.IsZero() {
		scope.Seen = s.now()
	}
	scope.Resolution = s.config.Boundary.Resolution()
	expected := ledger.Expect(s.Ledger(accountName), scope)
	expected.Account = attempt.Account(accountName)
	return expected
}

// Accounts are the names of the accounts in which something was added.
func (s *Simulator) Accounts() []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Sorted(maps.Keys(s.accounts))
}

func (s *Simulator) account(name string) *account {
	a := s.accounts[name]
	if a == nil {
		a = &account{}
		if s.config.Current {
			a.latest = map[int64][]record{}
		}
		s.accounts[name] = a
	}
	return a
}

// number is the number of a status in records.
func (s *Simulator) number(status attempt.Status) (uint16, error) {
	n, ok := s.numbers[status]
	if !ok {
		if len(s.statuses) > 1<<16-1 {
			return 0, fmt.Errorf("there are %d different statuses already, and no room for more", len(s.statuses))
		}
		n = uint16(len(s.statuses))
		s.statuses = append(s.statuses, status)
		s.numbers[status] = n
	}
	return n, nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
