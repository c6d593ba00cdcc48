package worker

import (
	"context"
	"sync/atomic"

	"attemptstream/internal/attempt"
	"attemptstream/internal/imocha"
)

// SetAccounts says which accounts are to be read from now on, before, while or after the worker runs; no name may be there
// twice. Those that stay are not disturbed: their sessions go on, with the API that is given now. One that goes finishes or
// aborts its transaction; what is known of it stays in Kafka. One that comes is begun at once if its partition is this
// worker's, and goes on from its checkpoint if it has one. SetAccounts waits for none of that.
func (w *Worker) SetAccounts(accounts []Account) {
	w.mu.Lock()
	defer w.mu.Unlock()
	before := make(map[*account]bool, len(w.accounts))
	for _, a := range w.accounts {
		before[a] = true
	}
	now := make([]*account, 0, len(accounts))
	var come []*account
	for _, given := range accounts {
		a := w.known[given.Name]
		if a == nil {
			a = w.newAccount(given.Name)
			w.known[given.Name] = a
		}
		a.api.exchange(given.API)
		if !before[a] {
			come = append(come, a)
		}
		delete(before, a)
		now = append(now, a)
	}
	for a := range before {
		a.listener.drop(a.name)
		if a.stop != nil {
			a.stop()
		}
	}
	w.accounts = now
	w.settled.expect(now)
	for _, a := range come {
		a.listener.add(a.name, a.inbox) // before its state is read: what was asked for until then is found there
		if t := w.tenures[a.at.Partition]; t != nil {
			t.begin(a)
		}
	}
}

// A door leads to an account's API, which can be exchanged while it is used: requests that are under way end where they began.
type door struct{ api atomic.Pointer[API] }

func (d *door) exchange(api API) { d.api.Store(&api) }

// Attempts asks the API behind the door.
func (d *door) Attempts(ctx context.Context, state attempt.State, w attempt.Window, each func(*imocha.Entry) error) error {
	return (*d.api.Load()).Attempts(ctx, state, w, each)
}
