package kafkatx

import (
	"context"
	"errors"
	"fmt"
	"time"
)

var (
	// ErrAborted: nothing of the transaction is committed or ever will be. The producer is usable: the same or other
	// records may be committed. The cause is wrapped beside it.
	ErrAborted = errors.New("transaction aborted")

	// ErrFenced: another producer has taken the transactional id, or the broker ended the transaction because it was
	// older than its timeout; the broker does not tell which. The producer sends nothing more until Init is called,
	// which only the owner may do: Init fences whoever else writes.
	ErrFenced = errors.New("producer fenced")

	// ErrUnknownOutcome: the commit was sent and no definite answer came. Init settles it, one way or the other; what
	// happened is then in the log. An error may be both ErrUnknownOutcome and ErrFenced.
	ErrUnknownOutcome = errors.New("outcome of the commit is unknown")

	// ErrRejected accompanies ErrAborted where the same records would fail again until they, the topic, the
	// configuration or the permissions change.
	ErrRejected = errors.New("rejected")

	// ErrUnknownTopic: a topic or partition does not exist; see UnknownTopicError.
	ErrUnknownTopic = errors.New("topic does not exist")

	// ErrNotInitialized: Commit was called before Init.
	ErrNotInitialized = errors.New("producer is not initialized: call Init first")
)

// UnknownTopicError names a topic or partition that does not exist or, where Kafka hides that, may not be described.
type UnknownTopicError struct {
	Topic     string
	Partition int // -1: the topic as a whole
}

func (e *UnknownTopicError) Error() string {
	what := topicPartition{e.Topic, int32(e.Partition)}
	advice := "create it or check its name"
	if e.Partition != anyPartition {
		advice += ", and if it was created anew with fewer partitions, start this program again"
	}
	return fmt.Sprintf("%v does not exist, or Describe on it is not granted: %s", what, advice)
}

// Is makes the error an ErrUnknownTopic.
func (e *UnknownTopicError) Is(target error) bool { return target == ErrUnknownTopic }

// AuthorizationError is a permission that is missing, or an authentication that failed.
type AuthorizationError struct {
	Operation string // as in an ACL: Write, Read, Describe; or Authenticate
	Resource  string // for example: topic "events"
	Err       error  // the broker's answer

	flag string // that names the resource to kafka-acls.sh
}

func (e *AuthorizationError) Error() string {
	if e.Operation == operationAuthenticate {
		return fmt.Sprintf("authentication failed: check KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME and the password: %v", e.Err)
	}
	return fmt.Sprintf("not authorized: grant %s on %s to this principal: kafka-acls.sh --bootstrap-server HOST:PORT --add --allow-principal User:NAME --operation %s %s: %v",
		e.Operation, e.Resource, e.Operation, e.flag, e.Err)
}

func (e *AuthorizationError) Unwrap() error { return e.Err }

// Is makes the error an ErrRejected.
func (e *AuthorizationError) Is(target error) bool { return target == ErrRejected }

const operationAuthenticate = "Authenticate"

// RecordTooLargeError names a record that the topic's max.message.bytes, or the largest possible request, cannot hold
// even in a batch of its own. Key is for the program: it is not part of the text.
type RecordTooLargeError struct {
	Topic     string
	Partition int
	Index     int    // in the records given to the call
	Key       []byte // the record's key
	Size      int    // bytes of the record's batch as sent, after compression
	Err       error  // the broker's answer; nil if it was not asked
}

func (e *RecordTooLargeError) Error() string {
	return fmt.Sprintf("record %d for topic %q partition %d takes %d bytes, more than the topic allows: raise max.message.bytes",
		e.Index, e.Topic, e.Partition, e.Size)
}

func (e *RecordTooLargeError) Unwrap() error { return e.Err }

// Is makes the error an ErrRejected.
func (e *RecordTooLargeError) Is(target error) bool { return target == ErrRejected }

// CorruptBatchError is a batch in the log that cannot be read.
type CorruptBatchError struct {
	Topic     string
	Partition int
	Offset    int64 // of the batch
	Err       error
}

func (e *CorruptBatchError) Error() string {
	return fmt.Sprintf("corrupt batch in topic %q partition %d at offset %d: %v", e.Topic, e.Partition, e.Offset, e.Err)
}

func (e *CorruptBatchError) Unwrap() error { return e.Err }

// OffsetOutOfRangeError is a read from beyond the end of a log, which happens when a topic was deleted and created
// again, or has lost its tail.
type OffsetOutOfRangeError struct {
	Topic     string
	Partition int
	Offset    int64 // asked for
	End       int64 // the log's end
}

func (e *OffsetOutOfRangeError) Error() string {
	return fmt.Sprintf("offset %d is beyond the end %d of topic %q partition %d: was the topic created anew?",
		e.Offset, e.End, e.Topic, e.Partition)
}

// deadlineError says which deadline passed.
type deadlineError struct {
	what  string
	after time.Duration
}

func (e *deadlineError) Error() string {
	return fmt.Sprintf("%s timeout of %s passed", e.what, e.after)
}

// Is makes the error a context.DeadlineExceeded.
func (e *deadlineError) Is(target error) bool { return target == context.DeadlineExceeded }

// cancellation is the error of a context that ended: its Err, and its cause where that says more.
func cancellation(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if cause == nil || cause == err {
		return err
	}
	if errors.Is(cause, err) {
		return cause
	}
	return fmt.Errorf("%w: %w", err, cause)
}

// joined gives an error a sentinel that errors.Is finds, with the sentinel's text in front.
func joined(sentinel, cause error) error {
	if cause == nil {
		return sentinel
	}
	if errors.Is(cause, sentinel) {
		return cause
	}
	return fmt.Errorf("%w: %w", sentinel, cause)
}
