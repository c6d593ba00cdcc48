package ownership

import (
	"context"
	"errors"
	"fmt"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// ErrNotMember: the group does not count this worker in, or may not do so any more. Nothing is its to write.
var ErrNotMember = errors.New("this worker owns nothing: it has not heard of its group for the session timeout, or has no place in it yet")

// A ForeignError is a group that something else has joined.
type ForeignError struct {
	Group string
	Err   error
}

func (e *ForeignError) Error() string {
	return fmt.Sprintf("consumer group %q, by which workers share the accounts, was joined by something that is no attemptstream: end it "+
		"(kafka-consumer-groups.sh --describe --members --group %s names it), nothing else may use that group: %v", e.Group, e.Group, e.Err)
}

func (e *ForeignError) Unwrap() error { return e.Err }

// MayJoin tells whether this user may join a group, without joining it or changing anything: the coordinator judges
// rights before it finds that the member does not exist. The error is a *RightsError, or that of a coordinator that does
// not say.
func MayJoin(ctx context.Context, client *kafka.Client, group string) error {
	g := New(Config{Kafka: client, Group: group})
	a, err := g.ask(ctx, protocol.Heartbeat, heartbeatVersion, memberBody(0, "nobody"), requestTime)
	if err == nil {
		err = a.code()
	}
	if what, err := g.react(err); what == again || what == mendFirst {
		return err
	}
	return nil
}

// A RightsError is a missing right on the group.
type RightsError struct {
	Group string
	Err   error
}

func (e *RightsError) Error() string {
	return fmt.Sprintf("not authorized to join consumer group %q, by which workers share the accounts: grant Read on it: kafka-acls.sh --add "+
		"--allow-principal User:NAME --operation Read --group %s: %v", e.Group, e.Group, e.Err)
}

func (e *RightsError) Unwrap() error { return e.Err }

// A SessionError is a broker that does not take the session timeout.
type SessionError struct {
	Group string
	Err   error
}

func (e *SessionError) Error() string {
	return fmt.Sprintf("consumer group %q: the broker does not take a session timeout of %s: let group.min.session.timeout.ms and "+
		"group.max.session.timeout.ms of the brokers allow it: %v", e.Group, SessionTimeout, e.Err)
}

func (e *SessionError) Unwrap() error { return e.Err }

// Reactions to what the coordinator answers.
type reaction int

const (
	carryOn    reaction = iota
	rejoin              // a new generation is coming about, or has come about
	forgotten           // the coordinator does not know this member: it may have given away what it had
	again               // it may be different in a moment
	mendFirst           // somebody has to mend something
	takeMember          // here is the member id to come with
)

// groupIDNotFound is a code that kafka-go has no name for. Only the embedded broker answers a member so.
const groupIDNotFound = kafka.Error(69)

// react is the one place that decides what an answer means. Its error is told with what to do.
func (g *Group) react(err error) (reaction, error) {
	var code kafka.Error
	if err == nil {
		return carryOn, nil
	}
	if !errors.As(err, &code) {
		return again, err // refused, reset, timed out
	}
	switch code {
	case 0:
		return carryOn, nil
	case kafka.MemberIDRequired:
		return takeMember, err
	case kafka.RebalanceInProgress, kafka.IllegalGeneration:
		// After an answer that was lost the generation may be another one than known here; the claims hold all the same.
		return rejoin, err
	case kafka.UnknownMemberId, groupIDNotFound:
		return forgotten, err
	case kafka.InconsistentGroupProtocol:
		return mendFirst, &ForeignError{g.name, err}
	case kafka.GroupAuthorizationFailed, kafka.TopicAuthorizationFailed:
		return again, &RightsError{g.name, err} // it is granted while a worker waits, and lists of rights are changed in steps
	case kafka.InvalidSessionTimeout:
		return mendFirst, &SessionError{g.name, err}
	case kafka.InvalidGroupId, kafka.UnsupportedVersion:
		return mendFirst, err
	}
	// The coordinator is loading, moving, or away (14, 15, 16), or the group is full (81).
	return again, err
}

// isRebalance tells a member that is waited for from one whose generation is over.
func isRebalance(err error) bool { return errors.Is(err, kafka.RebalanceInProgress) }
