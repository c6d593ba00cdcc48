package config

import (
	"context"
	"errors"
	"fmt"

	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"
)

// A Mechanism is a SASL mechanism by its name in the settings; empty: none.
type Mechanism string

// The mechanisms.
const (
	Plain       Mechanism = "plain"
	ScramSHA256 Mechanism = "scram-sha-256"
	ScramSHA512 Mechanism = "scram-sha-512"
)

func (l *loader) sasl(s *Kafka) {
	mechanism, username := &l.vars.SASLMechanism, &l.vars.SASLUsername
	password, passwordFile := &l.vars.SASLPassword, &l.vars.SASLPasswordFile
	s.SASLMechanism = read(l, mechanism, oneOf(Plain, ScramSHA256, ScramSHA512))
	s.SASLUsername = username.value()
	if !mechanism.isSet() {
		for _, v := range []*variable{username, password, passwordFile} {
			if v.isSet() {
				l.wrong(v, "is set, but %s is not: want a mechanism, %s, %s or %s", mechanism.name, Plain, ScramSHA256, ScramSHA512)
			}
		}
		return
	}
	if s.Embedded {
		l.wrong(mechanism, "%s is set, but the embedded broker has no SASL: want none, or other brokers", mechanism.quoted())
		return
	}
	if !username.isSet() {
		l.wrong(username, "is not set, but %s is: want the user's name", mechanism.name)
	}
	if !password.isSet() && !passwordFile.isSet() {
		l.wrong(password, "is not set, but %s is: want the password, or its file in %s", mechanism.name, passwordFile.name)
	}
	s.SASLPassword = l.secret(password, passwordFile, "the password", func(text string) error {
		_, err := newMechanism(s.SASLMechanism, s.SASLUsername, text)
		return err
	})
	if s.SASLMechanism == Plain && !s.TLSEnabled {
		l.warn(mechanism, "is plain without TLS: the password travels in the clear; want %s=true or a scram mechanism", l.vars.TLSEnabled.name)
	}
}

// SASL is how this client shows who it is, nil if it does not. Every connection uses the password that its file holds by
// then, so a password can be exchanged without a restart.
func (k Kafka) SASL() (sasl.Mechanism, error) {
	if k.SASLMechanism == "" {
		return nil, nil
	}
	m, err := k.currentSASL()
	if err != nil || !k.SASLPassword.FromFile() {
		return m, err
	}
	return &rereading{k, m.Name()}, nil
}

// currentSASL is the mechanism with the password as of now.
func (k Kafka) currentSASL() (sasl.Mechanism, error) {
	password, err := k.SASLPassword.Read()
	if err != nil {
		return nil, fmt.Errorf("KAFKA_SASL_PASSWORD_FILE: %w", err)
	}
	m, err := newMechanism(k.SASLMechanism, k.SASLUsername, password)
	if err != nil {
		return nil, fmt.Errorf("the SASL password %w", err)
	}
	return m, nil
}

// newMechanism is a mechanism for one password. Its errors go on from "the password".
func newMechanism(m Mechanism, username, password string) (sasl.Mechanism, error) {
	algorithm := scram.SHA256
	switch m {
	case ScramSHA256:
	case ScramSHA512:
		algorithm = scram.SHA512
	default:
		return plain.Mechanism{Username: username, Password: password}, nil
	}
	built, err := scram.Mechanism(algorithm, username, password)
	if err != nil { // not wrapped: it quotes the character
		return nil, errors.New("or the user's name has a character that SCRAM does not allow (RFC 4013): want others")
	}
	return built, nil
}

// rereading is a mechanism that reads the password anew for each connection.
type rereading struct {
	kafka Kafka
	name  string
}

func (r *rereading) Name() string { return r.name }

func (r *rereading) Start(ctx context.Context) (sasl.StateMachine, []byte, error) {
	m, err := r.kafka.currentSASL()
	if err != nil {
		return nil, nil, err
	}
	return m.Start(ctx)
}
