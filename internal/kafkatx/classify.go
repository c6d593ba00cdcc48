package kafkatx

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/rawproduce"
)

// A stage is the kind of request that an error belongs to.
type stage string

const (
	stageMetadata      stage = "look up leaders"
	stageInit          stage = "initialize the producer"
	stageBump          stage = "raise the producer epoch"
	stageAddPartitions stage = "add partitions to the transaction"
	stageProduce       stage = "produce"
	stageCommit        stage = "commit the transaction"
	stageAbort         stage = "abort the transaction"
	stageFetch         stage = "fetch"
)

// A verdict says what an error means for the transaction. Among several, the largest wins.
type verdict int

const (
	verdictDone     verdict = iota
	verdictSoon             // the same again, after milliseconds
	verdictAgain            // the same again, with back-off
	verdictMissing          // the same again for a moment: the topic may be new; then it does not exist
	verdictSplit            // the batch is too large; smaller ones may pass
	verdictAbort            // abort; the same records may be tried again in a new transaction and epoch
	verdictRejected         // abort; the same records would fail again
	verdictFenced           // say no more
)

// A ruling is what classify makes of an error.
type ruling struct {
	verdict verdict

	// unanswered: the broker may have done what it was asked, or may still do it later.
	unanswered bool

	// stale: connections or metadata may be out of date.
	stale bool
}

// classify is the one place that decides what an answer or an error means. err is nil, a kafka.Error from an answer, or
// what RoundTrip returned.
func classify(at stage, err error) ruling {
	if err == nil {
		return ruling{verdict: verdictDone}
	}
	var code kafka.Error
	if !errors.As(err, &code) {
		return classifyTransport(err)
	}
	coordinator := at == stageInit || at == stageBump || at == stageAddPartitions || at == stageCommit || at == stageAbort

	switch code {
	case 0:
		return ruling{verdict: verdictDone}

	case kafka.ConcurrentTransactions:
		// The last transaction's markers are still being written. Half of back-to-back transactions see it, and it
		// passes within milliseconds: a longer first back-off would rule the transaction's time.
		return ruling{verdict: verdictSoon}

	case kafka.LeaderNotAvailable, kafka.NotLeaderForPartition, kafka.ReplicaNotAvailable, kafka.KafkaStorageError,
		kafka.FencedLeaderEpoch, kafka.UnknownLeaderEpoch, kafka.ListenerNotFound, kafka.BrokerNotAvailable:
		// The leader has moved or is about to. Code 8 is kafka-go's own: the leader is not in its metadata.
		return ruling{verdict: verdictAgain, stale: true}

	case kafka.RequestTimedOut, kafka.NetworkException, kafka.GroupCoordinatorNotAvailable,
		kafka.NotCoordinatorForGroup, kafka.GroupLoadInProgress:
		// A coordinator that could not replicate its decision in time also answers with these, and the decision may
		// stand: to an EndTxn that is no answer. A cold cluster answers so for some 100 ms.
		return ruling{verdict: verdictAgain, unanswered: coordinator, stale: true}

	case kafka.NotEnoughReplicas, kafka.NotEnoughReplicasAfterAppend:
		// Replicas are away; 19 also stands for "the transaction is being verified", which passes in milliseconds.
		return ruling{verdict: verdictAgain}

	case kafka.OffsetNotAvailable, kafka.InvalidMessage, kafka.ThrottlingQuotaExceeded:
		// A new leader does not know its high watermark yet; the batch was damaged on its way; a quota.
		return ruling{verdict: verdictAgain}

	case kafka.UnknownTopicOrPartition:
		// Right after its creation a topic is not known everywhere.
		return ruling{verdict: verdictMissing, stale: true}

	case kafka.InvalidProducerEpoch, kafka.ProducerFenced, kafka.InvalidProducerIDMapping:
		// A newer epoch exists: another owner's, or the coordinator's own after the transaction's timeout. An unknown
		// producer id is the same for an id that expired. Initializing again would fence the other owner, so that is
		// not for the producer to do.
		return ruling{verdict: verdictFenced}

	case kafka.OutOfOrderSequenceNumber, kafka.DuplicateSequenceNumber, kafka.UnknownProducerId,
		kafka.InvalidTransactionState, transactionAbortable:
		// The broker's idea of the sequence or of the transaction is not ours, and only a new epoch settles that.
		return ruling{verdict: verdictAbort}

	case kafka.Unknown:
		// The broker failed in an unforeseen way, perhaps half-way.
		if at == stageCommit || at == stageAbort {
			return ruling{verdict: verdictAgain, unanswered: true}
		}
		return ruling{verdict: verdictAbort, unanswered: coordinator}

	case kafka.MessageSizeTooLarge, kafka.RecordListTooLarge:
		// Kafka measures the compressed batch, we bound what goes in; a topic may allow less than a usual batch.
		return ruling{verdict: verdictSplit}
	}
	// Missing permissions, records that the broker validates (timestamp, key of a compacted topic), versions, policies:
	// no repetition helps.
	return ruling{verdict: verdictRejected}
}

