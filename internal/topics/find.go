package topics

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
)

// A MissingError is a topic that does not exist, or that this user may not see: Kafka does not tell the two apart.
type MissingError struct {
	Topic   string
	Brokers string
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("topic %q does not exist at %s, or this user may not describe it: check KAFKA_TOPIC and KAFKA_BROKERS; attemptstream run "+
		"creates the topics; if it exists, grant Read on it, or Describe if this command does not read it: %s",
		e.Topic, e.Brokers, GrantCommand(e.Brokers, e.Topic, "Read"))
}

// Find looks the topics up for those who only read them. It creates and checks nothing, and needs no more than the right
// to describe them; the Layout has no MaxMessageBytes and no Notices. The client must not hide topics that do not exist:
// kafkatx.Config.MetadataTopics has to be empty. The error is a *MissingError for the first that is missing; what can pass
// by itself is tried again for as long as ctx lasts.
func Find(ctx context.Context, client *kafka.Client, topic string) (Layout, error) {
	e := &ensurer{client: client, brokers: client.Addr.String(), cfg: Config{Topic: topic}, wanted: wanted(Config{Topic: topic})}
	var since time.Time // of the first look that missed one
	wait := firstBackoff
	for {
		seen, err := e.look(ctx)
		var layout Layout
		if err == nil {
			layout, err = e.found(seen)
		}
		var passing *passingError
		var missing *MissingError
		switch {
		case err == nil:
			return layout, nil
		case errors.As(err, &missing):
			// One that was created a moment ago is not known to every broker yet.
			if since.IsZero() {
				since = time.Now()
			}
			if time.Since(since) > findGrace {
				return Layout{}, err
			}
		case !errors.As(err, &passing):
			return Layout{}, err
		}
		if ended := sleep(ctx, wait); ended != nil {
			if missing != nil {
				return Layout{}, err
			}
			return Layout{}, e.unanswered(ended, err)
		}
		wait = min(2*wait, mostBackoff)
		if t, ok := client.Transport.(interface{ CloseIdleConnections() }); ok {
			t.CloseIdleConnections()
		}
	}
}

// findGrace is how long a topic may be missing before it is taken for one that does not exist. People wait for it who
// mistyped a name.
const findGrace = 300 * time.Millisecond

func (e *ensurer) found(seen map[string]kafka.Topic) (Layout, error) {
	var layout Layout
	for i, t := range []*Topic{&layout.Events, &layout.State, &layout.DLQ} {
		name := e.wanted[i].name
		topic, ok := seen[name]
		if !ok {
			return Layout{}, &MissingError{Topic: name, Brokers: e.brokers}
		}
		t.Name, t.Partitions = name, len(topic.Partitions)
	}
	return layout, nil
}
