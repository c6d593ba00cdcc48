//go:build unix

package chaos_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"attemptstream/internal/ownership"
	"attemptstream/internal/program"
)

// Three workers share 200 accounts while things happen in them. One is killed, one is frozen for longer than the session
// timeout, one is stopped and started again. All accounts go on, none moves that need not have, and each event is told once.
func TestManyAccounts(t *testing.T) {
	t.Parallel()
	const accounts, partitions = 200, 12
	var names []string
	for n := range accounts {
		names = append(names, fmt.Sprintf("customer-%03d", n))
	}
	w := newCompany(t, names, 20)
	w.set["IMOCHA_ACCOUNTS_FILE"] = program.AccountsFile(t, names, keyOf)
	w.set["KAFKA_PARTITIONS"], w.set["STREAM_POLL_INTERVAL"] = fmt.Sprint(partitions), "5s"

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

	w.happened()
	for _, p := range []*process{a, b} {
		p.Signal(syscall.SIGTERM)
		p.wait(0, stopTime)
	}
	w.verifyAll(1000)
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
