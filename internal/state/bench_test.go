//go:build unix

package state_test

import (
	"fmt"
	"runtime"
	"syscall"
	"testing"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/brokertest"
	"attemptstream/internal/kafkatest"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/state"
)

// A history is what was told of an account, and in how many transactions it was written.
type history struct {
	name   string
	ids    int64
	id     func(i int64) int64
	window int64 // ids in a transaction
}

// histories are those of three statuses, with some invitations that came back, and
//   - dense: ids as iMocha gives them, with a few holes, compacted: every block is there once;
//   - written: the same, as it is written in windows of 1,000 ids, before any compaction;
//   - hundredth: an account that has every hundredth id or so;
//   - random: ids at random, a record for each.
var histories = []history{
	{"dense/10M", 10_000_000, dense, 10_000_000},
	{"dense/100M", 100_000_000, dense, 100_000_000},
	{"written/10M", 10_000_000, dense, 1000},
	{"hundredth/10M", 10_000_000, func(i int64) int64 { return 2_655_161 + i*100 + i*i%61 }, 10_000_000},
	{"random/1M", 1_000_000, func(i int64) int64 { return int64(uint64(i+1) * 0x9e3779b97f4a7c15 >> 1) }, 50_000},
}

// dense leaves out one id in 50 or so.
func dense(i int64) int64 { return 2_655_161 + i + i/49 + i/1013 }

// write writes a history; told is how many (id, status) it has.
func (h history) write(b *testing.B, topic *stateTopic) (told int64) {
	p := topic.producer("default")
	a := topic.recover("default")
	c := newLife(a, 1)
	c.change() // a checkpoint
	for i := range h.ids {
		status := [...]attempt.Status{"Completed", "Completed", "Expired", "Completed", "Completed", "Cancelled", "Completed", "Expired", "Completed", "Completed"}[i*7%10]
		a.Index.Tell(h.id(i), status)
		if i%100 == 2 {
			a.Index.Tell(h.id(i), "Completed")
		}
		if (i+1)%h.window == 0 || i+1 == h.ids {
			c.Checkpoint.States[attempt.Completed].Front++
			records, err := a.AppendRecords(nil)
			if err != nil {
				b.Fatal(err)
			}
			for len(records) > 0 { // a broker takes its time for very large transactions
				n := min(len(records), 50_000)
				if err := p.Commit(b.Context(), records[:n]); err != nil {
					b.Fatal(err)
				}
				records = records[n:]
			}
			a.Commit()
		}
	}
	return a.Index.Told()
}

// BenchmarkRecover recovers an account. cpu-s/op is the processor time, user and system, of this process; the embedded
// broker is in it. B/id is the heap that the memory takes.
func BenchmarkRecover(b *testing.B) {
	for _, h := range histories {
		b.Run(h.name, func(b *testing.B) {
			for where, brokers := range map[string]func() []string{
				"embedded": func() []string { return brokertest.Embedded(b) },
				"kafka":    func() []string { return kafkatest.Shared(b).Addrs() },
			} {
				var topic *stateTopic
				var told int64
				b.Run(where, func(b *testing.B) {
					if topic == nil {
						topic = newTopic(b, brokers())
						told = h.write(b, topic)
						topic.client = kafkatx.NewClient(kafkatx.Config{Brokers: topic.brokers, MetadataTopics: []string{topic.at.Topic}})
					}
					benchRecover(b, topic, told)
				})
			}
		})
	}
}

func benchRecover(b *testing.B, topic *stateTopic, told int64) {
	topic.producer("default") // until it is visible
	before := heap()
	began, cpu := time.Now(), cpuTime(b)
	b.ReportAllocs()
	var a *state.Account
	for b.Loop() {
		a = nil
		var err error
		if a, err = state.Recover(b.Context(), topic.client, topic.at, "default"); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric((cpuTime(b)-cpu).Seconds()/float64(b.N), "cpu-s/op")
	b.ReportMetric(time.Since(began).Seconds()/float64(b.N), "s/op")
	if a.Index.Told() != told {
		b.Fatalf("%d told, want %d", a.Index.Told(), told)
	}
	b.ReportMetric(float64(int64(heap())-int64(before))/float64(told), "B/id")
	runtime.KeepAlive(a)
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// cpuTime is what this process has used.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(fmt.Errorf("getrusage: %w", err))
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
