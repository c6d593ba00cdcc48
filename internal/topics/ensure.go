package topics

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
)

// requestTimeout is the deadline of one request, unless the client has one.
const requestTimeout = 10 * time.Second

const (
	firstBackoff = 50 * time.Millisecond
	mostBackoff  = 2 * time.Second

	// unseenGrace is how long a topic that must exist may be missing in the metadata before that is taken for a missing
	// permission. Metadata is refreshed every second or few.
	unseenGrace = 5 * time.Second
)

// Ensure creates the topics that are missing and checks those that exist. The client must not hide topics that do not
// exist yet: kafkatx.Config.MetadataTopics has to be empty.
//
// It returns when every partition has a leader. Until then it tries again, with back-off, what can pass by itself, for
// as long as ctx lasts; all other errors end it at once.
func Ensure(ctx context.Context, client *kafka.Client, cfg Config) (Layout, error) {
	return ensure(ctx, client, cfg, unseenGrace)
}

func ensure(ctx context.Context, client *kafka.Client, cfg Config, unseenGrace time.Duration) (Layout, error) {
	e := &ensurer{client: client, brokers: client.Addr.String(), cfg: cfg, wanted: wanted(cfg), unseenGrace: unseenGrace}
	var layout Layout
	wait := firstBackoff
	for {
		err := e.attempt(ctx, &layout)
		var passing *passingError
		if err == nil || !errors.As(err, &passing) {
			return layout, err
		}
		if err := sleep(ctx, wait); err != nil {
			return Layout{}, e.unanswered(err, passing.err)
		}
		wait = min(2*wait, mostBackoff)
		// kafka-go answers metadata from memory, and keeps connections to where a controller or leader was.
		if t, ok := client.Transport.(interface{ CloseIdleConnections() }); ok {
			t.CloseIdleConnections()
		}
	}
}

// An ensurer is one call of Ensure.
type ensurer struct {
	client  *kafka.Client
	brokers string // as in the settings
	cfg     Config
	wanted  []spec

	unseenGrace time.Duration
	unseenSince time.Time // since when a topic that must exist has been missing
	lostSince   time.Time // since when the state topic has been missing beside events
}

// passingError is an error that time may cure.
type passingError struct{ err error }

func (e *passingError) Error() string { return e.err.Error() }
func (e *passingError) Unwrap() error { return e.err }

// attempt goes through everything once.
func (e *ensurer) attempt(ctx context.Context, layout *Layout) error {
	seen, err := e.look(ctx)
	if err != nil {
		return err
	}
	var missing []spec
	for _, s := range e.wanted {
		if _, ok := seen[s.name]; !ok {
			missing = append(missing, s)
		}
	}
	if len(missing) > 0 {
		if err := e.lost(ctx, seen); err != nil {
			return err
		}
		if err := e.create(ctx, missing); err != nil {
			return err
		}
		return e.unseen(missing)
	}
	e.unseenSince = time.Time{}
	settings, err := e.settings(ctx)
	if err != nil {
		return err
	}
	*layout, err = check(e.brokers, e.cfg, e.wanted, seen, settings)
	return err
}

// unseen is the error while topics that exist are not in the metadata yet.
func (e *ensurer) unseen(missing []spec) error {
	if e.unseenSince.IsZero() {
		e.unseenSince = time.Now()
	}
	if time.Since(e.unseenSince) >= e.unseenGrace {
		name := missing[0].name
		needed := WorkerRights(e.cfg.Topic, name)
		return fmt.Errorf("describe topic %q: %w: it exists and does not show: grant %s on it: %s",
			name, ErrUnauthorized, strings.Join(needed, " and "), GrantCommand(e.brokers, name, needed...))
	}
	return &passingError{fmt.Errorf("topic %q is not in the metadata yet", missing[0].name)}
}

