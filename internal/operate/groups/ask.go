package groups

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
)

const (
	// patience is how long a request is repeated that fails in a way that can pass.
	patience = 10 * time.Second

	// requestTime is the deadline of one request: kafka-go leaves goroutines hanging without.
	requestTime = 5 * time.Second

	firstPause = 20 * time.Millisecond
	mostPause  = 500 * time.Millisecond

	// atOnce is how many groups or partitions are asked for side by side.
	atOnce = 8
)

// ask sends a request until its answer is definite, or has not been for patience.
func ask[T any](ctx context.Context, client *kafka.Client, doing string, send func(context.Context) (T, error)) (T, error) {
	began := time.Now()
	pause := firstPause
	for {
		bounded, cancel := context.WithTimeout(ctx, requestTime)
		answer, err := send(bounded)
		cancel()
		switch {
		case err == nil:
			return answer, nil
		case ctx.Err() != nil:
			return answer, fmt.Errorf("%s: %w", doing, context.Cause(ctx))
		case !passing(err):
			return answer, fmt.Errorf("%s: %w", doing, explained(err))
		case time.Since(began) > patience:
			return answer, fmt.Errorf("%s: no definite answer within %s: %w", doing, patience, err)
		}
		// kafka-go answers from metadata in memory, and keeps connections to where a leader or coordinator was.
		if t, ok := client.Transport.(interface{ CloseIdleConnections() }); ok {
			t.CloseIdleConnections()
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
		pause = min(2*pause, mostPause)
	}
}

// passing tells whether time may cure an error.
func passing(err error) bool {
	var code kafka.Error
	if !errors.As(err, &code) {
		var (
			certificate *tls.CertificateVerificationError
			authority   x509.UnknownAuthorityError
			host        x509.HostnameError
		)
		return !errors.As(err, &certificate) && !errors.As(err, &authority) && !errors.As(err, &host)
	}
	switch code {
	case kafka.GroupLoadInProgress, kafka.GroupCoordinatorNotAvailable, kafka.NotCoordinatorForGroup, // the coordinator moves
		kafka.LeaderNotAvailable, kafka.NotLeaderForPartition, kafka.ReplicaNotAvailable, kafka.KafkaStorageError,
		kafka.FencedLeaderEpoch, kafka.UnknownLeaderEpoch, kafka.OffsetNotAvailable, kafka.ListenerNotFound, // the leader moves
		kafka.BrokerNotAvailable, kafka.RequestTimedOut, kafka.NetworkException, kafka.ThrottlingQuotaExceeded,
		kafka.Unknown, // kafka-go's, for a partition whose request failed
		kafka.UnstableOffsetCommit:
		return true
	}
	return false
}

// explained adds to an error what to do about it.
func explained(err error) error {
	switch {
	case errors.Is(err, kafka.GroupAuthorizationFailed):
		return fmt.Errorf("not authorized: grant Describe on the group, and Read to move it: kafka-acls.sh --add --operation Read --group NAME: %w", err)
	case errors.Is(err, kafka.TopicAuthorizationFailed):
		return fmt.Errorf("not authorized: grant Read on the topic: kafka-acls.sh --add --operation Read --topic NAME: %w", err)
	}
	return err
}
