package kafkatx

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/metadata"
	"github.com/segmentio/kafka-go/sasl"
)

const (
	defaultRequestTimeout = 10 * time.Second

	// dialTimeout covers TCP, TLS, ApiVersions and SASL. A frozen broker still accepts connections, so this is what it
	// costs to find out that another one has to be asked.
	dialTimeout = 3 * time.Second

	// metadataTTL bounds how long a moved leader goes unnoticed when nobody asks for a refresh.
	metadataTTL = time.Second
)

// Config says how to reach a cluster.
type Config struct {
	Brokers  []string       // host:port of some brokers; the others are found through them
	TLS      *tls.Config    // nil: plain text; TLS 1.2 is the least, whatever it says
	SASL     sasl.Mechanism // nil: none
	ClientID string

	// MetadataTopics limits the metadata that is refreshed every second to these topics; nil is all topics, which
	// large clusters dislike. Topics that are not listed look as if they did not exist, and must not be created
	// through this client.
	MetadataTopics []string

	// RequestTimeout is the deadline of one request; 0 is 10 s.
	RequestTimeout time.Duration

	// RoundTripper carries all requests; nil is a kafka.Transport made from the fields above. A wrapper should pass
	// CloseIdleConnections on to the transport it wraps, since that is how stale metadata is dropped. It sees fetches,
	// and what a transaction's coordinator is asked, as messages which write and read themselves
	// (protocol.RawExchanger); the latter have the request itself in a method Unwrap() protocol.Message.
	RoundTripper kafka.RoundTripper
}

// Client is a connection pool to one cluster, shared by producers and readers. It is safe for concurrent use.
type Client struct {
	addr           net.Addr
	clientID       string
	requestTimeout time.Duration
	transport      kafka.RoundTripper
	stopTransport  context.CancelFunc
	admin          *kafka.Client
	codecs         *codecs
	buffers        buffers // for records as they are, before compression and after it
	wires          buffers // for batches; apart, or each would come to be as large as what it was made from

	mu        sync.Mutex
	refreshed time.Time // when metadata and connections were last thrown away
}

// NewClient returns a client. It does not connect yet.
func NewClient(cfg Config) *Client {
	ctx, cancel := context.WithCancel(context.Background())
	c := &Client{
		addr:           kafka.TCP(cfg.Brokers...),
		clientID:       cfg.ClientID,
		requestTimeout: cfg.RequestTimeout,
		transport:      cfg.RoundTripper,
		stopTransport:  cancel,
		codecs:         newCodecs(),
	}
	if c.requestTimeout <= 0 {
		c.requestTimeout = defaultRequestTimeout
	}
	if c.transport == nil {
		transport := &kafka.Transport{
			DialTimeout:    min(dialTimeout, c.requestTimeout),
			MetadataTTL:    metadataTTL,
			MetadataTopics: cfg.MetadataTopics,
			ClientID:       cfg.ClientID,
			TLS:            safe(cfg.TLS),
			SASL:           cfg.SASL,
			Context:        ctx,
		}
		if cfg.TLS == nil {
			transport.Dial = dial
		}
		c.transport = transport
	}
	// kafka.Client with Timeout 0 tells the broker 500 ms, whatever the deadline of the context.
	c.admin = &kafka.Client{Addr: c.addr, Timeout: c.requestTimeout, Transport: c.transport}
	return c
}

// safe is a configuration that speaks no TLS older than 1.2.
func safe(c *tls.Config) *tls.Config {
	if c == nil || c.MinVersion >= tls.VersionTLS12 {
		return c
	}
	c = c.Clone()
	c.MinVersion = tls.VersionTLS12
	return c
}

// Close closes idle connections at once, and connections in use when their request ends.
func (c *Client) Close() {
	c.closeIdleConnections()
	c.stopTransport()
	c.codecs.close()
}

// Kafka returns a kafka-go client on the same connections, for administrative requests.
func (c *Client) Kafka() *kafka.Client { return c.admin }

// Partitions returns the number of partitions of a topic. The error is *UnknownTopicError when the topic does not
// exist, and *AuthorizationError when it may not be described. It asks once: brokers that are away are an error.
func (c *Client) Partitions(ctx context.Context, topic string) (int, error) {
	began := time.Now()
	n, err := c.partitionCount(ctx, topic)
	if errors.Is(err, ErrUnknownTopic) {
		// The cached metadata may be older than the topic.
		c.refresh(began)
		n, err = c.partitionCount(ctx, topic)
	}
	return n, err
}

func (c *Client) partitionCount(ctx context.Context, topic string) (int, error) {
	res, err := c.metadata(ctx, topic)
	if err != nil {
		return 0, describe(stageMetadata, topicPartition{topic, anyPartition}, err)
	}
	for i := range res.Topics {
		t := &res.Topics[i]
		switch {
		case t.Name != topic:
		case t.ErrorCode != 0:
			return 0, describe(stageMetadata, topicPartition{topic, anyPartition}, kafka.Error(t.ErrorCode))
		case len(t.Partitions) > 0:
			return len(t.Partitions), nil
		}
	}
	return 0, &UnknownTopicError{Topic: topic, Partition: anyPartition}
}

// metadata answers from the transport's cache, which is at most metadataTTL old.
func (c *Client) metadata(ctx context.Context, topics ...string) (*metadata.Response, error) {
	msg, err := c.roundTrip(ctx, &metadata.Request{TopicNames: topics})
	if err != nil {
		return nil, err
	}
	res, ok := msg.(*metadata.Response)
	if !ok {
		return nil, fmt.Errorf("unexpected answer %T to a metadata request", msg)
	}
	return res, nil
}

// leaders says which broker leads each partition of the topics. Partitions without a leader are missing in the answer;
// topics that could not be looked up are in the second one with the reason.
func (c *Client) leaders(ctx context.Context, topics []string) (map[topicPartition]int32, map[string]error, error) {
	res, err := c.metadata(ctx, topics...)
	if err != nil {
		return nil, nil, err
	}
	brokers := make(map[int32]bool, len(res.Brokers))
	for _, b := range res.Brokers {
		brokers[b.NodeID] = true
	}
	leaders := make(map[topicPartition]int32)
	failed := make(map[string]error)
	for i := range res.Topics {
		t := &res.Topics[i]
		if t.ErrorCode != 0 {
			failed[t.Name] = kafka.Error(t.ErrorCode)
			continue
		}
		for j := range t.Partitions {
			if p := &t.Partitions[j]; brokers[p.LeaderID] {
				leaders[topicPartition{t.Name, p.PartitionIndex}] = p.LeaderID
			}
		}
	}
	return leaders, failed, nil
}

// roundTrip sends one request. It returns no later than the request's timeout or ctx, and the error says which.
func (c *Client) roundTrip(ctx context.Context, req protocol.Message) (protocol.Message, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.requestTimeout, &deadlineError{"request", c.requestTimeout})
	defer cancel()
	res, err := c.transport.RoundTrip(ctx, c.addr, req)
	if err != nil && ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return res, err
}

// refresh drops connections and cached metadata after an error of a request that began at the given time. kafka-go does
// neither by itself when a leader has moved. Requests that fail together cause one refresh, not one each.
func (c *Client) refresh(began time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refreshed.After(began) {
		return
	}
	c.refreshed = time.Now()
	c.closeIdleConnections()
}

func (c *Client) closeIdleConnections() {
	if t, ok := c.transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}
