package worker_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kgo"

	"attemptstream/internal/attempt"
	"attemptstream/internal/imocha"
	"attemptstream/internal/imochasim"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/worker"
)

// Where the strange APIs of a fleet are.
const (
	trickleAddress  = "127.0.0.1:81"
	endlessAddress  = "127.0.0.1:82"
	pageAddress     = "127.0.0.1:83"
	redirectAddress = "127.0.0.1:84"
	hugeAddress     = "127.0.0.1:85"
	nowhere         = "api.invalid"
)

const emptyAnswer = `{"result":{"testAttempts":[]},"errors":null}`

// serveStrangely lets APIs answer that are none, or hardly any.
func (f *fleet) serveStrangely() {
	spaces := strings.Repeat(" ", 100)
	f.serve(trickleAddress, func(w http.ResponseWriter, r *http.Request) {
		for i := 0; i < len(emptyAnswer) && drip(w, r, emptyAnswer[i:i+1]); i++ {
		}
	})
	f.serve(endlessAddress, func(w http.ResponseWriter, r *http.Request) {
		for drip(w, r, spaces) {
		}
	})
	f.serve(pageAddress, func(w http.ResponseWriter, r *http.Request) {
		for drip(w, r, "<html>"+spaces) {
		}
	})
	f.serve(redirectAddress, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) })
	f.serve(hugeAddress, f.huge)
}

// drip sends a piece of an answer and waits for a second. It is false when the client has gone.
func drip(w http.ResponseWriter, r *http.Request, text string) bool {
	_, err := io.WriteString(w, text)
	if err == nil {
		err = http.NewResponseController(w).Flush()
	}
	select {
	case <-time.After(time.Second):
		return err == nil
	case <-r.Context().Done():
		return false
	}
}

// huge answers some requests with 10 MiB, whatever the window, and others with nothing.
func (f *fleet) huge(w http.ResponseWriter, _ *http.Request) {
	if since := time.Since(f.began); since < troubleFrom || f.hugely.Add(1) > 12 {
		fmt.Fprint(w, emptyAnswer)
		return
	}
	fmt.Fprint(w, `{"result":{"testAttempts":[`)
	filler := bytes.Repeat([]byte{'x'}, 10<<10)
	for i := range 1 << 10 {
		if i > 0 {
			fmt.Fprint(w, ",")
		}
		if _, err := fmt.Fprintf(w, `{"testInvitationId":%d,"testStatus":"Completed","report":"%s"}`, i, filler); err != nil {
			return
		}
	}
	fmt.Fprint(w, `]},"errors":null}`)
}

// serve answers at an address of the virtual network.
func (w *virtualWorld) serve(address string, handler http.HandlerFunc) {
	w.Helper()
	l, err := w.net.Listen("tcp", address)
	if err != nil {
		w.Fatal(err)
	}
	readFirst := func(w http.ResponseWriter, r *http.Request) { // else nobody notices when the client goes
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		handler(w, r)
	}
	server := &http.Server{Handler: http.HandlerFunc(readFirst), ReadHeaderTimeout: time.Minute}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }()
	w.Cleanup(func() {
		_ = server.Close()
		<-done
	})
}

// apiWith is an account's client of an API at any address.
func (w *virtualWorld) apiWith(name attempt.Account, address, key string, concurrency int) *imocha.Client {
	w.Helper()
	dial := func(ctx context.Context, network, to string) (net.Conn, error) {
		if host, _, _ := net.SplitHostPort(to); host == nowhere {
			return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
		}
		return w.net.DialContext(ctx, network, to)
	}
	transport := &http.Transport{DialContext: dial, MaxIdleConnsPerHost: concurrency, IdleConnTimeout: 90 * time.Second}
	client, err := imocha.New(imocha.Config{BaseURL: "http://" + address, Account: name, Key: imocha.StaticKey(key),
		RequestTimeout: 30 * time.Second, RateLimit: 5, Concurrency: concurrency, Transport: transport})
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(transport.CloseIdleConnections)
	return client
}

