package metrics_test

import (
	"encoding/json"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"attemptstream/internal/attempt"
	"attemptstream/internal/imochasim"
	"attemptstream/internal/topics"
	"attemptstream/internal/witness"
)

// outcomeOf is the outcome that the table of faults in the design gives a request.
func outcomeOf(simulated string) string {
	kind, fault := strings.CutPrefix(simulated, "fault: ")
	if !fault {
		return map[string]string{"ok": "ok", "client gone": "canceled"}[simulated]
	}
	switch imochasim.FaultKind(kind) {
	case imochasim.TooMany, imochasim.TooManyDate, imochasim.TooManyBare:
		return "throttled"
	case imochasim.Internal, imochasim.BadGateway, imochasim.Unavailable, imochasim.GatewayTimeout, imochasim.Reset, imochasim.Hang:
		return "unavailable"
	case imochasim.KeyRefused, imochasim.Forbidden:
		return "unauthorized"
	case imochasim.BadDate, imochasim.BadRequest, imochasim.NotFound:
		return "rejected"
	}
	return "unreadable"
}

// compareRequests holds requests to what the API has answered. Of requests that the worker did not need any more, the API
// may have answered some, and not had others.
func (w *world) compareRequests(f families) {
	w.Helper()
	want := map[string]float64{}
	total := 0.0
	for simulated, n := range w.sim.Stats().Requests {
		want[outcomeOf(simulated)] += float64(n)
		total += float64(n)
	}
	canceled := f.sum(w, "requests_total", "outcome", "canceled")
	if canceled > total/5 { // it is about a tenth
		w.Errorf("%v of %v requests were canceled: the test shows little", canceled, total)
	}
	for _, outcome := range []string{"ok", "throttled", "unavailable", "unreadable", "unauthorized", "rejected"} {
		got := f.sum(w, "requests_total", "account", "default", "outcome", outcome)
		w.Logf("requests %s: %v, the API %v", outcome, got, want[outcome])
		if got > want[outcome] || got < want[outcome]-canceled || got < 1 {
			w.Errorf("%v requests were %s, the API says %v, less at most %v that were canceled", got, outcome, want[outcome], canceled)
		}
	}
	observed := 0.0
	for _, state := range attempt.States() {
		h := f.series("request_duration_seconds", "state", string(state))[0].GetHistogram()
		observed += float64(h.GetSampleCount())
		if mean := h.GetSampleSum() / float64(h.GetSampleCount()); mean < .02 {
			w.Errorf("requests of %s took %v s in the mean, and the API takes .02 s at the least", state, mean)
		}
	}
	if got := f.sum(w, "requests_total") - canceled; got != observed {
		w.Errorf("%v durations of %v requests", observed, got)
	}
	// A 429 asks for a second at the least, of which a part is waited for by the next request.
	if waits := f.sum(w, "rate_limit_wait_seconds_total", "account", "default"); waits < 1 || waits > 4*8*3600 {
		w.Errorf("requests waited for %v s", waits)
	}
}

// compareEvents holds what was told to what is in Kafka.
func (w *world) compareEvents(f families) {
	w.Helper()
	brokers := []string{brokerAddr}
	events := witness.Events(w.T, brokers, topic, account, w.dialer())
	letters := witness.Letters(w.T, brokers, w.layout.DLQ.Name, account, w.dialer())
	type entry struct {
		id     int64
		status attempt.Status
	}
	distinct := map[entry]bool{}
	told, dead, cameBack := map[attempt.State]float64{}, map[attempt.State]float64{}, 0.0
	for _, e := range events {
		told[e.State]++
		distinct[entry{e.ID, e.Status}] = true
		if strings.Contains(e.EventID, "@") {
			cameBack++
		}
	}
	for _, l := range letters {
		dead[l.State]++
	}
	for _, state := range attempt.States() {
		for _, c := range []struct {
			outcome string
			want    float64
		}{{"told", told[state]}, {"dead", dead[state]}} {
			if got := f.sum(w, "attempts_total", "account", "default", "state", string(state), "outcome", c.outcome); got != c.want || c.want == 0 {
				w.Errorf("%v attempts of %s are %s, in Kafka are %v", got, state, c.outcome, c.want)
			}
		}
	}
	entries := float64(w.sim.Stats().Attempts)
	if all, known := f.sum(w, "attempts_total"), f.sum(w, "attempts_total", "outcome", "known"); all > entries || known < float64(len(events)) {
		w.Errorf("%v attempts, %v of them known, the API has shown %v", all, known, entries)
	}
	for name, want := range map[string]float64{
		"came_back_total": cameBack,
		"dead_letters":    float64(len(letters)),
		"index_entries":   float64(len(distinct)),
	} {
		if got := f.sum(w, name, "account", "default"); got != want || want == 0 {
			w.Errorf("%s is %v, by what is in Kafka %v", name, got, want)
		}
	}
	w.compareLate(f)
}

