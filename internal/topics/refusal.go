package topics

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"reflect"
	"strings"
	"syscall"

	"github.com/segmentio/kafka-go"
)

// A RefusalError is a connection that these settings will never get: no waiting cures it.
type RefusalError struct {
	Brokers string
	Advice  string // what is wrong, and which setting to look at
	Err     error
}

func (e *RefusalError) Error() string { return fmt.Sprintf("%s %s: %v", e.Brokers, e.Advice, e.Err) }
func (e *RefusalError) Unwrap() error { return e.Err }

// Refusal tells whether the settings are to blame for what a client's request failed with, and which. It is nil for what
// may pass. Where the broker only hung up, which says nothing, it is asked what it would have wanted; no password is
// sent for that.
func Refusal(ctx context.Context, client *kafka.Client, err error) *RefusalError {
	if err == nil {
		return nil
	}
	advice := refused(ctx, client, err)
	if advice == "" {
		return nil
	}
	return &RefusalError{Brokers: client.Addr.String(), Advice: advice, Err: err}
}

const (
	loginWanted = "wants a login: set KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD_FILE, or name another port in KAFKA_BROKERS"
	noLogin     = "knows no login at this port: unset KAFKA_SASL_MECHANISM, or name another port in KAFKA_BROKERS"
	tlsWanted   = "wants TLS at this port: set KAFKA_TLS_ENABLED=true, or name another port in KAFKA_BROKERS"
	noTLS       = "speaks no TLS at this port: set KAFKA_TLS_ENABLED=false, or name another port in KAFKA_BROKERS"
	oldTLS      = "speaks no TLS that is safe: want 1.2 or newer with a cipher of today there (ssl.enabled.protocols, ssl.cipher.suites)"
	noClient    = "wants a client certificate: set KAFKA_TLS_CERT_FILE and KAFKA_TLS_KEY_FILE"
	wrongClient = "does not believe the client certificate: check KAFKA_TLS_CERT_FILE: its authority must be in the broker's ssl.truststore, and it must not have run out"
)

func refused(ctx context.Context, client *kafka.Client, err error) string {
	var (
		code   kafka.Error
		record tls.RecordHeaderError
		remote *net.OpError
	)
	transport, _ := client.Transport.(*kafka.Transport)
	switch {
	case errors.As(err, &code):
		return loginRefused(ctx, client, transport, code)
	case errors.As(err, &record):
		return noTLS
	case errors.As(err, &remote) && remote.Op == "remote error": // how crypto/tls says that an alert was received
		return alerted(remote.Err, transport)
	case transport != nil && (hungUp(err) || transport.TLS != nil && errors.Is(err, os.ErrDeadlineExceeded)):
		// A broker without TLS may wait for the rest of what it takes for a long request.
		return newProbe(client, transport).blame(ctx)
	}
	return distrusted(err)
}

// loginRefused is about a broker's answer to a login.
func loginRefused(ctx context.Context, client *kafka.Client, transport *kafka.Transport, code kafka.Error) string {
	switch code {
	case kafka.SASLAuthenticationFailed:
		return "refuses the login: check KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD or KAFKA_SASL_PASSWORD_FILE, and whether this user has a " +
			"password for the mechanism in KAFKA_SASL_MECHANISM"
	case kafka.UnsupportedSASLMechanism:
		offered := "another one"
		if transport != nil {
			if _, list := newProbe(client, transport).login(ctx); len(list) > 0 {
				offered = strings.ToLower(strings.Join(list, " or "))
			}
		}
		return "does not know this way to log in: set KAFKA_SASL_MECHANISM to " + offered
	case kafka.IllegalSASLState:
		return noLogin
	}
	return ""
}

// distrusted is about the broker's certificate.
func distrusted(err error) string {
	var (
		invalid     x509.CertificateInvalidError
		host        x509.HostnameError
		certificate *tls.CertificateVerificationError
		authority   x509.UnknownAuthorityError
	)
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "shows a certificate that has expired, or is not valid yet: renew it there (ssl.keystore), or the authority's in KAFKA_TLS_CA_FILE, " +
			"and check this machine's clock"
	case errors.As(err, &host):
		return "shows a certificate for another name: in KAFKA_BROKERS, and in the brokers' advertised.listeners, want a name that it is for"
	case errors.As(err, &authority), errors.As(err, &certificate):
		return "shows a certificate that is not trusted: in KAFKA_TLS_CA_FILE want the certificate of the authority that signed it"
	}
	return ""
}

// Alerts of RFC 8446, section 6.2.
const (
	handshakeFailure     = 40
	protocolVersion      = 70
	insufficientSecurity = 71
	certificateFirst     = 42 // bad, unsupported, revoked, expired, unknown
	certificateLast      = 46
	unknownAuthority     = 48
	certificateRequired  = 116
)

// alerted is about an alert that the broker ended the handshake with.
func alerted(alert error, transport *kafka.Transport) string {
	// crypto/tls does not export the type of alerts, which is an uint8.
	value := reflect.ValueOf(alert)
	if value.Kind() != reflect.Uint8 {
		return ""
	}
	switch n := value.Uint(); {
	case n == handshakeFailure, n == protocolVersion, n == insufficientSecurity:
		return oldTLS
	case n == unknownAuthority, n == certificateRequired, certificateFirst <= n && n <= certificateLast:
		if transport != nil && transport.TLS != nil && len(transport.TLS.Certificates) > 0 {
			return wrongClient
		}
		return noClient
	}
	return ""
}

// hungUp tells whether the broker ended a connection without a word.
func hungUp(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
