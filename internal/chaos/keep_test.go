//go:build unix

package chaos_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"attemptstream/internal/imochasim/ledger"
)

// keep writes all that is known of a plan that failed into a folder that stays: the lines, what workers, brokers and the
// API have written, the ledgers, and all records, committed or not.
func (s *stage) keep(again string) {
	dir, err := os.MkdirTemp("", fmt.Sprintf("attemptstream-chaos-seed-%d-", s.plan.seed))
	if err != nil {
		s.t.Errorf("nothing was kept: %v", err)
		return
	}
	write := func(name string, text []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			s.t.Errorf("not kept: %v", err)
		}
	}
	s.mu.Lock()
	lines, problems := strings.Join(s.lines, "\n"), strings.Join(s.problems, "\n\n")
	s.mu.Unlock()
	var faults strings.Builder
	for i, f := range s.plan.faults {
		fmt.Fprintln(&faults, i+1, f)
	}
	write("lines", []byte(lines+"\n"))
	write("problems", []byte(problems+"\n"))
	write("plan", []byte(faults.String()))
	s.crew.mu.Lock()
	for i, p := range s.crew.all {
		write(s.crew.names[i]+".log", []byte(p.Output()))
	}
	write("ended", []byte(strings.Join(s.crew.ended, "\n\n")))
	s.crew.mu.Unlock()
	write("simulation.log", []byte(s.sim.Log()))
	for i := range chaosBrokers {
		log, err := s.cluster.Log(i)
		if err != nil {
			log = []byte(err.Error())
		}
		write(fmt.Sprintf("broker-%d.log", i+1), log)
	}
	for _, name := range s.sim.Accounts {
		var entries bytes.Buffer
		_ = ledger.Write(&entries, s.sim.Ledger(name)) // into memory
		write("ledger-"+string(name)+".jsonl", entries.Bytes())
	}
	for _, topic := range s.probe.names() {
		write(topic+".jsonl", s.dump(topic))
	}
	fmt.Fprintf(s.t.Output(), "seed %d: all that was written is in %s\nseed %d: again: %s\n", s.plan.seed, dir, s.plan.seed, again)
}

// dump is all records of a topic, committed or not, and who wrote them.
func (s *stage) dump(topic string) []byte {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	ends, err := s.probe.kafka.ListEndOffsets(ctx, topic)
	if err != nil {
		return []byte(err.Error())
	}
	left := int64(0)
	ends.Each(func(o kadm.ListedOffset) { left += o.Offset })
	client, err := kgo.NewClient(kgo.SeedBrokers(s.cluster.Addrs()...), kgo.ConsumeTopics(topic), kgo.KeepControlRecords(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return []byte(err.Error())
	}
	defer client.Close()
	var out strings.Builder
	done := map[int32]bool{}
	ends.Each(func(o kadm.ListedOffset) { done[o.Partition] = o.Offset == 0 })
	all := func() bool {
		for _, d := range done {
			if !d {
				return false
			}
		}
		return true
	}
	for !all() && ctx.Err() == nil {
		client.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
			line, _ := json.Marshal(map[string]any{"p": r.Partition, "o": r.Offset, "t": r.Timestamp, "pid": r.ProducerID, "epoch": r.ProducerEpoch,
				"control": r.Attrs.IsControl(), "key": string(r.Key), "value": string(r.Value)}) // strings and numbers only
			out.Write(append(line, '\n'))
			if end, ok := ends.Lookup(topic, r.Partition); ok && r.Offset >= end.Offset-1 {
				done[r.Partition] = true
			}
		})
	}
	return []byte(out.String())
}