// compareLate holds the histogram of late arrivals to the late events in the topic.
func (w *world) compareLate(f families) {
	w.Helper()
	records, err := witness.Records(w.Context(), []string{brokerAddr}, topic, w.dialer())
	w.must(err)
	var ages []float64
	near := 0.0
	for _, r := range records {
		var e struct {
			ObservedAt time.Time
			Late       bool
			Window     struct{ End time.Time }
		}
		w.must(json.Unmarshal(r.Value, &e))
		if !e.Late {
			continue
		}
		age := e.ObservedAt.Sub(e.Window.End)
		ages = append(ages, age.Seconds())
		if age > 2*time.Hour { // half of the look-back
			near++
		}
	}
	h := f.series("late_arrival_age_seconds", "account", "default")[0].GetHistogram()
	if len(ages) < 10 || h.GetSampleCount() != uint64(len(ages)) {
		w.Errorf("%d late arrivals, in the topic are %d", h.GetSampleCount(), len(ages))
	}
	for _, b := range h.Bucket {
		want := uint64(0)
		for _, age := range ages {
			if age <= b.GetUpperBound() {
				want++
			}
		}
		if b.GetCumulativeCount() != want {
			w.Errorf("%d late arrivals within %v s, in the topic are %d", b.GetCumulativeCount(), b.GetUpperBound(), want)
		}
	}
	sum := 0.0
	for _, age := range ages {
		sum += age
	}
	if math.Abs(h.GetSampleSum()-sum) > .001*float64(len(ages)) { // the topic has milliseconds
		w.Errorf("late arrivals are %v s old together, in the topic %v", h.GetSampleSum(), sum)
	}
	if got := f.sum(w, "late_arrivals_near_limit_total", "account", "default"); got != near || near == 0 {
		w.Errorf("%v late arrivals are near the limit, in the topic are %v", got, near)
	}
}

// compareTransactions holds transactions to the markers that the broker has written: each of them is one in the partition
// of the account's state.
func (w *world) compareTransactions(f families) {
	w.Helper()
	commits, aborts := w.markers()
	for outcome, want := range map[string]float64{"committed": commits, "aborted": aborts, "unknown": 0, "fenced": 0} {
		if got := f.sum(w, "transactions_total", "account", "default", "outcome", outcome); got != want {
			w.Errorf("%v transactions are %s, the broker says %v", got, outcome, want)
		}
	}
	if commits < 10 || aborts < 1 {
		w.Errorf("%v commits and %v aborts: the test shows little", commits, aborts)
	}
	if n := f.series("transaction_duration_seconds")[0].GetHistogram().GetSampleCount(); n != uint64(commits+aborts) {
		w.Errorf("%d durations of %v transactions", n, commits+aborts)
	}
}

// markers counts the ends of transactions in the partition of the account's state.
func (w *world) markers() (commits, aborts float64) {
	w.Helper()
	partition := int32(topics.StatePartition(account, w.layout.State.Partitions))
	client, err := kgo.NewClient(kgo.SeedBrokers(brokerAddr), w.dialer(), kgo.KeepControlRecords(), kgo.ConsumePartitions(
		map[string]map[int32]kgo.Offset{w.layout.State.Name: {partition: kgo.NewOffset().AtStart()}}))
	w.must(err)
	defer client.Close()
	for {
		fetches := client.PollFetches(w.Context())
		w.must(fetches.Err())
		last := false
		fetches.EachPartition(func(p kgo.FetchTopicPartition) {
			for _, r := range p.Records {
				if r.Attrs.IsControl() && len(r.Key) >= 4 {
					commits += float64(r.Key[3])
					aborts += 1 - float64(r.Key[3])
				}
				last = r.Offset == p.HighWatermark-1
			}
		})
		if last {
			return commits, aborts
		}
	}
}

// holdsNoPeople looks for what the API says of people and invitations.
func (w *world) holdsNoPeople(text string, f families) {
	w.Helper()
	records, err := witness.Records(w.Context(), []string{brokerAddr}, topic, w.dialer())
	w.must(err)
	secrets := map[string]bool{}
	for _, r := range records {
		var e struct {
			EventID string
			Attempt struct {
				ID          int64  `json:"testInvitationId"`
				TestID      int64  `json:"testId"`
				Name, Email string // null and other things leave them empty
			}
		}
		if json.Unmarshal(r.Value, &e) != nil {
			continue
		}
		for _, s := range []string{e.EventID, strconv.FormatInt(e.Attempt.ID, 10), strconv.FormatInt(e.Attempt.TestID, 10), e.Attempt.Name, e.Attempt.Email} {
			secrets[s] = len(s) > 2
		}
	}
	if len(secrets) < 100 {
		w.Errorf("only %d secrets: the test shows little", len(secrets))
	}
	for name, family := range f {
		for _, m := range family.Metric {
			for _, l := range m.Label {
				if secrets[l.GetValue()] {
					w.Errorf("%s has a label %s with what an invitation says", name, l.GetName())
				}
			}
		}
	}
	words := regexp.MustCompile(`[\pL\pN:@.'-]+`)
	for line := range strings.Lines(text) {
		if strings.Contains(line, "@") {
			w.Errorf("there is an @ in %q", line)
		}
		if strings.HasPrefix(line, "#") {
			continue
		}
		text := line[:strings.LastIndexByte(line, ' ')] // the value is a number like others
		if i := slices.IndexFunc(words.FindAllString(text, -1), func(word string) bool { return secrets[word] }); i >= 0 {
			w.Errorf("%q has what an invitation says", line)
		}
	}
}
