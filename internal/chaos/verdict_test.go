//go:build unix

package chaos_test

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/imochasim/ledger"
	"attemptstream/internal/witness"
)

// A verdict says what is wrong with all that is in Kafka, compared with what happened in the simulated API: events and
// dead letters of every account, and what the state topic remembers of them.
type verdict struct {
	Accounts, Events, Required, Late, CameBack, Letters int
	// Apart is how many invitations have events that say late of what was shown in time, as they may where a second could
	// not be read at first or states were apart. They are right otherwise, but for the order that this costs.
	Apart int

	kinds    map[ledger.Kind]int
	letters  int // what is wrong with dead letters
	memory   int // what is wrong with the state topic
	problems []string
}

// mostProblems is how many problems are spelt out.
const mostProblems = 48

func (v *verdict) add(name attempt.Account, format string, args ...any) {
	if len(v.problems) < mostProblems {
		v.problems = append(v.problems, string(name)+": "+fmt.Sprintf(format, args...))
	}
}

// count is how many problems are of these kinds.
func (v verdict) count(kinds ...ledger.Kind) (n int) {
	for _, k := range kinds {
		n += v.kinds[k]
	}
	return n
}

// OK tells whether nothing is wrong.
func (v verdict) OK() bool {
	for _, n := range v.kinds {
		if n > 0 {
			return false
		}
	}
	return v.letters == 0 && v.memory == 0
}

// Problems are what is wrong, as far as it is spelt out.
func (v verdict) Problems() []string { return v.problems }

// String is the verdict in a line.
func (v verdict) String() string {
	memory := "index agrees"
	if v.memory > 0 {
		memory = grouped(v.memory) + " differences in the index"
	}
	apart := ""
	if v.Apart > 0 {
		apart = fmt.Sprintf(" (%s found late though shown in time)", grouped(v.Apart))
	}
	return fmt.Sprintf("%s missing, %s twice, %s unexpected, %s out of order, %s wrong in themselves, %s dead letters wrong; "+
		"%s events of %s accounts, %s required, %s late%s, %s came back, %s dead letters; %s",
		grouped(v.count(ledger.Missing)), grouped(v.count(ledger.Twice)), grouped(v.count(ledger.Unexpected)),
		grouped(v.count(ledger.Order, ledger.LastStatus, ledger.MustBeLate)),
		grouped(v.count(ledger.WrongWindow, ledger.WrongID, ledger.WrongState, ledger.NotLate)), grouped(v.letters),
		grouped(v.Events), grouped(v.Accounts), grouped(v.Required), grouped(v.Late), apart, grouped(v.CameBack), grouped(v.Letters), memory)
}

