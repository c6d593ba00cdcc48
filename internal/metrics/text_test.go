package metrics_test

import (
	"compress/gzip"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"go.uber.org/zap"

	"attemptstream/internal/attempt"
	"attemptstream/internal/metrics"
	"attemptstream/internal/schedule"
	"attemptstream/internal/worker"
)

// stirred is a Set with two accounts of which much is to be said.
func stirred(t *testing.T) (*metrics.Set, *prometheus.Registry) {
	t.Helper()
	registry, at := prometheus.NewRegistry(), time.Unix(1_700_000_000, 250_000_000)
	s, err := metrics.New(metrics.Config{Accounts: []attempt.Account{"a-1", "b.2_c"}, Ready: owned,
		Schedule: schedule.Settings{States: attempt.States(), Lookback: time.Hour}}, registry)
	if err != nil {
		t.Fatal(err)
	}
	progress := []worker.Progress{
		{Account: "a-1", Owned: true, Told: 1_234_567_890, IndexBytes: 17, DeadLetters: 3, Trust: schedule.Trust{Proven: 30, Cap: 100},
			States: []worker.StateProgress{{State: attempt.Completed, Front: at, Through: at, Gaps: []schedule.Span{{From: 5, Until: 9}}}, {State: attempt.Expired}}},
		{Account: "b.2_c", Standby: true, States: []worker.StateProgress{{State: attempt.Completed, Front: at, Through: at, Gaps: []schedule.Span{{From: 5, Until: 9}}}}},
		{Account: "c"},
	}
	if err := s.Watch(func() []worker.Progress { return progress }); err != nil {
		t.Fatal(err)
	}
	s.Request("a-1", attempt.Completed, time.Second, nil)
	s.Waited("b.2_c")(time.Second / 3)
	s.Told(worker.Commit{Account: "a-1", LateBy: []time.Duration{-time.Second, time.Minute, 59 * time.Minute, 10_000 * time.Hour},
		States: map[attempt.State]worker.Counts{attempt.Completed: {Events: 1, Known: 1e9, Dead: 1, Doubtful: 1}}})
	return s, registry
}

// without are the series of all metrics but those of Go and of the process, which change from one look to the next.
func without(all families) map[string][]string {
	out := map[string][]string{}
	for name, f := range all {
		if !strings.HasPrefix(name, "attemptstream_") {
			continue
		}
		lines := []string{f.GetType().String(), f.GetHelp()}
		for _, m := range f.Metric {
			lines = append(lines, line(m))
		}
		slices.Sort(lines)
		out[name] = lines
	}
	return out
}

func line(m *dto.Metric) string {
	slices.SortFunc(m.Label, func(a, b *dto.LabelPair) int { return strings.Compare(a.GetName(), b.GetName()) })
	if h := m.Histogram; h != nil {
		h.CreatedTimestamp = nil                                                                              // the text does not have it
		h.Bucket = slices.DeleteFunc(h.Bucket, func(b *dto.Bucket) bool { return b.GetUpperBound() > 1e300 }) // the library has no last one
	}
	return m.String()
}

func ask(t *testing.T, s *metrics.Set, target, accept, encoding string) *http.Response {
	t.Helper()
	answer, r := httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
	r.Header.Set("Accept", accept)
	r.Header.Set("Accept-Encoding", encoding)
	s.Handler(zap.NewNop()).ServeHTTP(answer, r)
	if answer.Code != http.StatusOK {
		t.Fatalf("the scrape was answered with %d", answer.Code)
	}
	return answer.Result()
}