// look reads which of the topics exist. A partition without a leader, or a topic in a passing state, is an error that
// passes.
func (e *ensurer) look(ctx context.Context) (map[string]kafka.Topic, error) {
	names := make([]string, len(e.wanted))
	for i, s := range e.wanted {
		names[i] = s.name
	}
	ctx, cancel := e.requestContext(ctx)
	defer cancel()
	res, err := e.client.Metadata(ctx, &kafka.MetadataRequest{Topics: names})
	if err != nil {
		return nil, e.failed(ctx, "read the metadata", "", "", err)
	}
	seen := make(map[string]kafka.Topic)
	for _, t := range res.Topics {
		switch {
		case errors.Is(t.Error, kafka.UnknownTopicOrPartition):
			continue
		case t.Error != nil:
			return nil, e.failed(ctx, fmt.Sprintf("describe topic %q", t.Name), "Describe", t.Name, t.Error)
		case len(t.Partitions) == 0:
			continue
		}
		for _, p := range t.Partitions {
			// A partition without a leader has the zero Broker: broker ids begin at 0, so the host tells.
			if p.Leader.Host == "" || len(p.Replicas) == 0 {
				return nil, &passingError{fmt.Errorf("topic %q partition %d has no leader", t.Name, p.ID)}
			}
		}
		seen[t.Name] = t
	}
	return seen, nil
}

// create creates topics; that another worker was faster is no error.
func (e *ensurer) create(ctx context.Context, missing []spec) error {
	req := &kafka.CreateTopicsRequest{}
	for _, s := range missing {
		replication := e.cfg.ReplicationFactor
		if replication <= 0 {
			replication = -1
		}
		req.Topics = append(req.Topics, kafka.TopicConfig{
			Topic: s.name, NumPartitions: s.partitions, ReplicationFactor: replication, ConfigEntries: s.configs,
		})
	}
	ctx, cancel := e.requestContext(ctx)
	defer cancel()
	res, err := e.client.CreateTopics(ctx, req)
	if err != nil {
		return e.failed(ctx, "create topics", "", "", err)
	}
	var passing error
	for _, s := range missing {
		err := res.Errors[s.name]
		if err == nil || errors.Is(err, kafka.TopicAlreadyExists) {
			continue
		}
		err = e.notCreated(ctx, s, err)
		var p *passingError
		if !errors.As(err, &p) {
			return err
		}
		passing = err
	}
	return passing
}

// settings reads the settings of all topics, by name of topic and setting.
func (e *ensurer) settings(ctx context.Context) (map[string]map[string]string, error) {
	req := &kafka.DescribeConfigsRequest{}
	for _, s := range e.wanted {
		req.Resources = append(req.Resources, kafka.DescribeConfigRequestResource{
			ResourceType: kafka.ResourceTypeTopic, ResourceName: s.name, ConfigNames: checkedSettings,
		})
	}
	ctx, cancel := e.requestContext(ctx)
	defer cancel()
	res, err := e.client.DescribeConfigs(ctx, req)
	if err != nil {
		return nil, e.failed(ctx, "read the topics' settings", "", "", err)
	}
	settings := make(map[string]map[string]string)
	for _, r := range res.Resources {
		if errors.Is(r.Error, kafka.UnknownTopicOrPartition) {
			// The broker that was asked has not heard of a new topic yet.
			return nil, &passingError{fmt.Errorf("read the settings of topic %q: %w", r.ResourceName, r.Error)}
		}
		if r.Error != nil {
			return nil, e.failed(ctx, fmt.Sprintf("read the settings of topic %q", r.ResourceName), "DescribeConfigs", r.ResourceName, r.Error)
		}
		values := make(map[string]string)
		for _, entry := range r.ConfigEntries {
			values[entry.ConfigName] = entry.ConfigValue
		}
		settings[r.ResourceName] = values
	}
	return settings, nil
}

func (e *ensurer) requestContext(ctx context.Context) (context.Context, context.CancelFunc) {
	timeout := e.client.Timeout
	if timeout <= 0 {
		timeout = requestTimeout
	}
	return context.WithTimeoutCause(ctx, timeout, fmt.Errorf("no answer within %s: %w", timeout, context.DeadlineExceeded))
}

func sleep(ctx context.Context, d time.Duration) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
