package imocha

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"attemptstream/internal/attempt"
)

// A Kind is what has to follow from an error.
type Kind int

const (
	// Throttled is a 429: nothing of the account may be asked before Error.Until. The client sees to it by itself.
	Throttled Kind = iota + 1
	// Unavailable is an API that did not answer, or said that it cannot: to be tried again later.
	Unavailable
	// Unreadable is an answer that is not what the API documents, or not all of it: to be tried again, then in parts.
	Unreadable
	// Unauthorized is a key that is refused, also after it was read again, or that cannot be read.
	Unauthorized
	// Rejected is a request that the API will not take however often it is sent.
	Rejected
	// Early is an answer for time that the API's clock, by the answer's date, has not reached yet: what is still to happen
	// cannot be in it. This machine's clock is ahead.
	Early
)

// String is the kind as it stands in logs and metrics.
func (k Kind) String() string {
	switch k {
	case Throttled:
		return "throttled"
	case Unavailable:
		return "unavailable"
	case Unreadable:
		return "unreadable"
	case Unauthorized:
		return "unauthorized"
	case Rejected:
		return "rejected"
	case Early:
		return "early"
	}
	return "other"
}

// An Error is an answer that did not come, or that does not count.
type Error struct {
	Kind    Kind
	Account attempt.Account
	State   attempt.State
	Status  int       // of HTTP; 0: there was no answer
	Until   time.Time // Throttled only: nothing may be asked before
	Reached time.Time // Early only: what the API's clock shows
	Err     error     // the cause, nil if there is nothing to add; its text is safe to show

	what   string // happened
	advice string // to the operator
}

// Error says what happened, to which request, and what to do about it.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "ask iMocha for %s of account %s: ", e.State, e.Account)
	if e.Status != 0 {
		fmt.Fprintf(&b, "HTTP %d: ", e.Status)
	}
	b.WriteString(e.what)
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	if e.advice != "" {
		b.WriteString("; " + e.advice)
	}
	return b.String()
}

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Err }

// KindOf is the kind of the Error in err's chain, 0 if there is none.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return 0
}

const (
	checkURL  = "check that IMOCHA_BASE_URL is the API's address and that nothing on the way answers in its place"
	checkDown = "it is tried again; if it lasts, check IMOCHA_BASE_URL, the network and the status of iMocha"
	checkKey  = "check that the key (IMOCHA_API_KEY, IMOCHA_API_KEY_FILE or apiKeyFile in IMOCHA_ACCOUNTS_FILE) is valid " +
		"and may read test attempts; a file is read again when the key is refused"
)

// unconnected is an Unavailable for a request that ended without an answer.
func unconnected(err error) *Error {
	e := &Error{Kind: Unavailable, what: "no answer", Err: safeCause(err), advice: checkDown}
	if record := (tls.RecordHeaderError{}); errors.Is(err, http.ErrSchemeMismatch) || errors.As(err, &record) {
		e.advice = "check whether the scheme of IMOCHA_BASE_URL has to be http instead of https"
	}
	if alert := (*net.OpError)(nil); errors.As(err, &alert) && alert.Op == "remote error" { // how crypto/tls says it
		e.advice = "check that who answers at IMOCHA_BASE_URL, or a proxy on the way, speaks TLS 1.2 or newer"
	}
	return e
}

// safeCause is the part of err whose text holds nothing that the peer has sent. Errors of net/http quote the peer, so
// what is not known stays out.
func safeCause(err error) error {
	if cause := networkCause(err); cause != nil {
		return cause
	}
	for _, known := range []error{io.ErrUnexpectedEOF, io.EOF, net.ErrClosed, http.ErrSchemeMismatch} {
		if errors.Is(err, known) {
			return known
		}
	}
	return errors.New("the connection failed, or its peer does not speak HTTP")
}

// networkCause is the error of the network or of TLS in err's chain, nil if there is none.
func networkCause(err error) error {
	var (
		dns       *net.DNSError
		op        *net.OpError
		hostname  x509.HostnameError
		authority x509.UnknownAuthorityError
		invalid   x509.CertificateInvalidError
		cert      *tls.CertificateVerificationError
		alert     tls.AlertError
		record    tls.RecordHeaderError
		number    syscall.Errno
	)
	switch {
	case errors.As(err, &dns):
		return dns
	case errors.As(err, &op):
		return op
	case errors.As(err, &hostname):
		return hostname
	case errors.As(err, &authority):
		return authority
	case errors.As(err, &invalid):
		return invalid
	case errors.As(err, &cert):
		return cert
	case errors.As(err, &alert):
		return alert
	case errors.As(err, &record):
		return record
	case errors.As(err, &number):
		return number
	}
	return nil
}
