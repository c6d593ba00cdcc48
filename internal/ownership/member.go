package ownership

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/joingroup"
	"go.uber.org/zap"
)

// rebalance joins a generation and takes up what it assigns. The error is told with anything but carryOn.
func (g *Group) rebalance(ctx context.Context, own func(context.Context, int)) (reaction, error) {
	// Who joins without a lease claims nothing, so nothing may be under way.
	if g.Check() != nil {
		g.endAll()
	}
	stop := g.beatBeside(ctx)
	defer stop()
	joining, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if g.Check() == nil { // without an answer until the lease ends, it is time to ask another broker
		gone := g.gone()
		go func() {
			select {
			case <-gone:
				cancel(ErrNotMember)
			case <-joining.Done():
			}
		}()
	}
	generation, what, err := g.join(joining)
	if what != carryOn {
		return what, err
	}
	asked := time.Now()
	partitions, all, what, err := g.sync(joining, generation)
	if what != carryOn {
		return what, err
	}
	if !g.begin(asked) {
		return rejoin, nil
	}
	if all != g.partitions {
		g.log.Error("the state topic had another number of partitions when other workers started: they go on, and this one is given nothing "+
			"as long as they run. An account's partition follows from that number: do not change it",
			zap.Int("partitions", g.partitions), zap.Int("others", all))
	}
	g.apply(ctx, partitions, own)
	return carryOn, nil
}

// join returns the generation that this worker is a member of.
func (g *Group) join(ctx context.Context) (*joingroup.Response, reaction, error) {
	member, _ := g.identity()
	knowledge := g.knowledge()
	metadata, err := subscription(g.topic, knowledge, g.claims())
	if err != nil {
		return nil, mendFirst, err
	}
	body := joinBody(member, int32(SessionTimeout.Milliseconds()), int32(rebalanceTimeout.Milliseconds()), metadata)
	a, err := g.ask(ctx, protocol.JoinGroup, joinVersion, body, joinTime)
	if err != nil {
		return nil, again, err
	}
	r, err := a.joined()
	if err == nil {
		err = codeError(r.ErrorCode)
	}
	switch what, err := g.react(err); what {
	case carryOn:
		g.mu.Lock()
		g.member, g.generation = r.MemberID, r.GenerationID
		g.knows.told = knowledge.Accounts
		g.mu.Unlock()
		return r, carryOn, nil
	case takeMember:
		g.setMember(r.MemberID)
		return nil, takeMember, err
	case forgotten:
		g.forget()
		return nil, forgotten, err
	default:
		return nil, what, err
	}
}

// sync returns what is assigned to this worker, and how many partitions are given out in all. The leader decides it.
func (g *Group) sync(ctx context.Context, generation *joingroup.Response) (partitions []int, all int, what reaction, err error) {
	body := memberBody(generation.GenerationID, generation.MemberID)
	if body, err = g.appendAssignments(body, generation); err != nil {
		return nil, 0, again, err
	}
	a, err := g.ask(ctx, protocol.SyncGroup, syncVersion, body, joinTime)
	if err != nil {
		return nil, 0, again, err
	}
	if what, err = g.react(a.code()); what != carryOn {
		if what == forgotten {
			g.forget()
		}
		return nil, 0, what, err
	}
	if partitions, all, err = readAssignment(a.bytes(), g.topic, g.partitions); err != nil {
		// A group of consumers of the newer protocol (KIP-848) takes members of the classic one in, whatever they speak, and
		// the coordinator assigns as it likes.
		return nil, 0, mendFirst, &ForeignError{g.name, err}
	}
	return partitions, all, carryOn, nil
}

// appendAssignments is the last part of SyncGroup: the leader's decision, nothing from anybody else.
func (g *Group) appendAssignments(body []byte, generation *joingroup.Response) ([]byte, error) {
	if generation.LeaderID != generation.MemberID {
		return appendCount(body, 0), nil
	}
	members := make([]candidate, 0, len(generation.Members))
	for i := range generation.Members {
		members = append(members, candidateOf(&generation.Members[i], g.topic))
	}
	decided := balance(members)
	g.sayUnequal(members, decided.unequal)
	body = appendCount(body, len(decided.assigned))
	for _, id := range slices.Sorted(maps.Keys(decided.assigned)) {
		a, err := assignment(g.topic, decided.assigned[id], decided.partitions)
		if err != nil {
			return nil, err
		}
		body = appendBytes(appendString(body, id), a)
	}
	return body, nil
}

