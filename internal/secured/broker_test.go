//go:build unix

package secured_test

import (
	"context"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"attemptstream/internal/kafkatest"
)

// The listeners of the broker.
const (
	saslSSL  = "LOGIN"    // TLS, and all SASL mechanisms
	scramSSL = "SCRAM"    // TLS, and scram-sha-512 alone; sessions end soon
	mutual   = "MUTUAL"   // TLS, and client certificates
	expired  = "EXPIRED"  // TLS with a certificate that has expired
	saslOnly = "PASSWORD" // SASL without TLS
	plain    = "PLAIN"    // nothing of that
)

const (
	alice        = "alice" // may do everything with a stream
	guideUser    = "attemptstream"
	operator     = "operator"
	watcher      = "watcher"
	blindWatcher = "blind-watcher"
	stranger     = "stranger"

	password    = "alice-has-a-secret"
	apiKey      = "the-api-key-is-a-secret"
	allMethods  = "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512"
	sessionTime = "1500" // milliseconds
)

// limited are users with the rights that a test gives them.
const limited = 80

func limitedUser(i int) string { return fmt.Sprintf("user-%02d", i) }

// authorities are those that the tests' certificates are of.
var ours, others *kafkatest.Authority

var shared = kafkatest.Sharing(func() ([]kafkatest.Option, error) {
	var err error
	if ours, err = kafkatest.NewAuthority(); err != nil {
		return nil, err
	}
	if others, err = kafkatest.NewAuthority(); err != nil {
		return nil, err
	}
	server, serverKey, err := ours.Sign("broker", time.Now().Add(time.Hour))
	if err != nil {
		return nil, err
	}
	old, oldKey, err := ours.Sign("broker", time.Now().Add(-24*time.Hour))
	if err != nil {
		return nil, err
	}
	passwords := map[string]string{}
	for _, user := range []string{alice, guideUser, operator, watcher, blindWatcher, stranger} {
		passwords[user] = password
	}
	for i := range limited {
		passwords[limitedUser(i)] = password
	}
	logins := map[string]string{
		"sasl.enabled.mechanisms": allMethods, "plain.sasl.jaas.config": kafkatest.PlainUsers(passwords),
		"scram-sha-256.sasl.jaas.config": kafkatest.ScramUsers, "scram-sha-512.sasl.jaas.config": kafkatest.ScramUsers,
	}
	keystore := ours.Keystore(server, serverKey)
	with := func(more ...map[string]string) map[string]string {
		all := map[string]string{}
		for _, m := range more {
			maps.Copy(all, m)
		}
		return all
	}
	return []kafkatest.Option{
		kafkatest.Authorize(),
		kafkatest.Listen(kafkatest.Listener{Name: saslSSL, Protocol: "SASL_SSL", Settings: with(logins, keystore)}),
		kafkatest.Listen(kafkatest.Listener{Name: scramSSL, Protocol: "SASL_SSL", Settings: with(keystore, map[string]string{
			"sasl.enabled.mechanisms": "SCRAM-SHA-512", "scram-sha-512.sasl.jaas.config": kafkatest.ScramUsers,
			"scram-sha-512.connections.max.reauth.ms": sessionTime,
		})}),
		kafkatest.Listen(kafkatest.Listener{Name: mutual, Protocol: "SSL", Settings: with(keystore, map[string]string{
			"ssl.client.auth": "required", "ssl.principal.mapping.rules": "RULE:^CN=(.*)$/$1/",
		})}),
		kafkatest.Listen(kafkatest.Listener{Name: expired, Protocol: "SASL_SSL", Settings: with(logins, ours.Keystore(old, oldKey))}),
		kafkatest.Listen(kafkatest.Listener{Name: saslOnly, Protocol: "SASL_PLAINTEXT", Settings: logins}),
		kafkatest.Listen(kafkatest.Listener{Name: plain, Protocol: "PLAINTEXT"}),
	}, nil
})

// A broker is the shared one, with a client that may do everything.
type broker struct {
	*kafkatest.Cluster
	admin *kadm.Client
}

func newBroker(t testing.TB) *broker {
	t.Helper()
	c := shared(t)
	client, err := kgo.NewClient(kgo.SeedBrokers(c.Addrs()...), kgo.MetadataMinAge(10*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return &broker{c, kadm.NewClient(client)}
}

// grant gives a user rights, and waits until the broker knows of them.
func (b *broker) grant(t testing.TB, user string, lists ...*kadm.ACLBuilder) {
	t.Helper()
	ctx := testContext(t)
	type rule struct {
		kind      kmsg.ACLResourceType
		name      string
		operation kadm.ACLOperation
	}
	missing := map[rule]bool{}
	for _, l := range lists {
		res, err := b.admin.CreateACLs(ctx, l.Allow("User:"+user).AllowHosts())
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range res {
			if r.Err != nil {
				t.Fatal(r.Err, r.ErrMessage)
			}
			missing[rule{r.Type, r.Name, r.Operation}] = true
		}
	}
	all := kadm.NewACLs().AnyResource().Allow("User:" + user).AllowHosts().Deny().DenyHosts().Operations().ResourcePatternType(kadm.ACLPatternAny)
	for len(missing) > 0 {
		res, err := b.admin.DescribeACLs(ctx, all)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range res {
			for _, d := range r.Described {
				delete(missing, rule{d.Type, d.Name, d.Operation})
			}
		}
	}
}

// grantAlice lets a user who is not the matter of a test do everything with what begins with a name.
func (b *broker) grantAlice(t testing.TB, prefix string) {
	t.Helper()
	b.grant(t, alice, kadm.NewACLs().Topics(prefix).TransactionalIDs(prefix).Groups(prefix).
		ResourcePatternType(kadm.ACLPatternPrefixed).Operations(kadm.OpAll))
}

// scram sets a user's password for a SCRAM mechanism.
func (b *broker) scram(t testing.TB, user string, mechanism kadm.ScramMechanism, password string) {
	t.Helper()
	res, err := b.admin.AlterUserSCRAMs(testContext(t), nil, []kadm.UpsertSCRAM{
		{User: user, Mechanism: mechanism, Iterations: 4096, Password: password},
	})
	if err == nil {
		err = res.Error()
	}
	if err != nil {
		t.Fatal(err)
	}
}

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}
