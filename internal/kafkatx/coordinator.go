package kafkatx

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/findcoordinator"
)

// nowhere is a coordinator that is not known.
const nowhere = -1

// findCoordinator looks up which broker coordinates our transactions. kafka-go would do so before each request, which
// makes five round trips of a commit's three, and would not look at the answer's error.
func (p *Producer) findCoordinator(ctx context.Context) error {
	msg, err := p.client.roundTrip(ctx, &findcoordinator.Request{Key: p.id, KeyType: int8(kafka.CoordinatorKeyTypeTransaction)})
	if err == nil {
		if res, ok := msg.(*findcoordinator.Response); ok {
			p.coordinator, err = res.NodeID, codeError(res.ErrorCode)
			if err == nil && res.NodeID < 0 {
				err = kafka.GroupCoordinatorNotAvailable
			}
		} else {
			err = fmt.Errorf("unexpected answer %T", msg)
		}
	}
	if err != nil {
		p.coordinator = nowhere
		return &routingError{fmt.Errorf("find the transaction coordinator: %w", err)}
	}
	return nil
}

// toCoordinator sends a request to the broker that was the coordinator when it was last looked up.
func (p *Producer) toCoordinator(ctx context.Context, req protocol.Message) (protocol.Message, error) {
	msg, err := p.client.roundTrip(ctx, &directed{Message: req, broker: p.coordinator, clientID: p.client.clientID})
	if err != nil {
		return nil, err
	}
	return msg, answerError(msg)
}

// moved says whether an error is all that is wrong with a coordinator that was looked up before: it is another broker
// now, or has left the cluster. Then the connections and the metadata, which all producers of the client share, are good.
func moved(err error) bool {
	var left *routingError
	return errors.Is(err, kafka.NotCoordinatorForGroup) || errors.As(err, &left)
}

// A directed request goes to a broker of our choice, in the version that kafka-go has negotiated with it.
type directed struct {
	protocol.Message
	broker   int32
	clientID string
	version  int16
}

var (
	_ protocol.BrokerMessage = (*directed)(nil)
	_ protocol.RawExchanger  = (*directed)(nil)
)

// Unwrap returns the request itself.
func (d *directed) Unwrap() protocol.Message { return d.Message }

// Broker routes the request. A broker that is dead is missing in the metadata soon, which is a second old at most: so it is
// not waited for.
func (d *directed) Broker(cluster protocol.Cluster) (protocol.Broker, error) {
	b, ok := cluster.Brokers[d.broker]
	if !ok {
		return protocol.Broker{ID: -1}, &routingError{fmt.Errorf("broker %d is not in the cluster", d.broker)}
	}
	return b, nil
}

// Required is always true: kafka-go encodes by the type that it knows, and that is not this one.
func (d *directed) Required(versions map[protocol.ApiKey]int16) bool {
	d.version = versions[d.ApiKey()]
	return true
}

// RawExchange sends the request and reads the answer.
func (d *directed) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	return protocol.RoundTrip(rw, d.version, correlation, d.clientID, d.Message)
}
