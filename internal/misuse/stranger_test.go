//go:build unix

package misuse_test

import (
	"context"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"attemptstream/internal/kafkatest"
	"attemptstream/internal/program"
	"attemptstream/internal/stage"
)

// A stranger is a consumer that was given the group of the workers by mistake.
type stranger struct {
	t      testing.TB
	client *kgo.Client
	cancel context.CancelFunc
	done   chan struct{}
	has    atomic.Int64 // partitions
}

func enter(t testing.TB, s *stage.Stage, opts ...kgo.Opt) *stranger {
	t.Helper()
	x := &stranger{t: t, done: make(chan struct{})}
	count := func(sign int64) func(context.Context, *kgo.Client, map[string][]int32) {
		return func(_ context.Context, _ *kgo.Client, given map[string][]int32) {
			for _, partitions := range given {
				x.has.Add(sign * int64(len(partitions)))
			}
		}
	}
	var err error
	x.client, err = kgo.NewClient(append(opts, kgo.SeedBrokers(s.Brokers...), kgo.ConsumerGroup(s.Group()), kgo.ConsumeTopics(s.Topic+".state"),
		kgo.SessionTimeout(6*time.Second), kgo.HeartbeatInterval(time.Second),
		kgo.OnPartitionsAssigned(count(1)), kgo.OnPartitionsRevoked(count(-1)), kgo.OnPartitionsLost(count(-1)))...)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	x.cancel = cancel
	go func() {
		defer close(x.done)
		for ctx.Err() == nil {
			x.client.PollFetches(ctx).EachError(func(_ string, _ int32, err error) {
				if testing.Verbose() && ctx.Err() == nil {
					t.Log("the stranger is told:", err)
				}
			})
		}
	}()
	t.Cleanup(x.leave)
	return x
}

// leave ends the stranger. It can be called twice.
func (x *stranger) leave() {
	x.cancel()
	<-x.done
	x.client.Close()
}

func (x *stranger) in() {
	x.t.Helper()
	program.Eventually(x.t, stage.Patience, "the stranger is in the group", func() bool { return x.has.Load() > 0 }, func() string { return "" })
}

// Something else joins the group of the workers: before one begins, in vain while one is in it, and while one is away for too
// long. Workers name the group and what to do; when the stranger is gone, all goes on.
func TestStranger(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string][]kgo.Opt{
		"range":       {kgo.Balancers(kgo.RangeBalancer())},
		"cooperative": {kgo.Balancers(kgo.CooperativeStickyBalancer())},
		"static":      {kgo.InstanceID("stranger"), kgo.Balancers(kgo.RangeBalancer())},
		"server":      {kgo.ServerSideBalancer(), kgo.Balancers(kgo.StickyBalancer())},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := stage.New(t, kafkatest.Shared(t).Addrs(), 1)
			first := s.Start("run")
			s.Progress(first)
			stage.Stop(first)

			x := enter(t, s, opts...)
			x.in()
			late := s.Start("run")
			late.Wait(1, stage.Patience)
			late.Says(stage.Patience, "error: ", "joined by something", s.Group(), "kafka-consumer-groups.sh")
			x.leave()

			w := s.Start("run")
			if name == "static" { // it stays a member until its session ends, and a supervisor starts the worker again
				program.Eventually(t, stage.Patience, "the worker takes the account over", func() bool {
					if w.Ended() {
						w = s.Start("run")
					}
					return w.Count("account taken over") > 0
				}, func() string { return w.Tail() })
			}
			s.Progress(w)

			x = enter(t, s, opts...)
			s.Progress(w) // twice: it has had time to be given something
			s.Progress(w)
			if n := x.has.Load(); n != 0 {
				t.Errorf("a stranger got %d partitions of a group in which a worker is", n)
			}
			w.Signal(syscall.SIGSTOP)
			x.in() // when the worker's session has ended
			w.Signal(syscall.SIGCONT)
			w.Says(stage.Patience, "joined by something", s.Group(), "tried again for ever")
			x.leave()
			s.Progress(w)
			stage.Stop(w)
			s.Verify()
		})
	}
}
