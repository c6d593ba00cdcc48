package imocha

import (
	"crypto/tls"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Who speaks no TLS newer than 1.1 is not spoken with, and the message says what is wanted. That Go's client would not do so
// by itself either is no matter: the version is set, and counts whatever a later Go or GODEBUG takes for the default.
func TestOldTLS(t *testing.T) {
	t.Parallel()
	if set := newTransport(1).TLSClientConfig; set == nil || set.MinVersion != tls.VersionTLS12 || set.InsecureSkipVerify {
		t.Fatalf("TLS is set to %+v", set)
	}
	asked := false
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	s.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // it complains of the handshake
	s.StartTLS()
	defer s.Close()
	e := wantKind(t, ask(newClient(t, config(s.URL))), Unavailable, 0)
	if asked || !strings.Contains(e.Error(), "TLS 1.2 or newer") || !strings.Contains(e.Error(), "protocol version") {
		t.Errorf("asked %v: %v", asked, e)
	}
}