// What is written as text is what the library makes of the same metrics.
func TestText(t *testing.T) {
	t.Parallel()
	s, registry := stirred(t)
	res := ask(t, s, "/metrics", "text/plain;version=0.0.4", "zstd, gzip")
	if res.Header.Get("Content-Encoding") != "gzip" || expfmt.ResponseFormat(res.Header).FormatType() != expfmt.TypeTextPlain {
		t.Fatalf("it is answered with %v", res.Header)
	}
	z, err := gzip.NewReader(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	all := parse(t, string(body))
	h := all.series("late_arrival_age_seconds", "account", "a-1")[0].GetHistogram()
	if b := h.GetBucket(); b[0].GetCumulativeCount() != 2 || b[2].GetCumulativeCount() != 2 || b[3].GetCumulativeCount() != 3 ||
		h.GetSampleCount() != 4 || h.GetSampleSum() != 60+59*60+36e6 { // of -1 s, which counts as 0, a minute, 59 minutes and 10,000 hours
		t.Errorf("the late ones are %v", h)
	}
	got, want := without(all), without(gather(t, registry))
	if len(want) < 25 || !maps.EqualFunc(got, want, slices.Equal) {
		for _, name := range slices.Sorted(maps.Keys(want)) {
			if !slices.Equal(got[name], want[name]) {
				t.Errorf("%s is\n%s\nwant\n%s", name, strings.Join(got[name], "\n"), strings.Join(want[name], "\n"))
			}
		}
		t.Errorf("%d metrics, want %d", len(got), len(want))
	}
}

// Who asks for another form gets it, with the same metrics; who asks for some metrics gets these.
func TestFormsOfScrapes(t *testing.T) {
	t.Parallel()
	s, registry := stirred(t)
	proto := "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
	res := ask(t, s, "/metrics", proto, "identity")
	got := families{}
	for decoder := expfmt.NewDecoder(res.Body, expfmt.ResponseFormat(res.Header)); ; {
		f := &dto.MetricFamily{}
		if err := decoder.Decode(f); err != nil {
			break
		}
		got[f.GetName()] = f
	}
	if want := without(gather(t, registry)); !maps.EqualFunc(without(got), want, slices.Equal) {
		t.Errorf("as protobuf there are %d metrics, want %d, or they are others", len(got), len(want))
	}
	res = ask(t, s, "/metrics?name[]=attemptstream_gaps&name[]=attemptstream_build_info&name[]=attemptstream_fences_total", "", "identity")
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	names := slices.Sorted(maps.Keys(parse(t, string(body))))
	if !slices.Equal(names, []string{"attemptstream_build_info", "attemptstream_fences_total", "attemptstream_gaps"}) {
		t.Errorf("asked for three metrics, it shows %q", names)
	}
}

// A scrape makes little for each account: next to what a thousand that are idle take, more would be seen in the process's memory.
func TestScrapeOfMany(t *testing.T) { // with nothing beside it, which would be counted too
	const accounts, most = 1000, 50 // the library makes a thousand
	scrape := crowd(t, accounts)
	if n := testing.AllocsPerRun(1, scrape) / accounts; n > most {
		t.Errorf("a scrape makes %.0f objects for each account, want %d at most", n, most)
	}
}

// What this worker does not know has no series: of an account that another one has, how many gaps and replays are left; of one
// that nobody has taken over yet, all but whether it is ready.
func TestNotKnown(t *testing.T) {
	t.Parallel()
	_, registry := stirred(t)
	shown := func(account string) (names []string) {
		for name, f := range gather(t, registry) {
			if f.GetType() == dto.MetricType_GAUGE && slices.ContainsFunc(f.Metric, func(m *dto.Metric) bool { return is(m, []string{"account", account}) }) {
				names = append(names, strings.TrimPrefix(name, "attemptstream_"))
			}
		}
		slices.Sort(names)
		return names
	}
	all := []string{"account_ready", "answer_cap", "covered_through_timestamp_seconds", "dead_letters", "front_timestamp_seconds", "gap_seconds",
		"gaps", "index_bytes", "index_entries", "proven_length", "replays"}
	standby := slices.DeleteFunc(slices.Clone(all), func(name string) bool { return name == "gap_seconds" || name == "gaps" || name == "replays" })
	for account, want := range map[string][]string{"a-1": all, "b.2_c": standby, "c": {"account_ready"}} {
		if got := shown(account); !slices.Equal(got, want) {
			t.Errorf("of %s it shows %q, want %q", account, got, want)
		}
	}
}