// grouped is n with its thousands apart.
func grouped(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// judge compares what is in Kafka with what happened. Everything that happened, and was shown, before at has to be told;
// what came later may be. Nobody may write meanwhile, and the API must not stand still.
func (s *simulation) judge(t testing.TB, brokers []string, topic string, at time.Time) verdict {
	t.Helper()
	v := verdict{kinds: map[ledger.Kind]int{}}
	events := witness.AllEvents(t, brokers, topic)
	letters := witness.AllLetters(t, brokers, topic+".dlq")
	memories := readMemories(t, brokers, topic+".state", &v)
	end := s.Until
	if at.Before(end) {
		end = at
	}
	for _, name := range s.Accounts {
		scope := ledger.Scope{From: s.Since, To: end, Seen: at, Resolution: s.Boundary.Resolution()}
		v.account(name, s.Ledger(name), scope, events[name], letters[name])
		v.remembers(name, events[name], letters[name], memories[name], attempt.InstantOf(end))
		delete(events, name)
		delete(letters, name)
		delete(memories, name)
	}
	for name, row := range events {
		v.kinds[ledger.Unexpected] += len(row)
		v.add(name, "%d events of an account that there is not", len(row))
	}
	for name, row := range letters {
		v.letters += len(row)
		v.add(name, "%d dead letters of an account that there is not", len(row))
	}
	for name := range memories {
		v.memory++
		v.add(name, "the state topic remembers an account that there is not")
	}
	return v
}

// account judges one account's events and dead letters.
func (v *verdict) account(name attempt.Account, entries []ledger.Entry, scope ledger.Scope, events []ledger.Observed, letters []ledger.ObservedLetter) {
	v.Accounts++
	v.Events += len(events)
	v.Letters += len(letters)
	for i := range events {
		if events[i].Late {
			v.Late++
		}
		if cameBack(&events[i]) {
			v.CameBack++
		}
	}
	expected := ledger.Expect(entries, scope)
	expected.Account = name
	v.Required += expected.Required()
	problems := v.excuse(name, entries, scope, events, ledger.Check(expected, events))
	problems = append(problems, backward(events)...)
	for _, p := range problems {
		v.kinds[p.Kind]++
		v.add(name, "%s", p)
	}
	for _, p := range ledger.CheckLetters(expected, letters) {
		v.letters++
		v.add(name, "dead letter: %s", p)
	}
}

// excuse takes out what is only the consequence of a second that was read later than those around it, in all states or in
// one: the events found there are late although they were shown in time, and so the order in which an invitation took its
// statuses may not have been seen. An invitation with such an event is judged anew, as one of which anything may have come
// late; what is wrong with it then is wrong.
func (v *verdict) excuse(name attempt.Account, entries []ledger.Entry, scope ledger.Scope, events []ledger.Observed, problems []ledger.Problem) (rest []ledger.Problem) {
	late := map[int64]bool{}
	for _, p := range problems {
		if p.Kind == ledger.NotLate {
			late[p.ID] = true
		}
	}
	for _, p := range problems {
		if !late[p.ID] || p.Kind == ledger.MustBeLate {
			rest = append(rest, p)
		}
	}
	v.Apart += len(late)
	if len(late) == 0 {
		return rest
	}
	scope.Gaps = true
	of := func(id int64) bool { return !late[id] }
	expected := ledger.Expect(slices.DeleteFunc(slices.Clone(entries), func(e ledger.Entry) bool { return of(e.ID) }), scope)
	expected.Account = name
	some := slices.DeleteFunc(slices.Clone(events), func(o ledger.Observed) bool { return of(o.ID) })
	for _, p := range ledger.Check(expected, some) {
		if p.Kind != ledger.MustBeLate { // it is among the rest
			rest = append(rest, p)
		}
	}
	return rest
}

// backward finds events that do not say late and whose window lies before that of one of the same invitation that was told
// earlier: whatever was read when, new time is read forward.
func backward(events []ledger.Observed) (problems []ledger.Problem) {
	events = slices.Clone(events)
	slices.SortStableFunc(events, func(a, b ledger.Observed) int {
		return cmp.Or(cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
	})
	furthest := map[int64]time.Time{}
	for i := range events {
		o := &events[i]
		if o.Late || o.ReplayID != "" {
			continue
		}
		if start, ok := furthest[o.ID]; ok && !o.WindowEnd.After(start) {
			problems = append(problems, ledger.Problem{Kind: ledger.Order, ID: o.ID, Status: o.Status, Detail: fmt.Sprintf(
				"%s ends its window at %s, and one that starts at %s was told before", o.EventID, o.WindowEnd.Format(time.RFC3339), start.Format(time.RFC3339))})
		}
		if o.WindowStart.After(furthest[o.ID]) {
			furthest[o.ID] = o.WindowStart
		}
	}
	return problems
}

// cameBack tells whether an event is of a status that its invitation had had before.
func cameBack(o *ledger.Observed) bool { return !strings.HasSuffix(o.EventID, ":"+string(o.Status)) }

// shows writes the verdict and fails the test if anything is wrong.
func (v verdict) shows(t testing.TB) {
	t.Helper()
	t.Log(v.String())
	if !v.OK() {
		t.Errorf("%s\n%s", v, strings.Join(v.Problems(), "\n"))
	}
	if v.Required == 0 {
		t.Error("nothing had to be told: the run shows nothing")
	}
}