// writeState writes a record as no worker would.
func (w *virtualWorld) writeState(r *kgo.Record) {
	w.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(virtualBroker), kgo.Dialer(w.net.DialContext), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		w.Fatal(err)
	}
	defer client.Close()
	if err := client.ProduceSync(w.Context(), r).FirstErr(); err != nil {
		w.Fatal(err)
	}
}

// kafkaThatHangs is a client whose answers to what one account writes do not come while its trouble lasts, though the broker
// has it. All accounts share its connections.
func (f *fleet) kafkaThatHangs(name attempt.Account) *kafkatx.Client {
	id := []byte(worker.TransactionalID(f.layout.Events.Name, string(name)))
	ctx, cancel := context.WithCancel(context.Background())
	transport := &kafka.Transport{MetadataTTL: time.Hour, IdleTimeout: time.Hour, Context: ctx,
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := f.net.DialContext(ctx, network, address)
			return &hangingConn{Conn: conn, id: id, from: f.began.Add(troubleFrom), to: f.began.Add(troubleTo)}, err
		}}
	client := kafkatx.NewClient(kafkatx.Config{Brokers: []string{virtualBroker}, RequestTimeout: 10 * time.Second, RoundTripper: transport})
	f.Cleanup(func() {
		client.Close()
		cancel()
	})
	return client
}

// A hangingConn is a connection to a broker on which the answers to one producer's records do not come for a while.
type hangingConn struct {
	net.Conn
	id       []byte
	from, to time.Time

	mu    sync.Mutex
	hangs bool
}

// Write looks at requests, each of which begins with its length and its kind: 0 is Produce.
func (c *hangingConn) Write(b []byte) (int, error) {
	if now := time.Now(); now.After(c.from) && now.Before(c.to) && len(b) > 6 && b[4] == 0 && b[5] == 0 && bytes.Contains(b, c.id) {
		c.mu.Lock()
		c.hangs = true
		c.mu.Unlock()
	}
	return c.Conn.Write(b)
}

func (c *hangingConn) Read(b []byte) (int, error) {
	c.mu.Lock()
	hangs := c.hangs
	c.mu.Unlock()
	if hangs {
		time.Sleep(time.Until(c.to))
	}
	return c.Conn.Read(b)
}

// commits are when what was committed, of each account.
type commits struct {
	mu sync.Mutex
	of map[attempt.Account][]time.Time // one for each event
}

func (c *commits) add(done worker.Commit) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of == nil {
		c.of = map[attempt.Account][]time.Time{}
	}
	for range done.Events {
		c.of[done.Account] = append(c.of[done.Account], time.Now())
	}
}

func (c *commits) times(name attempt.Account) []time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.of[name]
}

// A lagging is a consumer of what is committed, and how late it sees it.
type lagging struct {
	mu   sync.Mutex
	most time.Duration
}

func (l *lagging) longest() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.most
}

// follow reads all events every other second, and notes how long after it was written each is seen.
func (f *fleet) follow(from, to time.Duration) *lagging {
	l := &lagging{}
	client := f.kafkaClient(nil)
	done := make(chan struct{})
	go func() {
		defer close(done)
		next := make([]int64, f.layout.Events.Partitions)
		time.Sleep(f.until(from))
		for ; f.until(to) > 0; time.Sleep(2 * time.Second) {
			for p := range next {
				var err error
				next[p], err = client.ReadCommitted(context.Background(), f.layout.Events.Name, p, next[p], func(r kafkatx.Record) error {
					if r.Time.After(f.began.Add(from)) {
						l.mu.Lock()
						l.most = max(l.most, time.Since(r.Time))
						l.mu.Unlock()
					}
					return nil
				})
				if err != nil {
					f.Error(err)
				}
			}
		}
	}()
	f.Cleanup(func() { <-done; client.Close() })
	return l
}

// playAlone is inVirtualTime for tests that follow each other.
func playAlone(t *testing.T, sim imochasim.Config, test func(w *virtualWorld)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { inBubble(t, sim, test) })
}
