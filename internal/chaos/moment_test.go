//go:build unix

package chaos_test

import (
	"math/rand/v2"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

// ends are how far the topics reach, with what is not committed: sums over their partitions.
type ends struct{ events, letters, state int64 }

// ends also tells whether no transaction is open. While Kafka is away, or the topics are not there yet, it is zero and false.
func (w *world) ends() (e ends, settled bool) {
	names := []string{w.topic, w.topic + ".dlq", w.topic + ".state"}
	all, err := w.kafka.ListEndOffsets(w.t.Context(), names...)
	if err != nil || all.Error() != nil {
		return ends{}, false
	}
	stable, err := w.kafka.ListCommittedOffsets(w.t.Context(), names...)
	if err != nil || stable.Error() != nil {
		return ends{}, false
	}
	settled = true
	all.Each(func(o kadm.ListedOffset) {
		switch o.Topic {
		case w.topic:
			e.events += o.Offset
		case w.topic + ".dlq":
			e.letters += o.Offset
		default:
			e.state += o.Offset
		}
		s, ok := stable.Lookup(o.Topic, o.Partition)
		settled = settled && ok && s.Offset >= o.Offset
	})
	return e, settled
}

// settle waits until no transaction is open. It waits less than the minute after which Kafka ends one whose owner is
// gone, and longer than it takes to write the marks of one that was ended.
func (w *world) settle() {
	w.t.Helper()
	timer := time.NewTimer(20 * time.Second)
	defer timer.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, settled := w.ends(); settled {
			return
		}
		select {
		case <-tick.C:
		case <-timer.C:
			w.t.Fatal("a transaction was left open")
		}
	}
}

// written is how many records the topics have, committed or not. It is asked for often: one request is faster than two.
func (w *world) written() (n int64) {
	all, err := w.kafka.ListEndOffsets(w.t.Context(), w.topic, w.topic+".dlq", w.topic+".state")
	if err == nil {
		all.Each(func(o kadm.ListedOffset) { n += o.Offset })
	}
	return n
}

// A moment is one at which harm is to be done to a process that works: some time after its first request, after some
// answers, while records are being written, or while a transaction is open. At that last one the process is left stopped
// (SIGSTOP), since the moment would pass.
type moment struct {
	kind  string
	delay time.Duration
	after int // answers
}

// pick draws a moment of one of the kinds.
func pick(random *rand.Rand, kinds ...string) moment {
	m := moment{kind: kinds[random.IntN(len(kinds))]}
	switch m.kind {
	case "time":
		m.delay = time.Duration(random.Int64N(int64(1200 * time.Millisecond)))
	case "answers":
		m.after = 1 + random.IntN(60)
		m.delay = time.Duration(random.IntN(2) * random.IntN(int(20*time.Millisecond)))
	case "writing":
		m.delay = time.Duration(random.IntN(2) * random.IntN(int(20*time.Millisecond)))
	}
	return m
}

// growth waits until the process writes something. It is false if the process ended before.
func (w *world) growth(p *process) bool {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for before := w.written(); w.written() <= before; {
		select {
		case <-tick.C:
		case <-p.Done():
			return false
		}
	}
	return true
}

// unsettled tells whether a transaction is open and stays so: not only until the marks of its end are written.
func (w *world) unsettled() bool {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range 10 {
		if _, settled := w.ends(); settled {
			return false
		}
		<-tick.C
	}
	return true
}

// await waits for the moment, which is never before the process's first request. It is false if the process ended before.
func (w *world) await(p *process, m moment) bool {
	w.t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for w.api.requests() == p.requests {
		select {
		case <-tick.C:
		case <-p.Done():
			return false
		}
	}
	switch m.kind {
	case "answers":
		select {
		case <-w.api.answers(m.after):
		case <-p.Done():
			return false
		}
	case "writing":
		if !w.growth(p) {
			return false
		}
	case "open":
		for w.growth(p) {
			p.Signal(syscall.SIGSTOP)
			if w.unsettled() {
				return true
			}
			p.Signal(syscall.SIGCONT)
		}
		return false
	}
	timer := time.NewTimer(m.delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-p.Done():
		return false
	}
}
