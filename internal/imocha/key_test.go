package imocha

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
)

func TestKeyIsReadAgainWhenRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "key")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var valid atomic.Value
	var asked []string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		key := r.Header.Get("X-API-KEY")
		asked = append(asked, key)
		if key != valid.Load() {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = io.WriteString(w, golden)
	})
	cfg := c.config
	cfg.Key = KeyFile(path)
	c = newClient(t, cfg)
	wantAsked := func(want ...string) {
		t.Helper()
		if !reflect.DeepEqual(asked, want) {
			t.Errorf("asked with %q, want %q", asked, want)
		}
		asked = nil
	}

	valid.Store("SECRET1")
	if e := wantKind(t, ask(c), Unauthorized, 0); !strings.Contains(e.Error(), path) || !errors.Is(e, os.ErrNotExist) {
		t.Errorf("no file: %v", e)
	}
	write(" \n")
	if e := wantKind(t, ask(c), Unauthorized, 0); !strings.Contains(e.Error(), path) {
		t.Errorf("an empty file: %v", e)
	}
	write("SECRET1\nSECRET2")
	if e := wantKind(t, ask(c), Unauthorized, 0); !strings.Contains(e.Error(), path) {
		t.Errorf("two lines: %v", e)
	}
	wantAsked()

	write("\t SECRET1 \r\n")
	if err := ask(c); err != nil {
		t.Error(err)
	}
	wantAsked("SECRET1")

	write("SECRET2") // not read while the first one serves
	if err := ask(c); err != nil {
		t.Error(err)
	}
	wantAsked("SECRET1")

	valid.Store("SECRET2")
	if err := ask(c); err != nil {
		t.Error(err)
	}
	wantAsked("SECRET1", "SECRET2")

	valid.Store("SECRET3") // the file still has the second one: no use to send it again
	wantKind(t, ask(c), Unauthorized, 401)
	wantAsked("SECRET2")

	write("SECRET4") // neither is this one good; once is enough
	wantKind(t, ask(c), Unauthorized, 401)
	wantAsked("SECRET2", "SECRET4")

	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if e := wantKind(t, ask(c), Unauthorized, 401); !strings.Contains(e.Error(), path) {
		t.Errorf("no file any more: %v", e)
	}
	wantAsked("SECRET4")

	write("SECRET3")
	if err := ask(c); err != nil {
		t.Error(err)
	}
	wantAsked("SECRET4", "SECRET3")
}

func TestSettingsDoNotPrintTheKey(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(format, config("http://imocha.test")); strings.Contains(text, "SECRET") {
			t.Errorf("%s prints %s", format, text)
		}
	}
	for _, key := range []string{"", " \n", "SECRET\nSECRET", "SECRET\x00"} {
		if _, err := StaticKey(key).Key(); err == nil || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%q: %v", key, err)
		}
	}
	if key, err := StaticKey(" SECRET\n").Key(); key != "SECRET" || err != nil {
		t.Errorf("%q %v", key, err)
	}
}
