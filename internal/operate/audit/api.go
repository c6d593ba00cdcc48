package audit

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"attemptstream/internal/attempt"
	"attemptstream/internal/complete"
	"attemptstream/internal/dedupe"
	"attemptstream/internal/imocha"
	"attemptstream/internal/schedule"
)

// Unread is a span that could not be read, or not certainly whole.
type Unread struct {
	Account attempt.Account `json:"account"`
	State   attempt.State   `json:"state"`
	schedule.Span
	Reason string `json:"reason"`
	gap    bool
}

// readAPI reads all pieces, account by account, the states side by side.
func (r *run) readAPI(ctx context.Context) error {
	total := int64(0)
	for _, states := range r.pieces {
		for _, pieces := range states {
			for _, p := range pieces {
				total += int64(p.Length() / time.Second)
			}
		}
	}
	r.Progress.begin("reading iMocha", total)
	for i, a := range r.Accounts {
		reader := r.reader(a)
		g, ctx := errgroup.WithContext(ctx)
		for _, state := range r.States {
			g.Go(func() error { return r.readState(ctx, i, reader, state) })
		}
		if err := g.Wait(); err != nil {
			return fmt.Errorf("account %s: %w", a.Name, err)
		}
	}
	return nil
}

// reader is a reader of an account that knows nothing of its API yet: what the worker believes of it is not believed.
func (r *run) reader(a Account) *complete.Reader {
	q := &requester{api: a.API, log: r.Log.With(zap.String("account", string(a.Name)))}
	return &complete.Reader{Request: q.request, Longest: 4 * r.WindowAttempts, Now: time.Now}
}

func (r *run) walker(reader *complete.Reader, state attempt.State) *walker {
	return &walker{reader: reader, state: state, widest: max(1, int64((r.WindowMax-attempt.Overlap)/time.Second)),
		wanted: r.WindowAttempts, patience: r.Patience}
}

// readState keeps what one state shows.
func (r *run) readState(ctx context.Context, account int, reader *complete.Reader, state attempt.State) error {
	name := r.Accounts[account].Name
	w := r.walker(reader, state)
	for _, p := range r.pieces[account][state.Rank()] {
		w.patience = r.Patience
		if p.gap { // it has failed often enough
			w.patience = 0
		}
		w.take = func(a *complete.Answer, s schedule.Span, doubtful bool) error {
			if doubtful {
				r.report.doubt(Unread{Account: name, State: state, Span: s, Reason: "it may have been cut, and nothing can tell: all that is beyond doubt lies in one second"})
			}
			r.Progress.done.Add(int64(s.Length() / time.Second))
			r.Progress.found.Add(int64(a.Length))
			return r.keep(account, p, s, a)
		}
		w.unread = func(s schedule.Span, why error) {
			r.Progress.done.Add(int64(s.Length() / time.Second))
			r.report.unread(Unread{Account: name, State: state, Span: s, Reason: why.Error(), gap: p.gap})
			r.Log.Warn("a window cannot be read and is not audited", zap.String("state", string(state)), zap.Stringer("span", s), zap.Error(why))
		}
		if err := w.walk(ctx, p.Span); err != nil {
			return err
		}
	}
	return nil
}

// keep writes an answer's entries to the buckets.
func (r *run) keep(account int, p piece, s schedule.Span, a *complete.Answer) error {
	e := entry{account: account, state: a.State.Rank(), window: s.Window()}
	if p.gap {
		e.flags |= flagGap
	}
	if s.From == p.From {
		e.flags |= flagFirst
	}
	if s.Until == p.Until {
		e.flags |= flagLast
	}
	for i := range a.Attempts {
		var err error
		e.kind, e.id = shownAttempt, a.Attempts[i].ID
		if e.status, err = r.names.number(a.Attempts[i].Status); err != nil {
			return err
		}
		if err := r.spill.add(&e); err != nil {
			return err
		}
	}
	e.status, e.id = 0, 0
	for i := range a.Malformed {
		e.kind, e.hash = shownLetter, dedupe.HashOf(r.Accounts[account].Name, a.State, a.Malformed[i].Raw)
		if err := r.spill.add(&e); err != nil {
			return err
		}
	}
	return nil
}

// unreads are spans with reasons, those that touch joined. They are safe for concurrent use.
type unreads struct {
	mu   sync.Mutex
	list []Unread
}

func (u *unreads) add(n Unread) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for i := len(u.list) - 1; i >= 0; i-- {
		l := &u.list[i]
		if l.Account == n.Account && l.State == n.State {
			if l.Until == n.From && l.gap == n.gap {
				l.Until, l.Reason = n.Until, n.Reason
				return
			}
			break
		}
	}
	u.list = append(u.list, n)
}

// touches tells whether a window may show something of what could not be read.
func (u *unreads) touches(account attempt.Account, state attempt.State, w attempt.Window) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	for i := range u.list {
		l := &u.list[i]
		if l.Account == account && l.State == state && w.Start <= l.Until && l.From <= w.End {
			return true
		}
	}
	return false
}

// askWindow asks for a window as it comes. Windows at edges are no span's, and nothing has to be proven of them.
func askWindow(ctx context.Context, reader *complete.Reader, state attempt.State, w attempt.Window) (*complete.Answer, error) {
	var a *complete.Answer
	err := reader.Request(ctx, state, w, func() func(*imocha.Entry) error {
		a = &complete.Answer{State: state}
		return func(e *imocha.Entry) error {
			if e.Malformed != nil {
				a.Malformed = append(a.Malformed, *e.Malformed)
			} else {
				a.Attempts = append(a.Attempts, attempt.Attempt{ID: e.Attempt.ID, Status: e.Attempt.Status})
			}
			return nil
		}
	})
	return a, err
}
