package kafkatest

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

// A Listener is one more port of every broker, beside the plain one through which tests administer the cluster.
type Listener struct {
	Name     string // capital letters
	Protocol string // PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL

	// Settings are the listener's own, without listener.name.<name>. before them.
	Settings map[string]string

	// Proxied: the brokers tell clients another address than that at which they listen. There the test has to put a
	// proxy for each of them, through which all clients of this listener go then (AddrsOf, ProxiesOf).
	Proxied bool
}

// Listen adds a listener.
func Listen(l Listener) Option { return func(s *settings) { s.listeners = append(s.listeners, l) } }

// Authorize lets nobody do anything that no access control list grants, but for clients of the plain port and of the
// controllers, which may do everything.
func Authorize() Option {
	return func(s *settings) {
		s.configs["authorizer.class.name"] = "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
		s.configs["allow.everyone.if.no.acl.found"] = "false"
		s.configs["super.users"] = "User:ANONYMOUS"
	}
}

// PlainUsers is the setting plain.sasl.jaas.config of a listener: who may log in, with which password.
func PlainUsers(passwords map[string]string) string {
	var b strings.Builder
	b.WriteString("org.apache.kafka.common.security.plain.PlainLoginModule required")
	for user, password := range passwords {
		fmt.Fprintf(&b, " user_%s=%q", user, password)
	}
	return b.String() + ";"
}

// ScramUsers is the setting scram-sha-256.sasl.jaas.config or scram-sha-512.sasl.jaas.config of a listener. The users are
// created in the cluster.
const ScramUsers = "org.apache.kafka.common.security.scram.ScramLoginModule required;"

// Sharing is like Shared, for a cluster with options: it returns what gives the one cluster of the test binary.
func Sharing(options func() ([]Option, error)) func(t testing.TB) *Cluster {
	once := sync.OnceValues(func() (*Cluster, error) {
		given, err := options()
		if err != nil {
			return nil, err
		}
		s := &settings{brokers: 1, configs: make(map[string]string)}
		for _, o := range given {
			o(s)
		}
		return launch(s)
	})
	return func(t testing.TB) *Cluster {
		t.Helper()
		c, err := once()
		if err != nil {
			giveUp(t, err)
		}
		return c
	}
}

// FreeAddrs returns addresses of this machine that nobody listens at, from a range in which no outgoing connection takes
// one: who stops listening there can begin again later.
func FreeAddrs(n int) ([]string, error) {
	ports, err := freePorts(n)
	if err != nil {
		return nil, err
	}
	var addrs []string
	for _, port := range ports {
		addrs = append(addrs, address(port))
	}
	return addrs, nil
}

// AddrsOf are the addresses at which the brokers listen.
func (c *Cluster) AddrsOf(listener string) []string {
	var addrs []string
	for _, b := range c.brokers {
		addrs = append(addrs, address(b.others[listener]))
	}
	return addrs
}

// ProxiesOf are the addresses that the brokers tell clients of a listener that is proxied.
func (c *Cluster) ProxiesOf(listener string) []string {
	var addrs []string
	for _, b := range c.brokers {
		addrs = append(addrs, address(b.proxies[listener]))
	}
	return addrs
}

// listening adds the listeners to the settings of a broker.
func (b *broker) listening(listeners []Listener, p map[string]string) {
	protocols := []string{"PLAINTEXT:PLAINTEXT", "CONTROLLER:PLAINTEXT"}
	for _, l := range listeners {
		told := b.others[l.Name]
		if l.Proxied {
			told = b.proxies[l.Name]
		}
		p["listeners"] += "," + l.Name + "://" + address(b.others[l.Name])
		p["advertised.listeners"] += "," + l.Name + "://" + address(told)
		protocols = append(protocols, l.Name+":"+l.Protocol)
		for name, value := range l.Settings {
			p["listener.name."+strings.ToLower(l.Name)+"."+name] = value
		}
	}
	p["listener.security.protocol.map"] = strings.Join(protocols, ",")
	p["inter.broker.listener.name"] = "PLAINTEXT"
}

// free says whether all ports of a broker are.
func (b *broker) free() bool {
	for _, port := range b.others {
		if !isFree(port) {
			return false
		}
	}
	return isFree(b.port) && isFree(b.controller)
}
