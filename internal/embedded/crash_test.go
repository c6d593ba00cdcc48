package embedded_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"attemptstream/internal/embedded"
)

// childDir makes a test binary that is started with it a broker instead.
const childDir = "EMBEDDED_TEST_DATA_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		os.Exit(child(dir))
	}
	os.Exit(m.Run())
}

// child runs a broker until standard input ends, and tells its address.
func child(dir string) int {
	b, err := embedded.Start(embedded.Config{Addr: ":0", DataDir: dir})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println(b.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin)
	if err := b.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// process is a broker in a process of its own.
type process struct {
	cmd  *exec.Cmd
	addr string
	once sync.Once
}

func startProcess(t *testing.T, dir string) *process {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	cmd.Stderr = os.Stderr
	if _, err := cmd.StdinPipe(); err != nil { // closed when this process ends
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: cmd}
	t.Cleanup(p.kill)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the broker did not start: %v", err)
	}
	p.addr = strings.TrimSpace(line)
	return p
}

func (p *process) kill() {
	p.once.Do(func() {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	})
}

// A broker that is killed at any moment, again and again, keeps every transaction that it has acknowledged, and of the
// others all or nothing.
func TestBrokerIsKilled(t *testing.T) {
	t.Parallel()
	const rounds, partitions = 4, 5
	dir := t.TempDir()
	fate := make(map[string]string) // what became of a transaction
	var unsure string
	for round := range rounds {
		p := startProcess(t, dir)
		if round == 0 {
			createTopic(t, p.addr, "events", partitions, nil)
		}
		check(t, p.addr, partitions, fate, unsure)
		unsure = killWhileWriting(t, p, partitions, round, fate)
		if t.Failed() {
			return
		}
	}
	b := start(t, dir)
	check(t, b.Addr(), partitions, fate, unsure)
}

// killWhileWriting writes transactions of which every third is aborted until the broker is killed. It returns the one
// that was under way.
func killWhileWriting(t *testing.T, p *process, partitions int32, round int, fate map[string]string) (unsure string) {
	t.Helper()
	ctx := testContext(t)
	cl := producer(t, p.addr, "worker")
	after := 20 + rand.IntN(40)
	for i := 0; ; i++ {
		value := fmt.Sprintf("%d-%d", round, i)
		end := kgo.TryCommit
		if i%3 == 2 {
			end = kgo.TryAbort
		}
		if i == after {
			// The kill comes at some moment of the next transactions.
			go func() {
				time.Sleep(time.Duration(rand.Int64N(int64(5 * time.Millisecond)))) // chooses the moment, waits for nothing
				p.kill()
				cl.Close() // franz-go waits for an answer otherwise, whatever becomes of the context
			}()
		}
		err := transact(ctx, cl, end, everywhere("events", value, partitions)...)
		if err != nil {
			if i < after {
				t.Fatalf("transaction %s: %v", value, err)
			}
			p.kill()
			fate[value] = "unsure"
			if end == kgo.TryAbort {
				fate[value] = "aborted"
			}
			return value
		}
		fate[value] = "committed"
		if end == kgo.TryAbort {
			fate[value] = "aborted"
		}
	}
}

// check compares a topic with what became of its transactions, and decides those that were unsure.
func check(t *testing.T, addr string, partitions int, fate map[string]string, unsure string) {
	t.Helper()
	count := make(map[string]int)
	for _, values := range committed(t, addr, "events") {
		for _, v := range values {
			count[v]++
		}
	}
	if fate[unsure] == "unsure" {
		fate[unsure] = "aborted"
		if count[unsure] > 0 {
			fate[unsure] = "committed"
		}
	}
	var wrong []error
	for value, is := range fate {
		want := 0
		if is == "committed" {
			want = partitions
		}
		if count[value] != want {
			wrong = append(wrong, fmt.Errorf("%s transaction %s is in %d of %d partitions", is, value, count[value], partitions))
		}
		delete(count, value)
	}
	for value := range count {
		wrong = append(wrong, fmt.Errorf("transaction %s was never written", value))
	}
	if err := errors.Join(wrong...); err != nil {
		t.Error(err)
	}
}
