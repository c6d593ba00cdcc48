package deploy

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// mayBeEmpty are queries that have no data in a worker that is well, by panel, with the reason.
var mayBeEmpty = map[string]string{
	"Alerts": "nothing fires",
}

// liveTime is how long everything may take until the dashboard has its data: the worker looks at consumer groups every 15 s.
const liveTime = 3 * time.Minute

// A server is a real Prometheus with our rules, that scrapes a real worker.
type server struct{ url string }

// start begins a process that is asked to stop, and waited for, when the test ends. What it writes to its standard output
// can be read.
func start(t *testing.T, cmd *exec.Cmd) io.Reader {
	t.Helper()
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended: Wait says how
		timer := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() })
		defer timer.Stop()
		if err := cmd.Wait(); err != nil || t.Failed() {
			t.Logf("%s ended: %v\n%s", filepath.Base(cmd.Path), err, &said)
		}
	})
	return out
}

// freeAddr is one that nobody has at the moment.
func freeAddr(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// startWorker starts the demo: a worker, a broker and an API with all its whims. It returns where its metrics are, and Kafka.
func startWorker(t *testing.T) (admin, broker string) {
	t.Helper()
	admin = freeAddr(t)
	cmd := exec.Command(program(t), "demo")
	cmd.Env = []string{"ADMIN_ADDR=" + admin, "NO_COLOR=1"}
	lines := bufio.NewScanner(start(t, cmd))
	kafka := regexp.MustCompile(`^Kafka +(\S+:\d+)`)
	for lines.Scan() {
		if parts := kafka.FindStringSubmatch(lines.Text()); parts != nil {
			broker = parts[1]
			break
		}
	}
	if broker == "" {
		t.Fatalf("the demo does not say where Kafka is: %v", lines.Err())
	}
	go func() {
		for lines.Scan() { // or the demo would stand still when the pipe is full
		}
	}()
	return admin, broker
}

// consume reads the events as a group does until the test ends.
func consume(t *testing.T, broker string) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(broker), kgo.ConsumerGroup("billing"), kgo.ConsumeTopics("test-attempts"),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.AutoCommitInterval(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			client.PollFetches(ctx)
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		client.Close()
	})
}

