package config

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"
)

const (
	// lookEvery is how often the accounts file is looked at. A change takes effect within it and a little.
	lookEvery = 2 * time.Second
	// complainAgain is when the same complaint about it is repeated in the log.
	complainAgain = 10 * time.Minute
	// mostComplaints bounds the memory of what was complained of.
	mostComplaints = 100
)

// A WatchConfig is what a watch over an accounts file needs.
type WatchConfig struct {
	Path    string    // of the file
	InForce []Account // the list that is in force when the watch begins
	// Apply puts another list in force, whole, or not at all. The watch calls it from one goroutine.
	Apply func([]Account) error
	Log   *zap.Logger
	Every time.Duration    // 0: every two seconds
	Now   func() time.Time // nil: time.Now
}

// An AccountsWatch keeps the list that is in force that of the accounts file. A file that cannot be taken whole changes
// nothing: the list stays as it was, and the file is looked at again, so that what is only half written, or lacks a key file
// that comes a moment later, heals by itself.
//
// It looks at what the file holds, every few seconds, and not for events of the file system: Kubernetes exchanges a symbolic
// link to a directory above the file, editors put another file in its place, and network file systems tell nobody anything.
// Nor do times or sizes count: opening and reading is what is right everywhere, also with caches in between.
type AccountsWatch struct {
	config WatchConfig
	shown  string // the file; it has been read before, so it is no secret
	list   []Account
	taken  []byte // what the file held when list was taken from it; nil: nobody knows
	said   map[string]time.Time

	mu      sync.Mutex
	problem string
	since   time.Time
}

// NewAccountsWatch is a watch that has not looked yet.
func NewAccountsWatch(c WatchConfig) *AccountsWatch {
	c.Every = cmp.Or(c.Every, lookEvery)
	if c.Now == nil {
		c.Now = time.Now
	}
	return &AccountsWatch{config: c, shown: quote(c.Path), list: c.InForce, said: map[string]time.Time{}}
}

// Run looks at the file until ctx ends.
func (w *AccountsWatch) Run(ctx context.Context) {
	ticker := time.NewTicker(w.config.Every)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			w.look()
		case <-ctx.Done():
			return
		}
	}
}

// Problem is what is wrong with the file, and since when; empty: nothing. What is in force is another list then.
func (w *AccountsWatch) Problem() (text string, since time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.problem, w.since
}

// look takes the list that is in the file now, if it is another one and is right.
func (w *AccountsWatch) look() {
	data, err := readFile(w.config.Path, maxAccounts)
	if err != nil {
		w.refuse(&AccountsError{w.shown, []string{" " + err.Error()}})
		return
	}
	if w.taken != nil && bytes.Equal(data, w.taken) {
		w.healed()
		return
	}
	list, err := parseAccounts(w.config.Path, w.shown, data, w.list)
	if err != nil {
		w.refuse(err)
		return
	}
	if !slices.EqualFunc(list, w.list, Account.Same) {
		if err := w.config.Apply(list); err != nil {
			w.refuse(err)
			return
		}
		clear(w.said)
	}
	w.list, w.taken = list, data
	w.healed()
}

// refuse keeps the list as it is, and says why: once for each problem, and then rarely.
func (w *AccountsWatch) refuse(err error) {
	now, text := w.config.Now(), err.Error()
	w.mu.Lock()
	if w.problem == "" {
		w.since = now
	}
	w.problem = text
	w.mu.Unlock()
	if last, ok := w.said[text]; ok && now.Sub(last) < complainAgain {
		return
	}
	if len(w.said) >= mostComplaints {
		clear(w.said)
	}
	w.said[text] = now
	w.config.Log.Error("the accounts file cannot be taken: the list as it was stays in force, and the file is looked at again", zap.Error(err))
}

// healed takes note that what is in force is what the file says.
func (w *AccountsWatch) healed() {
	w.mu.Lock()
	was := w.problem
	w.problem, w.since = "", time.Time{}
	w.mu.Unlock()
	if was != "" {
		w.config.Log.Info("the accounts file is right again: what it says is in force", zap.Int("accounts", len(w.list)))
	}
}
