package ownership

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"

	"github.com/segmentio/kafka-go"
	"go.uber.org/zap"
)

// silent is a way to a broker that never answers, and that takes down that it was asked.
type silent struct{ asked chan struct{} }

func (s *silent) RoundTrip(ctx context.Context, _ net.Addr, _ kafka.Request) (kafka.Response, error) {
	select {
	case s.asked <- struct{}{}:
	default:
	}
	<-ctx.Done()
	return nil, ctx.Err()
}

// A member whose lease has ended does not join again before the work that it did under it has ended. It would claim what is
// somebody else's by now, and who decides would believe the one or the other.
func TestNothingIsClaimedWithoutALease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		wire := &silent{asked: make(chan struct{}, 1)}
		g := New(Config{Kafka: &kafka.Client{Addr: kafka.TCP("127.0.0.1:1"), Transport: wire}, Group: "group", Topic: "state",
			Accounts: []int{1}, Log: zap.NewNop()})
		work, cancel := context.WithCancel(t.Context())
		defer cancel()
		ended := make(chan struct{})
		g.tenures[0] = &tenure{cancel: cancel, done: ended}
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		result := make(chan error, 1)
		go func() {
			_, err := g.rebalance(ctx, nil)
			result <- err
		}()
		synctest.Wait()
		if work.Err() == nil {
			t.Error("it is not told to end its work")
		}
		select {
		case <-wire.asked:
			t.Fatal("it joins while it works on what it has no lease for")
		default:
		}
		close(ended)
		<-wire.asked
		if claims := g.claims(); len(claims) != 0 {
			t.Errorf("it claims %v", claims)
		}
		stop()
		if err := <-result; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}
