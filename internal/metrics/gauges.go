package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"attemptstream/internal/state"
	"attemptstream/internal/worker"
)

// gauges are what a worker's progress says at the moment of a scrape.
type gauges struct {
	progress func() []worker.Progress
	ready    func(worker.Progress, time.Time) (bool, string)
	now      func() time.Time

	covered, front, gapCount, gapSeconds, replays  *prometheus.Desc
	accountReady, allReady                         *prometheus.Desc
	proven, cap, indexBytes, indexEntries, letters *prometheus.Desc
}

func newGauges(ready func(worker.Progress, time.Time) (bool, string), now func() time.Time, progress func() []worker.Progress) *gauges {
	return &gauges{
		progress: progress, ready: ready, now: now,
		covered: desc("covered_through_timestamp_seconds",
			"Unix time, in seconds, before which everything is told. The clock minus the highest of all workers is its age; an old one with a young front is a gap.",
			labelAccount, labelState),
		front: desc("front_timestamp_seconds",
			"Unix time, in seconds, up to which iMocha was read. One that is older than STREAM_SETTLE_DELAY and some STREAM_POLL_INTERVAL catches up or stands still: /readyz says why.",
			labelAccount, labelState),
		gapCount: desc("gaps", "Spans before the front that could not be read. They are tried again for ever; the log says what iMocha answers.",
			labelAccount, labelState),
		gapSeconds: desc("gap_seconds", "Seconds of all gaps together: how much is missing before the front.", labelAccount, labelState),
		replays:    desc("replays", "Replays that wait or run. attemptstream replay --list says which, and how far they are.", labelAccount, labelStatus),
		accountReady: desc("account_ready", "1 if this worker makes progress with the account, else 0, and /readyz says in words why not. A standby has 0: take the highest of all workers.",
			labelAccount),
		allReady: desc("ready", "1 if this worker makes progress with all accounts that it owns, else 0, and /readyz says in words why not."),
		proven: desc("proven_length", "Entries of the longest answer that was proven to be whole. One far below STREAM_WINDOW_ATTEMPTS costs proofs while it grows, nothing else.",
			labelAccount),
		cap: desc("answer_cap", "Entries at which iMocha was found to cut its answers, 0 if it was not. Windows are kept under half of it.",
			labelAccount),
		indexBytes:   desc("index_bytes", "Bytes of memory that the index of what was told takes. Plan the memory limit by its growth.", labelAccount),
		indexEntries: desc("index_entries", "Invitations and statuses in the index of what was told, in all history.", labelAccount),
		letters: desc("dead_letters", "Dead letters in all history: entries that cannot be events. When it grows, read the topic ending in .dlq; its headers say what is wrong.",
			labelAccount),
	}
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, labels, nil)
}

// Describe sends all descriptors.
func (g *gauges) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{g.covered, g.front, g.gapCount, g.gapSeconds, g.replays, g.accountReady, g.allReady, g.proven, g.cap,
		g.indexBytes, g.indexEntries, g.letters} {
		ch <- d
	}
}

// Collect sends the values of this moment.
func (g *gauges) Collect(ch chan<- prometheus.Metric) {
	send := func(d *prometheus.Desc, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	progress := g.progress()
	now, all := g.now(), len(progress) > 0 // before there is a worker, nothing makes progress
	for _, p := range progress {
		account := string(p.Account)
		ready, _ := g.ready(p, now)
		all = all && ready
		send(g.accountReady, zeroOrOne(ready && !p.Standby), account)
		if len(p.States) == 0 {
			continue // it was not taken over yet: nothing is known
		}
		for _, s := range p.States {
			name := string(s.State)
			send(g.covered, unix(s.Through), account, name)
			send(g.front, unix(s.Front), account, name)
			if p.Ended || p.Standby {
				continue // another owner may have filled the gaps: the highest of all workers would be wrong
			}
			missing := 0.0
			for _, span := range s.Gaps {
				missing += span.Length().Seconds()
			}
			send(g.gapCount, float64(len(s.Gaps)), account, name)
			send(g.gapSeconds, missing, account, name)
		}
		if !p.Ended && !p.Standby { // else another owner may have carried them out
			for status, n := range replays(p.Replays) {
				send(g.replays, n, account, string(status))
			}
		}
		send(g.proven, float64(p.Trust.Proven), account)
		send(g.cap, float64(p.Trust.Cap), account)
		send(g.indexBytes, float64(p.IndexBytes), account)
		send(g.indexEntries, float64(p.Told), account)
		send(g.letters, float64(p.DeadLetters), account)
	}
	send(g.allReady, zeroOrOne(all))
}

// replays counts those that have not ended.
func replays(all []worker.Replay) map[state.ReplayStatus]float64 {
	n := map[state.ReplayStatus]float64{state.Waiting: 0, state.Running: 0}
	for i := range all {
		if status := all[i].Status; !status.Ended() {
			n[status]++
		}
	}
	return n
}

func unix(t time.Time) float64 { return float64(t.UnixNano()) / 1e9 }

func zeroOrOne(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
