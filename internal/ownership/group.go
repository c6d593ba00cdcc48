package ownership

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"go.uber.org/zap"
)

const (
	// SessionTimeout is how long a worker may not be heard of before its accounts are given to others. A shorter one would
	// take pauses of a busy machine for its death; brokers allow from 6 s on.
	SessionTimeout = 10 * time.Second

	// heartbeatInterval is also how long it takes to notice that the group is being rearranged.
	heartbeatInterval = time.Second

	// rebalanceTimeout is how long the coordinator waits for members to join again. They do within a heartbeat, since
	// nothing has to be ended first.
	rebalanceTimeout = SessionTimeout

	// requestTime is the deadline of a request that is answered at once: a few tries must fit into the session.
	requestTime = 3 * time.Second

	// joinTime is that of JoinGroup and SyncGroup, which wait for the other members, and in an empty group for
	// group.initial.rebalance.delay.ms (3 s where nobody has changed it).
	joinTime = rebalanceTimeout + SessionTimeout/2

	// leaveTime is how long Kafka may take to hear that a worker leaves. If it does not hear it, the session ends.
	leaveTime = 2 * time.Second
)

// GroupID is the name of the consumer group by which the workers of a topic of events share the accounts.
func GroupID(events string) string { return events + ".attemptstream" }

// Config describes a worker's membership.
type Config struct {
	Kafka    *kafka.Client // its connections are used
	Group    string        // see GroupID
	Topic    string        // of the state
	Accounts []int         // how many are in each of its partitions, at first; see SetAccounts
	ClientID string        // under which the group shows this worker
	// TellPause is how long other numbers of accounts wait before the group is told of them; 0: see there.
	TellPause time.Duration
	Log       *zap.Logger
}

// A Group is this worker's membership in it.
type Group struct {
	kafka      *kafka.Client
	name       string
	topic      string
	client     string
	partitions int // of the topic
	log        *zap.Logger

	mu         sync.Mutex
	knows      knows
	member     string // id; empty: none yet
	generation int32
	told       int32     // the last generation that was logged
	until      time.Time // when the lease ends; zero: there is none
	alarm      *time.Timer
	lost       chan struct{}   // closed when the lease has ended
	confirmed  time.Time       // when the last heartbeat was sent that was answered with "as before"
	news       chan struct{}   // closed when confirmed changes
	trouble    error           // why the group cannot be joined; nil: it can, or nobody has tried yet
	tenures    map[int]*tenure // by partition
	revoked    chan struct{}   // closed when the work on all that the last assignment has taken away has ended; nil: nothing was
	prompt     chan struct{}   // asks for a heartbeat
}

// A tenure is the time in which a partition is ours.
type tenure struct {
	cancel context.CancelFunc
	ending bool
	done   chan struct{} // closed when the work on it has ended
}

// New is a membership. It does nothing before Run.
func New(c Config) *Group {
	return &Group{
		kafka: c.Kafka, name: c.Group, topic: c.Topic, client: c.ClientID, log: c.Log,
		partitions: len(c.Accounts), knows: knows{accounts: slices.Clone(c.Accounts), pause: cmp.Or(c.TellPause, tellPause)},
		news: make(chan struct{}), lost: closed(), tenures: map[int]*tenure{}, prompt: make(chan struct{}, 1),
	}
}

func closed() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}

// Run is a member of the group until ctx ends: nil. It calls own in a goroutine of its own for each partition, from when
// it is this worker's until its ctx ends; own may return earlier, and has to return soon after. For one partition there is
// never more than one call. When Run returns, all of them have.
//
// The error says what somebody has to mend before this worker can be a member.
func (g *Group) Run(ctx context.Context, own func(ctx context.Context, partition int)) error {
	defer g.leave()
	pause, counted := firstPause, false
	var failing, said time.Time // since when nothing else was answered, and when that was logged; zero: it is not so
	for ctx.Err() == nil {
		what, err := g.rebalance(ctx, own)
		g.note(what, err)
		switch {
		case ctx.Err() != nil:
		case what == carryOn:
			pause, counted, failing, said = firstPause, true, time.Time{}, time.Time{}
			g.hold(ctx)
		case what == rejoin, what == forgotten, what == takeMember:
			// At once, but not in a circle without end.
			sleep(ctx, rejoinPause)
		case what == mendFirst && !counted:
			return err
		default:
			now := time.Now()
			if failing.IsZero() {
				failing = now
			}
			if now.Sub(failing) >= sayFirst && now.Sub(said) > sayAgain {
				said = now
				g.log.Warn("the group by which workers share the accounts cannot be joined, and is tried again for ever", zap.String("group", g.name),
					zap.Error(err))
			}
			g.refresh()
			sleep(ctx, pause)
			pause = min(2*pause, lastPause)
		}
	}
	return nil
}

// Pauses between two tries to join.
const (
	rejoinPause = 10 * time.Millisecond
	firstPause  = 100 * time.Millisecond
	lastPause   = 2 * time.Second
)

const (
	// sayFirst is for how long the group cannot be joined before that is logged: a coordinator that begins or moves says so
	// for a moment.
	sayFirst = 2 * time.Second
	// sayAgain is how often it is logged then.
	sayAgain = 30 * time.Second
)

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// note keeps what the last try to join has come to.
func (g *Group) note(what reaction, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch what {
	case carryOn:
		g.trouble = nil
	case again, mendFirst:
		g.trouble = fmt.Errorf("%w: %w", ErrNotMember, err)
	}
}

// identity is under which the coordinator knows this worker.
func (g *Group) identity() (member string, generation int32) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.member, g.generation
}

func (g *Group) setMember(id string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.member = id
}

// forget is what follows from a coordinator that does not know this member: what it had may be somebody else's.
func (g *Group) forget() {
	g.lose()
	g.setMember("")
}

// refresh drops connections and what is known of the brokers. kafka-go does neither by itself.
func (g *Group) refresh() {
	if t, ok := g.kafka.Transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// leave ends all work, and tells the group that this worker goes. Meanwhile it stays a member.
func (g *Group) leave() {
	ctx := context.Background()
	stop := g.beatBeside(ctx)
	g.endAll()
	stop()
	member, _ := g.identity()
	g.mu.Lock()
	if g.alarm != nil {
		g.alarm.Stop()
	}
	g.until = time.Time{}
	g.mu.Unlock()
	if member == "" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, leaveTime)
	defer cancel()
	for {
		a, err := g.ask(ctx, protocol.LeaveGroup, leaveVersion, appendString(nil, member), requestTime)
		if err == nil {
			err = a.code()
		}
		what, err := g.react(err)
		if what == again && ctx.Err() == nil {
			sleep(ctx, firstPause)
			continue
		}
		if what == again {
			g.log.Warn("the group has not heard that this worker goes: its accounts are taken over when the session timeout is over", zap.Error(err))
		}
		return
	}
}

// ask sends one request to the coordinator.
func (g *Group) ask(ctx context.Context, key protocol.ApiKey, version int16, body []byte, limit time.Duration) (*answer, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no answer to %s within %s", key, limit))
	defer cancel()
	msg, err := g.kafka.Transport.RoundTrip(ctx, g.kafka.Addr, &call{key: key, version: version, client: g.client, group: g.name, body: body})
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, err
	}
	a, ok := msg.(*answer)
	if !ok {
		return nil, errors.New("unexpected answer from the group's coordinator")
	}
	return a, nil
}
