package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"go.uber.org/zap"

	"attemptstream/internal/attempt"
	"attemptstream/internal/config"
	"attemptstream/internal/embedded"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/metrics"
	"attemptstream/internal/ownership"
	"attemptstream/internal/schedule"
	"attemptstream/internal/topics"
	"attemptstream/internal/worker"
)

// A system is a worker and what it is connected to.
type system struct {
	worker  *worker.Worker
	roster  *roster
	kafka   *kafkatx.Client
	layout  topics.Layout
	closers []func()
}

func (s *system) close() {
	for i := len(s.closers) - 1; i >= 0; i-- {
		s.closers[i]()
	}
}

// assemble connects a worker as the settings say. Topics that are missing are created. With stop not zero, the worker
// ends when it has read everything before it. The meter is told what happens.
func assemble(ctx context.Context, set *config.Settings, stop attempt.Instant, meter *metrics.Set, log *zap.Logger) (_ *system, err error) {
	s := &system{}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if set.Kafka.Embedded {
		broker, err := embedded.Start(embedded.Config{Addr: config.EmbeddedAddr, DataDir: set.DataDir, Logger: log.Named("broker")})
		if err != nil {
			return nil, err
		}
		s.closers = append(s.closers, func() {
			if err := broker.Close(); err != nil {
				log.Error("close the embedded broker", zap.Error(err))
			}
		})
	}
	if err := s.connect(ctx, set.Kafka, log); err != nil {
		return nil, err
	}
	encoder, err := set.PII.Encoder()
	if err != nil {
		return nil, err
	}
	s.roster = newRoster(set.IMocha, meter, log)
	s.closers = append(s.closers, s.roster.close)
	accounts, _, err := s.roster.take(set.IMocha.Accounts)
	if err != nil {
		return nil, err
	}
	s.roster.partitions = s.layout.State.Partitions
	s.roster.group = s.membership(s.roster.counts(set.IMocha.Accounts), log)
	s.worker = worker.New(worker.Config{
		Accounts: accounts,
		Kafka:    s.kafka,
		Topics:   s.layout,
		Events:   encoder,
		Schedule: schedule.Settings{
			States:           set.Stream.States,
			Start:            set.Stream.StartAt,
			PollInterval:     set.Stream.PollInterval,
			SettleDelay:      set.Stream.SettleDelay,
			Lookback:         set.Stream.Lookback,
			LookbackInterval: set.Stream.LookbackInterval,
			WindowMax:        set.Stream.WindowMax,
			WindowAttempts:   set.Stream.WindowAttempts,
			Stop:             stop,
		},
		Concurrency: set.IMocha.Concurrency,
		ReplayRate:  beside(set.IMocha).RateLimit,
		Compression: set.Kafka.Compression,
		Log:         log,
		Meter:       meter,
		Ownership:   s.roster.group,
	})
	s.roster.worker = s.worker
	return s, nil
}

// membership is this worker's place in the group that shares the accounts, of which so many are in each partition.
func (s *system) membership(counts []int, log *zap.Logger) *ownership.Group {
	client := clientID
	if host, err := os.Hostname(); err == nil {
		client += "-" + host // so that it can be found; without, its address is all that there is
	}
	return ownership.New(ownership.Config{Kafka: s.kafka.Kafka(), Group: ownership.GroupID(s.layout.Events.Name),
		Topic: s.layout.State.Name, Accounts: counts, ClientID: client, Log: log.Named("group")})
}

// connect reaches Kafka and makes sure of the topics.
func (s *system) connect(ctx context.Context, set config.Kafka, log *zap.Logger) error {
	to, err := reach(set)
	if err != nil {
		return err
	}
	everything := kafkatx.NewClient(to)
	defer everything.Close()
	log.Info("connecting to Kafka", zap.Strings("brokers", set.Brokers))
	patient, cancel := context.WithTimeoutCause(ctx, connectTime, fmt.Errorf("no answer within %s", connectTime))
	defer cancel()
	s.layout, err = topics.Ensure(patient, everything.Kafka(), topics.Config{
		Topic: set.Topic, Partitions: set.Partitions, ReplicationFactor: set.ReplicationFactor,
	})
	if err != nil {
		return err
	}
	for _, notice := range s.layout.Notices {
		log.Warn(notice)
	}
	to.MetadataTopics = s.layout.Names()
	s.kafka = kafkatx.NewClient(to)
	s.closers = append(s.closers, s.kafka.Close)
	return nil
}

// connectTime is how long Kafka may be away when the worker starts. Later it may be away for as long as it likes: who
// starts a worker should hear soon that a setting is wrong.
const connectTime = 30 * time.Second

// stopTime bounds how long the end of the work may take after a signal.
const stopTime = 9 * time.Second