// classifyTransport sorts the errors of a request that has no answer.
func classifyTransport(err error) ruling {
	var (
		routing     *rawproduce.Error
		fetchRoute  *routingError
		certificate *tls.CertificateVerificationError
		authority   x509.UnknownAuthorityError
		host        x509.HostnameError
	)
	switch {
	case errors.As(err, &certificate), errors.As(err, &authority), errors.As(err, &host):
		// No request is sent before the handshake is done.
		return ruling{verdict: verdictRejected}
	case errors.As(err, &routing), errors.As(err, &fetchRoute):
		// Not sent: the leaders cannot be looked up, or have changed since they were. Whether the topic is gone is seen
		// when they are looked up again.
		return ruling{verdict: verdictAgain, stale: true}
	}
	// Refused, reset, closed, timed out: the broker may be away, and it may have done what it was asked.
	return ruling{verdict: verdictAgain, unanswered: true, stale: true}
}

// transactionAbortable (KIP-890) is a code that kafka-go has no name for.
const transactionAbortable kafka.Error = 120

// A subject is what a request was about.
type subject interface {
	fmt.Stringer
	partitionOf() (topicPartition, bool)
}

func (tp topicPartition) partitionOf() (topicPartition, bool) { return tp, true }

// transactionalID is the subject of a coordinator's answer as a whole.
type transactionalID string

func (id transactionalID) String() string                   { return fmt.Sprintf("transactional id %q", string(id)) }
func (transactionalID) partitionOf() (topicPartition, bool) { return topicPartition{}, false }

// describe turns an error that no repetition will cure into one that says what to do.
func describe(at stage, what subject, err error) error {
	var code kafka.Error
	if !errors.As(err, &code) {
		return withSubject(at, what, err)
	}
	operation := "Write"
	switch at {
	case stageFetch:
		operation = "Read"
	case stageMetadata:
		operation = "Describe"
	}
	switch code {
	case kafka.UnknownTopicOrPartition:
		if tp, ok := what.partitionOf(); ok {
			return &UnknownTopicError{Topic: tp.topic, Partition: int(tp.partition)}
		}
	case kafka.TopicAuthorizationFailed:
		if tp, ok := what.partitionOf(); ok {
			return &AuthorizationError{operation, topicPartition{tp.topic, anyPartition}.String(), err, "--topic " + tp.topic}
		}
	case kafka.TransactionalIDAuthorizationFailed:
		flag := "--transactional-id ID"
		if id, ok := what.(transactionalID); ok {
			flag = "--transactional-id " + string(id)
		}
		return &AuthorizationError{operation, what.String(), err, flag}
	case kafka.ClusterAuthorizationFailed:
		return &AuthorizationError{"IdempotentWrite", "the cluster", err, "--cluster"}
	case kafka.SASLAuthenticationFailed, kafka.UnsupportedSASLMechanism, kafka.IllegalSASLState:
		return &AuthorizationError{operationAuthenticate, "the cluster", err, ""}
	case kafka.InvalidTransactionTimeout:
		err = fmt.Errorf("transaction timeout must be positive and at most the broker's transaction.max.timeout.ms: %w", err)
	}
	return withSubject(at, what, err)
}

func withSubject(at stage, what subject, err error) error {
	if _, ok := what.partitionOf(); !ok {
		return fmt.Errorf("%s: %w", at, err) // callers name the transactional id
	}
	return fmt.Errorf("%s: %v: %w", at, what, err)
}
