package kafkatx

import (
	"context"
	"errors"
	"net"
)

// errNotKafka is what another kind of server at a broker's port comes to.
var errNotKafka = errors.New("what answers there does not speak Kafka's protocol: check the hosts and ports in KAFKA_BROKERS")

// dial connects to a broker without TLS, as kafka-go's own dialer does, and looks at the first byte that comes back.
//
// An answer begins with its length, and kafka-go believes it, and every length in it: the words of another protocol, such
// as HTTP/1.1 400, are gigabytes to it, for which it makes room. With TLS the certificate has said who answers.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &greeted{Conn: c}, nil
}

// A greeted connection is refused if the first thing that it brings is text. No broker's first answer is as long as half a
// gigabyte, which is what a space would stand for; TLS begins with lower bytes, and is for others to recognise.
type greeted struct {
	net.Conn
	seen bool
}

func (g *greeted) Read(p []byte) (int, error) {
	n, err := g.Conn.Read(p)
	if n > 0 && !g.seen {
		g.seen = true
		if p[0] >= ' ' {
			return 0, errNotKafka
		}
	}
	return n, err
}
