package embedded_test

import (
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kversion"

	"attemptstream/internal/embedded"
)

// protocol1 makes producers write as this program does: an epoch lasts for many transactions.
func protocol1() kgo.Opt { return kgo.MaxVersions(kversion.V3_0_0()) }

// A broker that dies while it writes the markers of a transaction has ended it, in all partitions.
func TestBrokerFinishesWhatItBegan(t *testing.T) {
	t.Parallel()
	const partitions = 3
	dir := t.TempDir()
	b := start(t, dir)
	createTopic(t, b.Addr(), "events", partitions, nil)
	p := producer(t, b.Addr(), "worker", protocol1())
	if err := transact(testContext(t), p, kgo.TryCommit, everywhere("events", "first", partitions)...); err != nil {
		t.Fatal(err)
	}
	if err := p.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := p.ProduceSync(testContext(t), everywhere("events", "second", partitions)...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		ended  bool
		commit bool
		want   []string
	}{
		"open":             {want: []string{"first", "third"}},
		"committed in one": {ended: true, commit: true, want: []string{"first", "second", "third"}},
		"aborted in one":   {ended: true, want: []string{"first", "third"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := snapshot(t, dir)
			if test.ended {
				if err := embedded.EndPartly(dir, "events", 1, test.commit); err != nil {
					t.Fatal(err)
				}
			}
			b := start(t, dir)
			mustSee(t, b.Addr(), "events", test.want[:len(test.want)-1]...)
			p := producer(t, b.Addr(), "worker")
			if err := transact(testContext(t), p, kgo.TryCommit, everywhere("events", "third", partitions)...); err != nil {
				t.Fatal(err)
			}
			mustSee(t, b.Addr(), "events", test.want...)

			// What was decided once stays.
			b = start(t, snapshot(t, dir))
			mustSee(t, b.Addr(), "events", test.want...)
		})
	}
}

// The same, with the files that a real commit leaves.
func TestBrokerNotesCommits(t *testing.T) {
	t.Parallel()
	const partitions = 3
	for _, end := range []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryAbort} {
		dir := t.TempDir()
		b := start(t, dir)
		createTopic(t, b.Addr(), "events", partitions, nil)
		p := producer(t, b.Addr(), "worker", protocol1())
		if err := p.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if err := p.ProduceSync(testContext(t), everywhere("events", "first", partitions)...).FirstErr(); err != nil {
			t.Fatal(err)
		}
		before := snapshot(t, dir)
		if err := p.EndTransaction(testContext(t), end); err != nil {
			t.Fatal(err)
		}
		// The markers of two partitions were not written yet.
		dead := snapshot(t, dir)
		for _, name := range []string{"events-0/0.dat", "events-0/0.idx", "events-2/0.dat", "events-2/0.idx"} {
			name = filepath.Join("kafka", "partitions", filepath.FromSlash(name))
			info, err := os.Stat(filepath.Join(before, name))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(filepath.Join(dead, name), info.Size()); err != nil {
				t.Fatal(err)
			}
		}
		var want []string
		if end == kgo.TryCommit {
			want = []string{"first"}
		}
		mustSee(t, start(t, dead).Addr(), "events", want...)
	}
}

// The producer of a transaction that the start has aborted lives on, and must not take it for committed.
func TestBrokerFencesProducersItAborted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := start(t, dir)
	createTopic(t, b.Addr(), "events", 1, nil)
	p := producer(t, b.Addr(), "worker", protocol1())
	if err := transact(testContext(t), p, kgo.TryCommit, everywhere("events", "first", 1)...); err != nil {
		t.Fatal(err)
	}
	if err := p.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := p.ProduceSync(testContext(t), everywhere("events", "second", 1)...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	addr := b.Addr()
	dir = snapshot(t, dir)
	stop(t, b)
	again, err := embedded.Start(embedded.Config{Addr: addr, DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer stop(t, again)
	if err := p.EndTransaction(testContext(t), kgo.TryCommit); err == nil {
		t.Error("the commit of an aborted transaction succeeded")
	}
	mustSee(t, addr, "events", "first")
}

// latest reads a compacted topic of one partition: the last value of each key.
func latest(t *testing.T, addr, topic string) map[string]string {
	t.Helper()
	last := make(map[string]string)
	cl := client(t, addr, kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}))
	defer cl.Close()
	for {
		fetches := cl.PollFetches(testContext(t))
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		var end bool
		fetches.EachPartition(func(p kgo.FetchTopicPartition) {
			for _, r := range p.Records {
				if !r.Attrs.IsControl() {
					last[string(r.Key)] = string(r.Value)
				}
				end = r.Offset == p.HighWatermark-1
			}
		})
		if end {
			return last
		}
	}
}

func sizeOf(t *testing.T, dir string) (size int64) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "kafka", "partitions", "*", "*.dat"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		info, err := os.Stat(f)
		if err != nil {
			t.Fatal(err)
		}
		size += info.Size()
	}
	return size
}

func TestBrokerCompacts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := start(t, dir)
	compact := "compact"
	createTopic(t, b.Addr(), "state", 1, map[string]*string{"cleanup.policy": &compact})
	p := producer(t, b.Addr(), "worker")
	// Older than any default retention: kfake cuts compacted topics too.
	old := time.Now().AddDate(-1, 0, 0)
	for i, v := range numbers(40) {
		end := kgo.TryCommit
		if i%4 == 3 {
			end = kgo.TryAbort
		}
		err := transact(testContext(t), p, end,
			&kgo.Record{Topic: "state", Key: []byte{'a' + byte(i%5)}, Value: []byte(v), Timestamp: old},
			&kgo.Record{Topic: "state", Key: []byte{'p' + byte(i%3)}, Value: []byte(v), Timestamp: old})
		if err != nil {
			t.Fatal(err)
		}
	}
	want := latest(t, b.Addr(), "state")
	if len(want) != 8 {
		t.Fatalf("got %v", want)
	}
	killed := snapshot(t, dir)
	stop(t, b)
	compacting := func(dir string) *embedded.Broker {
		b, err := embedded.Start(embedded.CompactFrom(embedded.Config{Addr: ":0", DataDir: dir}, 1))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { stop(t, b) })
		return b
	}
	for _, dir := range []string{dir, killed} {
		before := sizeOf(t, dir)
		b := compacting(dir)
		if after := sizeOf(t, dir); after > before*3/4 {
			t.Errorf("%d bytes of %d are left", after, before)
		}
		if got := latest(t, b.Addr(), "state"); !maps.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}

		// A death in the middle of it: the copies are there, files are gone.
		dead := snapshot(t, dir)
		partition := filepath.Join("kafka", "partitions", "state-0")
		if err := os.CopyFS(filepath.Join(embedded.Copies(dead), "state-0"), os.DirFS(filepath.Join(dead, partition))); err != nil {
			t.Fatal(err)
		}
		files, err := filepath.Glob(filepath.Join(dead, partition, "*.dat"))
		if err != nil || len(files) == 0 {
			t.Fatal(files, err)
		}
		for _, f := range files {
			if err := os.Remove(f); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 {
			b = compacting(dead)
			if got := latest(t, b.Addr(), "state"); !maps.Equal(got, want) {
				t.Errorf("after a death: got %v, want %v", got, want)
			}
			stop(t, b)
		}
		if _, err := os.Stat(embedded.Copies(dead)); !os.IsNotExist(err) {
			t.Errorf("the copies are left: %v", err)
		}
	}
}
