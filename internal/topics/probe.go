package topics

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/apiversions"
	"github.com/segmentio/kafka-go/protocol/saslhandshake"
)

// probeTime is how long one question may take.
const probeTime = 2 * time.Second

// A probe asks the first broker that takes connections what it would want of a client.
type probe struct {
	brokers   []string
	transport *kafka.Transport
	clientID  string
}

func newProbe(client *kafka.Client, transport *kafka.Transport) *probe {
	return &probe{strings.Split(client.Addr.String(), ","), transport, transport.ClientID}
}

// blame names what a broker that hung up has against the settings; nothing if it would do with them.
func (p *probe) blame(ctx context.Context) string {
	switch {
	case p.transport.TLS != nil && p.answers(ctx, nil):
		return noTLS
	case p.transport.TLS == nil && p.shakesHands(ctx):
		return tlsWanted
	case p.transport.SASL == nil:
		if wanted, _ := p.login(ctx); wanted {
			return loginWanted
		}
	}
	return ""
}

// dial reaches a broker, with TLS or, with nil, without.
func (p *probe) dial(ctx context.Context, secure *tls.Config) (net.Conn, error) {
	dial := p.transport.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	var conn net.Conn
	var err error
	for _, address := range p.brokers {
		if conn, err = dial(ctx, "tcp", address); err != nil {
			continue
		}
		deadline, _ := ctx.Deadline()
		if err := conn.SetDeadline(deadline); err != nil {
			conn.Close()
			return nil, err
		}
		if secure != nil {
			if secure.ServerName == "" {
				secure = secure.Clone()
				secure.ServerName, _, _ = net.SplitHostPort(address)
			}
			return tls.Client(conn, secure), nil
		}
		return conn, nil
	}
	return nil, err
}

// answers tells whether a broker speaks Kafka's protocol there.
func (p *probe) answers(ctx context.Context, secure *tls.Config) bool {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	conn, err := p.dial(ctx, secure)
	if err != nil {
		return false
	}
	defer conn.Close()
	_, err = protocol.NewConn(conn, p.clientID).RoundTrip(new(apiversions.Request))
	return err == nil
}

// shakesHands tells whether a broker speaks TLS. Nothing is sent over the connection, so whom it belongs to is of no matter.
func (p *probe) shakesHands(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	conn, err := p.dial(ctx, &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: true})
	if err != nil {
		return false
	}
	defer conn.Close()
	err = conn.(*tls.Conn).HandshakeContext(ctx)
	var alert *net.OpError
	return err == nil || errors.As(err, &alert) && alert.Op == "remote error"
}

// login tells whether a broker wants a login, and in which ways it can be done. Asking needs none.
func (p *probe) login(ctx context.Context) (wanted bool, mechanisms []string) {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	conn, err := p.dial(ctx, p.transport.TLS)
	if err != nil {
		return false, nil
	}
	defer conn.Close()
	pc := protocol.NewConn(conn, p.clientID)
	pc.SetVersions(map[protocol.ApiKey]int16{protocol.SaslHandshake: 1})
	msg, err := pc.RoundTrip(&saslhandshake.Request{Mechanism: "which"})
	if err != nil {
		return false, nil
	}
	res, ok := msg.(*saslhandshake.Response)
	if !ok || !errors.Is(kafka.Error(res.ErrorCode), kafka.UnsupportedSASLMechanism) {
		return false, nil
	}
	return true, res.Mechanisms
}
