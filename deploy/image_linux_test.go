package deploy

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// An image is what the Dockerfile makes, unpacked.
type image struct {
	stage
	root string
}

const (
	testVersion  = "1.2.3"
	testRevision = "0123456789abcdef"
	authorities  = "/etc/ssl/certs/ca-certificates.crt"
)

// makeImage does what the Dockerfile says, without an engine: its build stage is a folder that has what is copied into it,
// where its own command builds; its last stage is a folder that has what is copied from there.
func makeImage(t *testing.T) image {
	t.Helper()
	if os.Getuid() != 0 {
		lacking(t, "only root can make a folder the root of a process")
	}
	build, last := dockerfile(t)
	source, built := t.TempDir(), t.TempDir()
	copied := false
	for _, i := range build.instructions {
		words := i.words(t)
		switch {
		case i.name == "COPY":
			for _, from := range words[:len(words)-1] {
				place(t, filepath.Join("..", from), filepath.Join(source, words[len(words)-1], filepath.Base(from)))
			}
			copied = true
		case i.name == "RUN" && strings.Contains(i.args, "go build"):
			cmd := exec.CommandContext(t.Context(), "sh", "-ec", strings.ReplaceAll(i.args, " /out/", " "+built+"/out/"))
			cmd.Dir = source
			cmd.Env = append(os.Environ(), "VERSION="+testVersion, "REVISION="+testRevision)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%s: %v\n%s", i.args, err, out)
			}
		}
	}
	if !copied {
		t.Fatal("nothing is copied into the build")
	}

	img := image{stage: last, root: t.TempDir()}
	uid, gid := user(t, last)
	for _, i := range last.all("COPY") {
		words := i.words(t)
		from, to := words[0], filepath.Join(img.root, words[1])
		if i.flags["from"] != "build" {
			t.Fatalf("COPY %s comes from the context", i.args)
		}
		if from == authorities {
			if !strings.HasSuffix(words[1], "/") || filepath.Join(words[1], filepath.Base(from)) != authorities {
				t.Fatalf("the certificates go to %s, where Go does not look", words[1])
			}
			write(t, filepath.Join(img.root, authorities), "") // the test's own are put there
			continue
		}
		place(t, filepath.Join(built, from), to)
		if i.flags["chown"] != "" {
			if i.flags["chown"] != last.only(t, "USER").args {
				t.Errorf("%s belongs to %s, but %s runs", words[1], i.flags["chown"], last.only(t, "USER").args)
			}
			if err := os.Chown(to, int(uid), int(gid)); err != nil {
				t.Fatal(err)
			}
		}
	}
	return img
}

// place copies a file or a folder.
func place(t *testing.T, from, to string) {
	t.Helper()
	info, err := os.Stat(from)
	if err != nil {
		t.Fatal(err)
	}
	if info.IsDir() {
		// COPY cmd ./cmd has the folder's name twice.
		if filepath.Base(to) == filepath.Base(filepath.Dir(to)) {
			to = filepath.Dir(to)
		}
		if err := os.MkdirAll(to, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(to, os.DirFS(from)); err != nil {
			t.Fatal(err)
		}
		return
	}
	write(t, to, string(read(t, from)))
	if err := os.Chmod(to, info.Mode().Perm()); err != nil {
		t.Fatal(err)
	}
}

// command is the image's program as the image's user, with nothing around it but the image.
func (img image) command(t *testing.T, env []string, args ...string) *exec.Cmd {
	t.Helper()
	words := img.only(t, "ENTRYPOINT").words(t)
	cmd := exec.CommandContext(t.Context(), words[0], append(words[1:], args...)...)
	cmd.Dir, cmd.Env = "/", env
	for _, e := range img.all("ENV") {
		cmd.Env = append(cmd.Env, e.words(t)...)
	}
	uid, gid := user(t, img.stage)
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: img.root, Credential: &syscall.Credential{Uid: uid, Gid: gid}}
	return cmd
}

func TestImageRuns(t *testing.T) {
	t.Parallel()
	img := makeImage(t)

	t.Run("version", func(t *testing.T) {
		out, err := img.command(t, nil, "version").CombinedOutput()
		if err != nil || !strings.Contains(string(out), testVersion) || !strings.Contains(string(out), testRevision) {
			t.Errorf("version: %v: %s: want %s and %s", err, out, testVersion, testRevision)
		}
	})

	// A broker, an API and a worker: no folder for temporary files is needed, no zone, no resolver, no user's home.
	t.Run("everything", func(t *testing.T) {
		cmd := img.command(t, nil, "demo", "--json", "--duration", "3s")
		var said strings.Builder
		cmd.Stderr = &said
		out, err := cmd.Output()
		if events := strings.Count(string(out), `"TestAttemptObserved"`); err != nil || events == 0 {
			t.Errorf("demo: %v, %d events\n%s", err, events, &said)
		}
	})

	t.Run("its folder for data can be written", func(t *testing.T) {
		info, err := os.Stat(filepath.Join(img.root, "data"))
		if err != nil {
			t.Fatal(err)
		}
		if uid, _ := user(t, img.stage); info.Sys().(*syscall.Stat_t).Uid != uid {
			t.Errorf("/data belongs to %d: want %d", info.Sys().(*syscall.Stat_t).Uid, uid)
		}
	})

	t.Run("it trusts the authorities that it brings", func(t *testing.T) {
		server := httptest.NewUnstartedServer(nil)
		server.StartTLS() // for its certificate
		certificate := server.Certificate()
		write(t, filepath.Join(img.root, authorities), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw})))
		ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: server.TLS.Certificates, MinVersion: tls.VersionTLS13})
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		server.Close()

		// With TLS 1.3 the client's part of the handshake comes after it has checked the certificate.
		shaken := make(chan error, 1)
		go func() {
			conn, err := ln.Accept()
			if err == nil {
				err = conn.(*tls.Conn).HandshakeContext(t.Context())
				conn.Close()
			}
			shaken <- err
		}()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		cmd := img.command(t, []string{"KAFKA_BROKERS=" + ln.Addr().String(), "KAFKA_TLS_ENABLED=true", "IMOCHA_API_KEY=key", "ADMIN_ADDR="},
			img.only(t, "CMD").words(t)...)
		var said strings.Builder
		cmd.Stderr = &said
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-shaken:
			if err != nil {
				t.Errorf("no TLS connection to a server whose authority the image has: %v", err)
			}
		case <-ctx.Done():
			t.Error("the worker did not connect")
		}
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("after SIGTERM: %v\n%s", err, &said)
		}
	})
}
