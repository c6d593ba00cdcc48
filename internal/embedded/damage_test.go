package embedded_test

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"attemptstream/internal/embedded"
)

// written makes a data directory with some transactions, as it is while its broker runs and after that was closed.
func written(t *testing.T) (running, closed string) {
	t.Helper()
	closed = t.TempDir()
	b := start(t, closed)
	createTopic(t, b.Addr(), "events", 2, nil)
	p := producer(t, b.Addr(), "worker")
	if err := transact(testContext(t), p, kgo.TryAbort, everywhere("events", "aborted", 2)...); err != nil {
		t.Fatal(err)
	}
	for _, v := range numbers(4) {
		if err := transact(testContext(t), p, kgo.TryCommit, everywhere("events", v, 2)...); err != nil {
			t.Fatal(err)
		}
	}
	groupRead(t, b.Addr(), "downstream", "events", 2)
	running = snapshot(t, closed)
	stop(t, b)
	return running, closed
}

// offsets are the partitions for which a group has committed offsets.
func offsets(t *testing.T, addr, group string) (partitions []int32) {
	t.Helper()
	all, err := kadm.NewClient(client(t, addr)).FetchOffsets(testContext(t), group)
	if err != nil {
		t.Fatal(err)
	}
	all.Each(func(o kadm.OffsetResponse) { partitions = append(partitions, o.Partition) })
	return partitions
}

func edit(t *testing.T, name string, change func([]byte) []byte) {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, change(raw), 0o600); err != nil {
		t.Fatal(err)
	}
}

func cut(bytes int) func([]byte) []byte { return func(b []byte) []byte { return b[:len(b)-bytes] } }

func flip(at int) func([]byte) []byte {
	return func(b []byte) []byte {
		b[(at+len(b))%len(b)] ^= 0x55
		return b
	}
}

func replace(with string) func([]byte) []byte { return func([]byte) []byte { return []byte(with) } }

func TestBrokerRefusesDamage(t *testing.T) {
	t.Parallel()
	running, closed := written(t)
	tests := map[string]struct {
		dir    string
		name   string              // below kafka/
		change func([]byte) []byte // nil: removed
		fine   bool
	}{
		"nothing, killed":            {dir: running, name: "meta.json", change: cut(0), fine: true},
		"nothing, closed":            {dir: closed, name: "meta.json", change: cut(0), fine: true},
		"interrupted write":          {dir: running, name: "partitions/events-0/0.dat", change: cut(3), fine: true},
		"segment cut after a close":  {dir: closed, name: "partitions/events-0/0.dat", change: cut(3)},
		"segment changed":            {dir: running, name: "partitions/events-0/0.dat", change: flip(100)},
		"segment changed at its end": {dir: closed, name: "partitions/events-1/0.dat", change: flip(-1)},
		"offset changed":             {dir: closed, name: "partitions/events-1/0.dat", change: flip(150)},
		"index changed":              {dir: running, name: "partitions/events-0/0.idx", change: flip(14), fine: true},
		"index cut":                  {dir: running, name: "partitions/events-0/0.idx", change: cut(15), fine: true},
		"index gone":                 {dir: closed, name: "partitions/events-0/0.idx", fine: true},
		"snapshot changed":           {dir: closed, name: "partitions/events-0/snapshot.json", change: replace("{")},
		"producers interrupted":      {dir: running, name: "pids.log", change: cut(2), fine: true},
		"producers changed":          {dir: running, name: "pids.log", change: flip(20)},
		"groups interrupted":         {dir: running, name: "groups.log", change: cut(2), fine: true},
		"groups changed":             {dir: closed, name: "groups.log", change: flip(20)},
		"topics changed":             {dir: closed, name: "topics.json", change: replace(`{"topics":7}`)},
		"topics gone":                {dir: closed, name: "topics.json"},
		"meta changed":               {dir: closed, name: "meta.json", change: replace("")},
		"meta gone":                  {dir: closed, name: "meta.json"},
		"of a newer version":         {dir: closed, name: "meta.json", change: replace(`{"version":99}`)},
		"settings changed":           {dir: closed, name: "broker_configs.json", change: replace("[]")},
		"sequences changed":          {dir: closed, name: "seq_windows.json", change: replace("x")},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := snapshot(t, test.dir)
			file := filepath.Join(dir, "kafka", filepath.FromSlash(test.name))
			if test.change == nil {
				if err := os.Remove(file); err != nil {
					t.Fatal(err)
				}
			} else {
				edit(t, file, test.change)
			}
			b, err := embedded.Start(embedded.Config{Addr: ":0", DataDir: dir})
			if err == nil {
				defer stop(t, b)
			}
			if test.fine {
				if err != nil {
					t.Fatal(err)
				}
				// Of an interrupted write only that one is gone, and it is no commit then.
				want := numbers(4)
				for p, got := range committed(t, b.Addr(), "events") {
					if len(got) < 3 || strings.Join(got, " ") != strings.Join(want[:len(got)], " ") {
						t.Errorf("partition %d: %q", p, got)
					}
				}
				// What is written from here on is there after another death.
				p := producer(t, b.Addr(), "another")
				before := committed(t, b.Addr(), "events")
				for _, end := range []kgo.TransactionEndTry{kgo.TryAbort, kgo.TryCommit} {
					if err := transact(testContext(t), p, end, everywhere("events", "new", 2)...); err != nil {
						t.Fatal(err)
					}
				}
				group := groupRead(t, b.Addr(), "another", "events", 1)
				again := start(t, snapshot(t, dir))
				for p, got := range committed(t, again.Addr(), "events") {
					if want := append(before[p], "new"); !slices.Equal(got, want) {
						t.Errorf("partition %d: %q, want %q", p, got, want)
					}
				}
				if len(offsets(t, again.Addr(), "another")) != len(group) {
					t.Error("the group's offset is gone")
				}
				return
			}
			if !errors.Is(err, embedded.ErrDamaged) || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "move it away") {
				t.Fatalf("got %v", err)
			}
		})
	}
}

// Whatever becomes of the files, the broker starts or says that they are damaged.
func TestBrokerSurvivesAnyDamage(t *testing.T) {
	t.Parallel()
	running, closed := written(t)
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	for range 60 {
		dir := snapshot(t, []string{running, closed}[random.IntN(2)])
		var files []string
		err := filepath.WalkDir(filepath.Join(dir, "kafka"), func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				files = append(files, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		file := files[random.IntN(len(files))]
		edit(t, file, func(b []byte) []byte {
			switch n := len(b); {
			case n == 0:
				return []byte{byte(random.Uint32())}
			case random.IntN(2) == 0:
				return b[:random.IntN(n)]
			default:
				b[random.IntN(n)] = byte(random.Uint32())
				return b
			}
		})
		b, err := embedded.Start(embedded.Config{Addr: ":0", DataDir: dir})
		if err == nil {
			err = b.Close()
		}
		if err != nil && !errors.Is(err, embedded.ErrDamaged) {
			t.Fatalf("seed %d, %s: %v", seed, file, err)
		}
	}
}
