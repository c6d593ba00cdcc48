//go:build unix

package chaos_test

import (
	"encoding/json"
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
	"attemptstream/internal/imochasim"
	"attemptstream/internal/imochasim/ledger"
	"attemptstream/internal/kafkatest"
	"attemptstream/internal/topics"
	"attemptstream/internal/witness"
)

// A listed world has an accounts file that changes under its processes.
type listed struct {
	*world
	dir  string
	file string
}

// team are accounts of which there is one in each partition, so that whoever has which partitions, the shares stay even and
// nothing has a reason to move.
func (l *listed) team(name string, partitions int) (accounts []string) {
	l.t.Helper()
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
	type entry struct {
		Name       string `json:"name"`
		APIKeyFile string `json:"apiKeyFile"`
	}
	list := make([]entry, len(accounts))
	for i, name := range accounts {
		list[i] = entry{name, name + ".key"}
	}
	text, err := json.Marshal(list)
	if err != nil {
		l.t.Fatal(err)
	}
	return string(text)
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
	var said struct{ URL string }
	if err := json.Unmarshal([]byte(p.Says(patience, "status page", "url")), &said); err != nil {
		l.t.Fatal(err)
	}
	res, err := http.Get(strings.TrimSuffix(said.URL, "/") + path)
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
	w := &listed{dir: t.TempDir(), world: newWorld(t, kafkatest.Shared(t).Addrs(), imochasim.Config{Boundary: imochasim.ExclusiveStart, Seed: 12}, imochasim.Lives{}, 0)}
	w.file = filepath.Join(w.dir, "accounts.json")
	stay, gone, come, late := w.team("stay", partitions), w.team("go", partitions), w.team("come", partitions), w.team("late", partitions)
	everybody := slices.Concat(stay, gone, come, late)
	keys := map[string]string{}
	now := time.Now().Truncate(time.Second)
	w.from, w.to = now.Add(-time.Minute), now.Add(time.Minute)
	for i, name := range everybody {
		keys[apiKey+"-"+name] = name
		if !slices.Contains(late, name) {
			w.write(name+".key", apiKey+"-"+name)
		}
		l := lives(uint64(i), 60)
		l.Speed, l.Late, l.BurstsPerDay = 1500, 0, 0 // a day in a minute
		if err := w.sim.Populate(name, l, w.from, w.to); err != nil {
			t.Fatal(err)
		}
	}
	w.sim.SetKeys(keys)
	delete(w.set, "IMOCHA_API_KEY")
	for name, value := range map[string]string{
		"IMOCHA_ACCOUNTS_FILE": w.file, "KAFKA_PARTITIONS": fmt.Sprint(partitions), "STREAM_START_AT": w.from.Format(time.RFC3339),
		"STREAM_POLL_INTERVAL": "2s", "STREAM_SETTLE_DELAY": "1s", "STREAM_LOOKBACK": "0", "ADMIN_ADDR": "127.0.0.1:0",
	} {
		w.set[name] = value
	}
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
		if _, text := w.get(p, "/metrics"); strings.Contains(text, `"`+gone[0]+`"`) || !strings.Contains(text, `"`+come[0]+`"`) || !strings.Contains(text, "attemptstream_accounts_file_ok 1") {
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
			if code, text := w.get(p, "/readyz"); code != http.StatusOK || !strings.Contains(text, c.says) {
				t.Errorf("/readyz: %d %s", code, text)
			}
			if _, text := w.get(p, "/status"); !strings.Contains(text, "accountsFileProblem") || !strings.Contains(text, w.file) {
				t.Errorf("/status does not name the file")
			}
		}
	}
	read("what cannot be taken changes nothing", stay, come)
	// The keys of the last list come, one after the other.
	for _, name := range late {
		w.write(name+".key", apiKey+"-"+name)
	}
	read("the keys have come", stay, come, late)
	w.exchange(late, stay, gone, come)
	read("accounts come again", late, stay, gone, come)
	for _, name := range stay {
		if n := taken(name) - sessions[name]; n != 0 {
			t.Errorf("account %s, which stayed, has begun %d more sessions", name, n)
		}
	}

	for time.Now().Before(w.to.Add(time.Second)) {
		time.Sleep(100 * time.Millisecond)
	}
	for _, p := range both {
		if n, most := p.Count("the accounts file cannot be taken"), len(bad)+len(late)-1; n < len(bad) || n > most {
			t.Errorf("the log says %d times that the file cannot be taken, want %d to %d", n, len(bad), most)
		}
		p.Signal(syscall.SIGTERM)
		p.wait(0, stopTime)
	}
	w.start("run", "--once").wait(0, patience)
	required, found := 0, 0
	events := witness.AllEvents(t, w.brokers, w.topic)
	for _, name := range everybody {
		expected := w.sim.Expected(name, ledger.Scope{From: w.from, To: w.to, Seen: time.Now()})
		observed := events[attempt.Account(name)]
		required, found = required+expected.Required(), found+len(observed)
		if problems := ledger.Check(expected, observed); len(problems) > 0 {
			t.Errorf("account %s: %d problems, the first: %v", name, len(problems), problems[0])
		}
	}
	t.Logf("%d events of %d accounts, %d required", found, len(everybody), required)
	if required < 500 {
		t.Error("too little had to be told: the test shows nothing")
	}
}
