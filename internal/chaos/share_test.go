//go:build unix

package chaos_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/imochasim"
	"attemptstream/internal/imochasim/ledger"
	"attemptstream/internal/kafkatest"
	"attemptstream/internal/ownership"
	"attemptstream/internal/witness"
)

// Three workers share 200 accounts while things happen in them. One is killed, one is frozen for longer than the session
// timeout, one is stopped and started again. All accounts go on, none moves that need not have, and each event is told once.
func TestManyAccounts(t *testing.T) {
	t.Parallel()
	const accounts, partitions = 200, 12
	keys := map[string]string{}
	w := newWorld(t, kafkatest.Shared(t).Addrs(), imochasim.Config{Boundary: imochasim.ExclusiveStart, Seed: 12}, imochasim.Lives{}, 0)
	dir := t.TempDir()
	type entry struct {
		Name       string `json:"name"`
		APIKeyFile string `json:"apiKeyFile"`
	}
	var list []entry
	now := time.Now().Truncate(time.Second)
	w.from, w.to = now.Add(-time.Minute), now.Add(time.Minute)
	for n := range accounts {
		name := fmt.Sprintf("customer-%03d", n)
		keys[apiKey+"-"+name] = name
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(apiKey+"-"+name), 0o600); err != nil {
			t.Fatal(err)
		}
		list = append(list, entry{name, file})
		l := lives(uint64(n), 20)
		l.Speed, l.Late, l.BurstsPerDay = 1500, 0, 0 // a day in a minute
		if err := w.sim.Populate(name, l, w.from, w.to); err != nil {
			t.Fatal(err)
		}
	}
	w.sim.SetKeys(keys)
	text, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "accounts.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	delete(w.set, "IMOCHA_API_KEY")
	for name, value := range map[string]string{
		"IMOCHA_ACCOUNTS_FILE": file, "KAFKA_PARTITIONS": fmt.Sprint(partitions), "STREAM_START_AT": w.from.Format(time.RFC3339),
		"STREAM_POLL_INTERVAL": "5s", "STREAM_SETTLE_DELAY": "1s", "STREAM_LOOKBACK": "0",
	} {
		w.set[name] = value
	}

	a := w.start("run")
	a.says("account taken over")
	b, c := w.start("run"), w.start("run")
	shared := func(all ...*process) bool {
		n := 0
		for _, p := range all {
			has := len(p.owned())
			if has == 0 {
				return false
			}
			n += has
		}
		return n == accounts
	}
	eventually(t, "the three share the accounts", func() bool { return shared(a, b, c) }, a.Tail)
	t.Logf("three workers have %d, %d and %d accounts", len(a.owned()), len(b.owned()), len(c.owned()))

	// moved waits until the rest has all accounts, and checks that only those of the one that is gone have moved.
	moved := func(how string, within time.Duration, rest ...*process) {
		t.Helper()
		had, before, since := accounts, map[*process]map[string]bool{}, time.Now()
		for _, p := range rest {
			before[p] = p.owned()
			had -= len(before[p])
		}
		eventually(t, "the others have all accounts", func() bool { return shared(rest...) }, rest[0].Tail)
		took := time.Since(since)
		if took > within+slack {
			t.Errorf("%s: all accounts went on after %s, want %s", how, took, within)
		}
		needless := 0
		for _, p := range rest {
			now := p.owned()
			for name := range before[p] {
				if !now[name] {
					needless++
				}
			}
		}
		if needless > 0 {
			t.Errorf("%s: %d accounts moved that need not have", how, needless)
		}
		t.Logf("%s: %d accounts went on after %s, %d moved that need not have", how, had, took.Round(10*time.Millisecond), needless)
	}
	if !b.Kill() {
		t.Fatalf("the worker ended by itself:\n%s", b.Tail())
	}
	moved("killed", ownership.SessionTimeout+3*time.Second, a, c)
	b = w.start("run")
	eventually(t, "the three share the accounts again", func() bool { return shared(a, b, c) }, b.Tail)
	a.Signal(syscall.SIGSTOP)
	moved("frozen", ownership.SessionTimeout+3*time.Second, b, c)
	a.Signal(syscall.SIGCONT)
	a.says("nothing more is told")
	eventually(t, "the three share the accounts once more", func() bool { return shared(a, b, c) }, a.Tail)
	c.Signal(syscall.SIGTERM)
	moved("stopped", 3*time.Second, a, b)
	c.wait(0, stopTime)

	for time.Now().Before(w.to.Add(time.Second)) {
		time.Sleep(100 * time.Millisecond)
	}
	for _, p := range []*process{a, b} {
		p.Signal(syscall.SIGTERM)
		p.wait(0, stopTime)
	}
	w.start("run", "--once").wait(0, patience)
	required, found := 0, 0
	events := witness.AllEvents(t, w.brokers, w.topic)
	for _, e := range list {
		name := attempt.Account(e.Name)
		expected := w.sim.Expected(e.Name, ledger.Scope{From: w.from, To: w.to, Seen: time.Now()})
		observed := events[name]
		required, found = required+expected.Required(), found+len(observed)
		if problems := ledger.Check(expected, observed); len(problems) > 0 {
			t.Errorf("account %s: %d problems, the first: %v", name, len(problems), problems[0])
		}
	}
	t.Logf("%d events, %d required", found, required)
	if required < 1000 {
		t.Error("too little had to be told: the test shows nothing")
	}
}

// owned are the accounts that the process has taken over and not given up, by its log.
func (p *process) owned() map[string]bool { return owned(p.Output()) }

func owned(log string) map[string]bool {
	has := map[string]bool{}
	for line := range strings.Lines(log) {
		var said struct{ Message, Account string }
		if json.Unmarshal([]byte(line), &said) != nil || said.Account == "" {
			continue
		}
		switch said.Message {
		case "account taken over":
			has[said.Account] = true
		case "account given up":
			delete(has, said.Account)
		}
	}
	return has
}
