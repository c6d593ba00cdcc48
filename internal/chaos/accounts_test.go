//go:build unix

package chaos_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/program"
	"attemptstream/internal/topics"
)

// A listed company has an accounts file that changes under its processes.
type listed struct {
	*company
	dir  string
	file string
}

// team are accounts of which there is one in each partition, so that whoever has which partitions, the shares stay even and
// nothing has a reason to move.
func team(name string, partitions int) (accounts []string) {
	for partition := range partitions {
		for n := 0; ; n++ {
			account := fmt.Sprintf("%s-%d", name, n)
			if topics.StatePartition(attempt.Account(account), partitions) == partition {
				accounts = append(accounts, account)
				break
			}
		}
	}
	return accounts
}

func (l *listed) write(name, content string) {
	l.t.Helper()
	if err := os.WriteFile(filepath.Join(l.dir, name), []byte(content), 0o600); err != nil {
		l.t.Fatal(err)
	}
}

func (l *listed) list(accounts []string) string {
	l.t.Helper()
	return program.AccountsList(l.t, accounts, func(name string) string { return name + ".key" })
}

// exchange puts another list in the file's place, as editors do.
func (l *listed) exchange(accounts ...[]string) {
	l.t.Helper()
	l.write("next", l.list(slices.Concat(accounts...)))
	if err := os.Rename(filepath.Join(l.dir, "next"), l.file); err != nil {
		l.t.Fatal(err)
	}
}

// get is what the status page's server answers at a path.
func (l *listed) get(p *process, path string) (code int, body string) {
	l.t.Helper()
	res, err := http.Get(p.StatusPage(patience) + path)
	if err != nil {
		l.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		l.t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// The accounts file is changed under two workers: accounts come, go, and come again, and what cannot be taken changes nothing.
// What stays is not disturbed, a change takes effect within seconds, and each event of each account is told once.
func TestAccountsFile(t *testing.T) {
	t.Parallel()
	const partitions = 4
	stay, gone, come, late := team("stay", partitions), team("go", partitions), team("come", partitions), team("late", partitions)
	everybody := slices.Concat(stay, gone, come, late)
	w := &listed{dir: t.TempDir(), company: newCompany(t, everybody, 60)}
	w.file = filepath.Join(w.dir, "accounts.json")
	for _, name := range slices.Concat(stay, gone, come) {
		w.write(name+".key", keyOf(name))
	}
	w.set["IMOCHA_ACCOUNTS_FILE"], w.set["ADMIN_ADDR"] = w.file, "127.0.0.1:0"
	w.set["KAFKA_PARTITIONS"], w.set["STREAM_POLL_INTERVAL"] = fmt.Sprint(partitions), "2s"
	w.exchange(stay, gone)
	a, b := w.start("run"), w.start("run")
	both := []*process{a, b}
	// read waits until the two read these accounts, and no others, each one in one place.
	read := func(what string, accounts ...[]string) {
		t.Helper()
		all, since := slices.Sorted(slices.Values(slices.Concat(accounts...))), time.Now()
		eventually(t, what, func() bool {
			var has []string
			for _, p := range both {
				for name := range p.owned() {
					has = append(has, name)
				}
			}
			slices.Sort(has)
			return slices.Equal(has, all)
		}, func() string { return a.Tail() + b.Tail() })
		t.Logf("%s: after %s", what, time.Since(since).Round(10*time.Millisecond))
	}
	eventually(t, "the two share the accounts", func() bool { return len(a.owned()) == partitions && len(b.owned()) == partitions }, b.Tail)
	taken := func(name string) int {
		return a.Count(`"account taken over"`, `"`+name+`"`) + b.Count(`"account taken over"`, `"`+name+`"`)
	}
	sessions := map[string]int{}
	for _, name := range stay {
		sessions[name] = taken(name)
	}

	w.exchange(gone, come, stay)
	read("accounts are added", gone, come, stay)
	w.exchange(stay, come)
	read("accounts are removed", stay, come)
	for _, p := range both {
		if _, text := w.get(p, "metrics"); strings.Contains(text, `"`+gone[0]+`"`) || !strings.Contains(text, `"`+come[0]+`"`) || !strings.Contains(text, "attemptstream_accounts_file_ok 1") {
			t.Error("the metrics are not those of the accounts that are read")
		}
	}
	// None of that is taken, and each is said once.
	whole := w.list(slices.Concat(stay, come, gone))
	bad := []struct{ content, says string }{
		{whole[:len(whole)/2], "is not valid JSON"},
		{`[]`, "has no accounts"},
		{w.list(slices.Concat(stay, come, stay[:1])), "is there twice"},
		{w.list([]string{"odd name"}), "odd name"},
		{w.list(slices.Concat(stay, come, late)), late[0] + ".key"},
	}
	for _, c := range bad {
		w.write("accounts.json", c.content)
		for _, p := range both {
			p.says("the accounts file cannot be taken", w.file, c.says, "the list as it was stays in force")
			if code, text := w.get(p, "readyz"); code != http.StatusOK || !strings.Contains(text, c.says) {
				t.Errorf("/readyz: %d %s", code, text)
			}
			if _, text := w.get(p, "status"); !strings.Contains(text, "accountsFileProblem") || !strings.Contains(text, w.file) {
				t.Errorf("/status does not name the file")
			}
		}
	}
	read("what cannot be taken changes nothing", stay, come)
	// The keys of the last list come, one after the other.
	for _, name := range late {
		w.write(name+".key", keyOf(name))
	}
	read("the keys have come", stay, come, late)
	w.exchange(late, stay, gone, come)
	read("accounts come again", late, stay, gone, come)
	for _, name := range stay {
		if n := taken(name) - sessions[name]; n != 0 {
			t.Errorf("account %s, which stayed, has begun %d more sessions", name, n)
		}
	}

	w.happened()
	for _, p := range both {
		if n, most := p.Count("the accounts file cannot be taken"), len(bad)+len(late)-1; n < len(bad) || n > most {
			t.Errorf("the log says %d times that the file cannot be taken, want %d to %d", n, len(bad), most)
		}
		p.Signal(syscall.SIGTERM)
		p.wait(0, stopTime)
	}
	w.verifyAll(500)
}
