package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"go.uber.org/zap"

	"attemptstream/internal/attempt"
	"attemptstream/internal/config"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/topics"
)

// An opened is what an operator's command works with: the topics of a stream that exists.
type opened struct {
	settings *config.Settings
	log      *zap.Logger
	kafka    *kafkatx.Client
	layout   topics.Layout
}

func (o *opened) close() { o.kafka.Close() }

// findTime is how long Kafka may be away when somebody waits at a terminal.
const findTime = 15 * time.Second

// open loads the settings that a command needs, config.NeedKafka among them, and finds the topics. It creates nothing.
func (a *app) open(ctx context.Context, need config.Need) (*opened, error) {
	set, log, err := a.settings(need | config.NeedKafka)
	if err != nil {
		return nil, err
	}
	to, err := reach(set.Kafka)
	if err != nil {
		return nil, err
	}
	o := &opened{settings: set, log: log}
	everything := kafkatx.NewClient(to)
	defer everything.Close()
	ctx, cancel := context.WithTimeoutCause(ctx, findTime, fmt.Errorf("no answer within %s", findTime))
	defer cancel()
	if o.layout, err = topics.Find(ctx, everything.Kafka(), set.Kafka.Topic); err != nil {
		return nil, err
	}
	to.MetadataTopics = o.layout.Names()
	o.kafka = kafkatx.NewClient(to)
	return o, nil
}

// clientID is under which Kafka shows what we do.
const clientID = "attemptstream"

// reach is how the settings say that Kafka is reached.
func reach(set config.Kafka) (kafkatx.Config, error) {
	tls, err := set.TLSConfig()
	if err != nil {
		return kafkatx.Config{}, err
	}
	mechanism, err := set.SASL()
	if err != nil {
		return kafkatx.Config{}, err
	}
	return kafkatx.Config{Brokers: set.Brokers, TLS: tls, SASL: mechanism, ClientID: clientID}, nil
}

// outputFlag adds --output: "table" or "json".
func outputFlag(flags *pflag.FlagSet, value *string) {
	flagFunc(flags, value, "output", "form", "table", "table or json", func(text string) (string, error) {
		if text != "table" && text != "json" {
			return "", errors.New("is no form of output: want table or json")
		}
		return text, nil
	})
}

// accountFlag adds --account, empty for all accounts.
func accountFlag(flags *pflag.FlagSet, value *attempt.Account, meaning string) {
	flagFunc(flags, value, "account", "name", "", meaning, attempt.ParseAccount)
}

// statesFlag adds --state, which may be given several times or with commas; none for all states.
func statesFlag(flags *pflag.FlagSet, value *[]attempt.State, meaning string) {
	flags.Var(&stateList{value}, "state", meaning)
}

// A stateList is the value of --state.
type stateList struct{ states *[]attempt.State }

func (l *stateList) Type() string { return "state" }

func (l *stateList) String() string {
	if l.states == nil || len(*l.states) == 0 {
		return ""
	}
	return fmt.Sprint(*l.states)
}

func (l *stateList) Set(text string) error {
	for name := range strings.SplitSeq(text, ",") {
		state, err := attempt.ParseState(name)
		if err != nil {
			return fmt.Errorf("is not a state: want completed, cancelled or expired")
		}
		if !slices.Contains(*l.states, state) {
			*l.states = append(*l.states, state)
		}
	}
	return nil
}