// hold keeps the membership until the group has to be joined anew, or ctx ends.
func (g *Group) hold(ctx context.Context) {
	g.mu.Lock()
	gone, revoked := g.lost, g.revoked
	g.mu.Unlock()
	ticker := time.NewTicker(heartbeatInterval)
	defer ticker.Stop()
	for g.beat(ctx) == carryOn {
		select {
		case now := <-ticker.C:
			if g.outdated(now) {
				return
			}
		case <-g.prompt:
		case <-revoked:
			return
		case <-gone:
			return
		case <-ctx.Done():
			return
		}
	}
}

// beat sends a heartbeat. Where no answer comes, everything stays as it is until the lease ends.
func (g *Group) beat(ctx context.Context) reaction {
	member, generation := g.identity()
	sent := time.Now()
	a, err := g.ask(ctx, protocol.Heartbeat, heartbeatVersion, memberBody(generation, member), requestTime)
	if err == nil {
		err = a.code()
	}
	switch what, err := g.react(err); what {
	case carryOn:
		g.renew(sent)
		g.mu.Lock()
		g.confirmed = sent
		close(g.news)
		g.news = make(chan struct{})
		g.mu.Unlock()
		return carryOn
	case rejoin:
		if isRebalance(err) {
			g.renew(sent) // it is a member that the group waits for
		}
		return rejoin
	case forgotten:
		g.forget()
		return forgotten
	default:
		if ctx.Err() == nil {
			g.log.Debug("heartbeat failed", zap.Error(err))
			g.refresh()
		}
		return carryOn
	}
}

// beatBeside keeps the lease while something takes long, until the function that it returns is called.
func (g *Group) beatBeside(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var wait sync.WaitGroup
	wait.Go(func() {
		ticker := time.NewTicker(heartbeatInterval)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
			case <-ctx.Done():
				return
			}
			if g.Check() == nil {
				g.pulse(ctx)
			}
		}
	})
	return func() {
		cancel()
		wait.Wait()
	}
}

// pulse is a heartbeat whose answer says nothing but whether this worker still is a member: of which generation, is about
// to be known.
func (g *Group) pulse(ctx context.Context) {
	member, generation := g.identity()
	sent := time.Now()
	a, err := g.ask(ctx, protocol.Heartbeat, heartbeatVersion, memberBody(generation, member), requestTime)
	if err == nil {
		err = a.code()
	}
	switch what, err := g.react(err); {
	case what == carryOn, what == rejoin && isRebalance(err):
		g.renew(sent)
	case what == forgotten:
		g.lose()
	}
}

// claims are the partitions that are worked on.
func (g *Group) claims() []int {
	g.mu.Lock()
	defer g.mu.Unlock()
	partitions := []int{}
	for p, t := range g.tenures {
		select {
		case <-t.done:
			delete(g.tenures, p)
		default:
			partitions = append(partitions, p)
		}
	}
	slices.Sort(partitions)
	return partitions
}

// apply ends the work on what is not assigned any more, and begins that on what is new.
func (g *Group) apply(ctx context.Context, assigned []int, own func(context.Context, int)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	var ending []*tenure
	for p, t := range g.tenures {
		if !slices.Contains(assigned, p) {
			t.ending = true
			t.cancel()
			ending = append(ending, t)
		}
	}
	begun := 0
	for _, p := range assigned {
		before := g.tenures[p]
		if before != nil && !before.ending {
			continue
		}
		ctx, cancel := context.WithCancel(ctx)
		t := &tenure{cancel: cancel, done: make(chan struct{})}
		g.tenures[p] = t
		begun++
		if g.until.IsZero() { // the lease has ended since
			t.ending = true
			cancel()
		}
		go func() {
			defer close(t.done)
			defer cancel()
			if before != nil {
				<-before.done
			}
			if ctx.Err() == nil {
				own(ctx, p)
				<-ctx.Done() // until then it is claimed
			}
		}()
	}
	g.revoked = nil
	if len(ending) > 0 {
		revoked := make(chan struct{})
		g.revoked = revoked
		go func() {
			defer close(revoked)
			for _, t := range ending {
				<-t.done
			}
		}()
	}
	if g.told != g.generation || begun > 0 || len(ending) > 0 {
		g.told = g.generation
		g.log.Info("new generation of the group of workers", zap.String("group", g.name), zap.Int32("generation", g.generation),
			zap.Ints("partitions", slices.Sorted(slices.Values(assigned))), zap.Int("new", begun), zap.Int("given_up", len(ending)))
	}
}

// endAll ends all work and waits for its end.
func (g *Group) endAll() {
	g.mu.Lock()
	tenures := slices.Collect(maps.Values(g.tenures))
	for _, t := range tenures {
		t.ending = true
		t.cancel()
	}
	g.mu.Unlock()
	for _, t := range tenures {
		<-t.done
	}
}