// startPrometheus starts one with the settings and rules of this folder, which looks every second and at admin alone.
func startPrometheus(t *testing.T, admin string) *server {
	t.Helper()
	binary, dir, addr := tool(t, "prometheus"), t.TempDir(), freeAddr(t)
	settings := string(read(t, "prometheus/prometheus.yml"))
	for old, replacement := range map[string]string{
		`"worker:8080"`:            `"` + admin + `"`,
		`"localhost:9090"`:         `"` + addr + `"`,
		"scrape_interval: 15s":     "scrape_interval: 1s",
		"evaluation_interval: 15s": "evaluation_interval: 1s",
	} {
		if strings.Count(settings, old) != 1 {
			t.Fatalf("prometheus.yml has %s %d times", old, strings.Count(settings, old))
		}
		settings = strings.Replace(settings, old, replacement, 1)
	}
	write(t, filepath.Join(dir, "prometheus.yml"), settings)
	for _, path := range ruleFiles {
		write(t, filepath.Join(dir, filepath.Base(path)), string(read(t, path)))
	}
	start(t, exec.Command(binary, "--config.file="+filepath.Join(dir, "prometheus.yml"),
		"--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+addr, "--log.level=warn"))
	return &server{"http://" + addr}
}

// get asks the HTTP API, and decodes its data.
func (p *server) get(ctx context.Context, path string, query url.Values, data any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+path+"?"+query.Encode(), nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer := struct {
		Status, Error string
		Data          any
	}{Data: data}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		return err
	}
	if answer.Status != "success" {
		return fmt.Errorf("%s %s", answer.Status, answer.Error)
	}
	return nil
}

// values is how many numbers a query gives for the last seconds; what is not a number does not count.
func (p *server) values(ctx context.Context, expr string) (int, error) {
	var data struct {
		Result []struct{ Values [][2]any }
	}
	now := time.Now().Unix()
	err := p.get(ctx, "/api/v1/query_range", url.Values{"query": {expr}, "start": {fmt.Sprint(now - 5)}, "end": {fmt.Sprint(now)}, "step": {"1"}}, &data)
	n := 0
	for _, series := range data.Result {
		for _, v := range series.Values {
			if v[1] != "NaN" {
				n++
			}
		}
	}
	return n, err
}

// TestLive runs a worker, a consumer and a Prometheus, and asks what the dashboard and the rules ask.
func TestLive(t *testing.T) {
	t.Parallel()
	tool(t, "prometheus")
	admin, broker := startWorker(t)
	consume(t, broker)
	p := startPrometheus(t, admin)
	ctx, cancel := context.WithTimeoutCause(t.Context(), liveTime, fmt.Errorf("it took longer than %s", liveTime))
	defer cancel()

	// What may be empty has to be one that is asked.
	wanted := queries(t)
	for title := range mayBeEmpty {
		if !slices.ContainsFunc(wanted, func(q query) bool { return q.panel == title }) {
			t.Errorf("nothing is called %q any more", title)
		}
	}
	recorded, _ := rules(t, ruleFiles[0])
	for _, r := range recorded {
		wanted = append(wanted, query{"recorded", r.Record})
	}
	// The groups come last, and then all names are there: one that is misspelt need not be waited for.
	p.waitFor(ctx, t, []query{{"the groups", "attemptstream_consumer_group_lag_events"}})
	p.checkNames(ctx, t)
	if !t.Failed() {
		p.waitFor(ctx, t, wanted)
	}
	p.checkRules(ctx, t)
}

// waitFor asks all queries until each has had data.
func (p *server) waitFor(ctx context.Context, t *testing.T, wanted []query) {
	t.Helper()
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for up := false; ; {
		var left []query
		for _, q := range wanted {
			n, err := p.values(ctx, q.inPrometheus(t, "10s"))
			switch {
			case err != nil && (up || ctx.Err() != nil):
				t.Errorf("%s: %s: %v", q.panel, q.expr, err)
			case err == nil:
				up = true
			}
			if n == 0 && mayBeEmpty[q.panel] == "" {
				left = append(left, q)
			}
		}
		if len(left) == 0 || t.Failed() {
			return
		}
		wanted = left
		select {
		case <-tick.C:
		case <-ctx.Done():
			for _, q := range left {
				t.Errorf("%s has no data: %s: %v", q.panel, q.expr, context.Cause(ctx))
			}
			return
		}
	}
}

// checkNames compares the names that are asked for, also where nothing is found, with those that the worker has.
func (p *server) checkNames(ctx context.Context, t *testing.T) {
	t.Helper()
	var known map[string]any
	if err := p.get(ctx, "/api/v1/metadata", nil, &known); err != nil {
		t.Fatal(err)
	}
	asked := map[string]bool{}
	name := regexp.MustCompile(`\battemptstream_\w+`)
	exprs := queries(t)
	for _, path := range ruleFiles {
		all, _ := rules(t, path)
		for _, r := range all {
			exprs = append(exprs, query{"rule", r.Expr})
		}
	}
	for _, q := range exprs {
		for _, n := range name.FindAllString(q.expr, -1) {
			n = strings.TrimSuffix(strings.TrimSuffix(n, "_bucket"), "_count")
			if _, found := known[n]; !found && mayBeEmpty[q.panel] == "" && !asked[n] {
				t.Errorf("%s asks for %s, which the worker does not have", q.panel, n)
			}
			asked[n] = true
		}
	}
	for _, n := range slices.Sorted(maps.Keys(known)) {
		if strings.HasPrefix(n, "attemptstream_") && !asked[n] {
			t.Logf("nobody looks at %s", n)
		}
	}
}

// checkRules reads from Prometheus that it could evaluate each rule, and that nothing fires that calls somebody out of bed.
func (p *server) checkRules(ctx context.Context, t *testing.T) {
	t.Helper()
	var data struct {
		Groups []struct {
			Rules []struct {
				Name, Health, LastError, State string
				Labels                         map[string]string
			}
		}
	}
	if err := p.get(ctx, "/api/v1/rules", nil, &data); err != nil {
		t.Fatal(err)
	}
	want := 0
	for _, path := range ruleFiles {
		all, _ := rules(t, path)
		want += len(all)
	}
	for _, g := range data.Groups {
		for _, r := range g.Rules {
			want--
			if r.Health != "ok" {
				t.Errorf("%s is %s: %s", r.Name, r.Health, r.LastError)
			}
			if r.Labels["severity"] == "critical" && r.State == "firing" {
				t.Errorf("%s fires while all is well", r.Name)
			}
		}
	}
	if want != 0 {
		t.Errorf("Prometheus has %d rules less than there are", want)
	}
}
