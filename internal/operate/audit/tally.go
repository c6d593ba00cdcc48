package audit

import (
	"cmp"
	"encoding/hex"
	"slices"
	"strconv"

	"attemptstream/internal/attempt"
	"attemptstream/internal/dedupe"
)

// A tally is the counts and digests while they are made.
type tally struct {
	run         *run
	rows        map[rowKey]*Counts
	letters     map[rowKey]*Letters // without status
	shown, told digest
}

type rowKey struct{ account, state, status int }

func newTally(r *run) *tally {
	return &tally{run: r, rows: map[rowKey]*Counts{}, letters: map[rowKey]*Letters{}}
}

func (t *tally) row(e *entry) *Counts {
	key := rowKey{e.account, e.state, e.status}
	c := t.rows[key]
	if c == nil {
		c = &Counts{}
		t.rows[key] = c
	}
	return c
}

func (t *tally) letter(e *entry) *Letters {
	key := rowKey{account: e.account, state: e.state}
	c := t.letters[key]
	if c == nil {
		c = &Letters{Account: t.account(e), State: stateOf(e)}
		t.letters[key] = c
	}
	return c
}

func (t *tally) account(e *entry) attempt.Account { return t.run.Accounts[e.account].Name }

func stateOf(e *entry) attempt.State { return attempt.States()[e.state] }

// isShown, isTold: the attempt belongs to that side. notShown: it does not belong to what is shown after all.
func (t *tally) isShown(e *entry) {
	t.row(e).Shown++
	t.shown.add(t.account(e), e.id, t.run.names.status(e.status))
}

func (t *tally) isTold(e *entry) {
	t.row(e).Told++
	t.told.add(t.account(e), e.id, t.run.names.status(e.status))
}

func (t *tally) notShown(e *entry) {
	t.row(e).Shown--
	t.shown.remove(t.account(e), e.id, t.run.names.status(e.status))
}

// line is a line about an entry.
func (t *tally) line(k Kind, e *entry) Line {
	window := e.window
	l := Line{Kind: k, Account: t.account(e), State: stateOf(e), Window: &window}
	if e.kind.letter() {
		l.Letter = letterKey(e.hash)
		return l
	}
	id := e.id
	l.ID, l.Status = &id, t.run.names.status(e.status)
	if e.kind == toldEvent {
		l.EventID = t.eventID(e)
		if e.has(flagReplayed) {
			l.Replay = t.run.names.replayID(e.replay)
		}
	}
	return l
}

func letterKey(h dedupe.Hash) string { return hex.EncodeToString(h[:]) }

func (t *tally) eventID(e *entry) string {
	text := string(t.account(e)) + ":" + strconv.FormatInt(e.id, 10) + ":" + string(t.run.names.status(e.status))
	if e.has(flagCameBack) {
		text += "@" + e.end.String()
	}
	return text
}

// fill puts the counts into a report.
func (t *tally) fill(r *Report) {
	r.Rows, r.Letters = []Row{}, []Letters{}
	for key, c := range t.rows {
		if *c == (Counts{}) {
			continue
		}
		r.Rows = append(r.Rows, Row{t.run.Accounts[key.account].Name, attempt.States()[key.state], t.run.names.status(key.status), *c})
		r.Totals.add(c)
	}
	slices.SortFunc(r.Rows, func(a, b Row) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.State.Rank(), b.State.Rank()), cmp.Compare(a.Status, b.Status))
	})
	for _, c := range t.letters {
		r.Letters = append(r.Letters, *c)
	}
	slices.SortFunc(r.Letters, func(a, b Letters) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.State.Rank(), b.State.Rank()))
	})
	r.Digests = Digests{Method: digestMethod, Shown: t.shown.String(), Told: t.told.String()}
	r.Digests.Equal = r.Digests.Shown == r.Digests.Told && t.shown.lines == t.told.lines
}
