package kafkatx

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/addpartitionstotxn"
	"github.com/segmentio/kafka-go/protocol/rawproduce"
)

func TestClassify(t *testing.T) {
	again := ruling{verdict: verdictAgain, stale: true}
	doubt := ruling{verdict: verdictAgain, stale: true, unanswered: true}
	all := []stage{stageMetadata, stageInit, stageBump, stageAddPartitions, stageProduce, stageCommit, stageAbort, stageFetch}
	coordinator := []stage{stageInit, stageBump, stageAddPartitions, stageCommit, stageAbort}
	for _, c := range []struct {
		at   []stage
		err  error
		want ruling
	}{
		{all, nil, ruling{}},
		{all, kafka.ConcurrentTransactions, ruling{verdict: verdictSoon}},
		{all, kafka.NotLeaderForPartition, again},
		{all, kafka.LeaderNotAvailable, again},
		{all, kafka.ReplicaNotAvailable, again},
		{all, kafka.BrokerNotAvailable, again}, // kafka-go does not call it Temporary
		{[]stage{stageProduce, stageFetch}, kafka.RequestTimedOut, again},
		{coordinator, kafka.RequestTimedOut, doubt},
		{coordinator, kafka.GroupLoadInProgress, doubt},
		{coordinator, kafka.GroupCoordinatorNotAvailable, doubt},
		{coordinator, kafka.NotCoordinatorForGroup, doubt},
		{all, io.ErrUnexpectedEOF, doubt},
		{all, context.DeadlineExceeded, doubt},
		{all, fmt.Errorf("dial: %w", errors.New("connection refused")), doubt},
		{all, rawproduce.NewError(errors.New("mismatching leaders")), again},
		{all, &routingError{io.EOF}, again},
		{all, &routingError{x509.UnknownAuthorityError{}}, ruling{verdict: verdictRejected}},
		{all, kafka.NotEnoughReplicas, ruling{verdict: verdictAgain}},
		{all, kafka.NotEnoughReplicasAfterAppend, ruling{verdict: verdictAgain}},
		{all, kafka.InvalidMessage, ruling{verdict: verdictAgain}},
		{all, kafka.UnknownTopicOrPartition, ruling{verdict: verdictMissing, stale: true}},
		{all, kafka.OutOfOrderSequenceNumber, ruling{verdict: verdictAbort}},
		{all, kafka.UnknownProducerId, ruling{verdict: verdictAbort}},
		{all, kafka.InvalidTransactionState, ruling{verdict: verdictAbort}},
		{all, kafka.Error(120), ruling{verdict: verdictAbort}},
		{all, kafka.InvalidProducerEpoch, ruling{verdict: verdictFenced}},
		{all, kafka.ProducerFenced, ruling{verdict: verdictFenced}},
		{all, fmt.Errorf("wrapped: %w", kafka.ProducerFenced), ruling{verdict: verdictFenced}},
		{all, kafka.MessageSizeTooLarge, ruling{verdict: verdictSplit}},
		{all, kafka.TopicAuthorizationFailed, ruling{verdict: verdictRejected}},
		{all, kafka.TransactionalIDAuthorizationFailed, ruling{verdict: verdictRejected}},
		{all, kafka.InvalidTimestamp, ruling{verdict: verdictRejected}},
		{all, kafka.InvalidRecord, ruling{verdict: verdictRejected}},
		{all, kafka.Error(12345), ruling{verdict: verdictRejected}},
		{[]stage{stageCommit, stageAbort}, kafka.Unknown, ruling{verdict: verdictAgain, unanswered: true}},
		{[]stage{stageProduce}, kafka.Unknown, ruling{verdict: verdictAbort}},
	} {
		for _, at := range c.at {
			if got := classify(at, c.err); got != c.want {
				t.Errorf("%s: %v is %+v, want %+v", at, c.err, got, c.want)
			}
		}
	}
}

// Of the partitions' errors the one counts that says most.
func TestAnswerError(t *testing.T) {
	for _, c := range []struct {
		codes []int16
		want  error
	}{
		{[]int16{0, 0}, nil},
		{[]int16{0, 51}, kafka.ConcurrentTransactions},
		{[]int16{55, 29, 55}, kafka.TopicAuthorizationFailed},
		{[]int16{29, 55}, kafka.TopicAuthorizationFailed},
		{[]int16{3, 29, 3}, kafka.TopicAuthorizationFailed},
		{[]int16{51, 90, 3}, kafka.ProducerFenced},
	} {
		res := &addpartitionstotxn.Response{Results: []addpartitionstotxn.ResponseResult{{Name: "topic"}}}
		for i, code := range c.codes {
			res.Results[0].Results = append(res.Results[0].Results,
				addpartitionstotxn.ResponsePartition{PartitionIndex: int32(i), ErrorCode: code})
		}
		if err := answerError(res); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%d: %v, want %v", c.codes, err, c.want)
		}
	}
}

func TestAuthenticationError(t *testing.T) {
	err := describe(stageInit, transactionalID("x"), fmt.Errorf("dial: %w", kafka.SASLAuthenticationFailed))
	var denied *AuthorizationError
	if !errors.As(err, &denied) || denied.Operation != "Authenticate" || !errors.Is(err, kafka.SASLAuthenticationFailed) {
		t.Errorf("a wrong password: %v", err)
	}
}

func TestBackoff(t *testing.T) {
	for _, c := range []struct {
		r    ruling
		want []time.Duration // milliseconds
	}{
		{ruling{verdict: verdictSoon}, []time.Duration{1, 2, 4, 8, 16, 20, 20}},
		{ruling{verdict: verdictAgain}, []time.Duration{10, 20, 40, 80, 160, 320, 500, 500}},
	} {
		var b backoff
		for i, want := range c.want {
			if got := b.next(c.r, io.EOF); got != want*time.Millisecond {
				t.Errorf("%+v: wait %d is %s, want %s", c.r, i, got, want*time.Millisecond)
			}
		}
	}
}

func TestCancellationKeepsTheCause(t *testing.T) {
	cause := errors.New("shutting down")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if err := cancellation(ctx); !errors.Is(err, cause) || !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	ctx, cancelTimeout := context.WithTimeoutCause(t.Context(), 0, &deadlineError{"request", time.Second})
	defer cancelTimeout()
	if err := cancellation(ctx); !errors.Is(err, context.DeadlineExceeded) || err.Error() != "request timeout of 1s passed" {
		t.Errorf("%v", err)
	}
}
