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

	all      []*gauge
	allReady family // without an account
}

// A gauge is what is said of each account, in a series for each value of a further label if it has one.
type gauge struct {
	family
	send func(p *standing, value func(v float64, label string))
}

// A standing is the progress of an account, and whether it makes some.
type standing struct {
	worker.Progress
	ready bool
}

// elsewhere tells whether another owner may know better: the highest of all workers would be wrong.
func (p *standing) elsewhere() bool { return p.Ended || p.Standby }

// known tells whether the account was taken over at some time: else nothing is known.
func (p *standing) known() bool { return len(p.States) > 0 }

func newGauges(ready func(worker.Progress, time.Time) (bool, string), now func() time.Time, progress func() []worker.Progress) *gauges {
	g := &gauges{progress: progress, ready: ready, now: now,
		allReady: family{name: namespace + "_ready",
			help: "1 if this worker makes progress with all accounts that it owns, else 0, and /readyz says in words why not."}}
	g.allReady.desc = prometheus.NewDesc(g.allReady.name, g.allReady.help, nil, nil)
	add := func(name, help string, label []string, send func(*standing, func(float64, string))) {
		g.all = append(g.all, &gauge{newFamily(prometheus.GaugeValue, name, help, label...), send})
	}
	one := func(name, help string, of func(*standing) float64) {
		add(name, help, nil, func(p *standing, value func(float64, string)) {
			if p.known() {
				value(of(p), "")
			}
		})
	}
	each := func(name, help string, skip func(*standing) bool, of func(*worker.StateProgress) float64) {
		add(name, help, []string{labelState}, func(p *standing, value func(float64, string)) {
			for i := range p.States {
				if !skip(p) {
					value(of(&p.States[i]), string(p.States[i].State))
				}
			}
		})
	}
	never := func(*standing) bool { return false }
	each("covered_through_timestamp_seconds",
		"Unix time, in seconds, before which everything is told. The clock minus the highest of all workers is its age; an old one with a young front is a gap.",
		never, func(s *worker.StateProgress) float64 { return unix(s.Through) })
	each("front_timestamp_seconds",
		"Unix time, in seconds, up to which iMocha was read. One that is older than STREAM_SETTLE_DELAY and some STREAM_POLL_INTERVAL catches up or stands still: /readyz says why.",
		never, func(s *worker.StateProgress) float64 { return unix(s.Front) })
	each("gaps", "Spans before the front that could not be read. They are tried again for ever; the log says what iMocha answers.",
		(*standing).elsewhere, func(s *worker.StateProgress) float64 { return float64(len(s.Gaps)) })
	each("gap_seconds", "Seconds of all gaps together: how much is missing before the front.", (*standing).elsewhere, missing)
	add("replays", "Replays that wait or run. attemptstream replay --list says which, and how far they are.", []string{labelStatus}, sendReplays)
	add("account_ready", "1 if this worker makes progress with the account, else 0, and /readyz says in words why not. A standby has 0: take the highest of all workers.",
		nil, func(p *standing, value func(float64, string)) { value(zeroOrOne(p.ready && !p.Standby), "") })
	one("proven_length", "Entries of the longest answer that was proven to be whole. One far below STREAM_WINDOW_ATTEMPTS costs proofs while it grows, nothing else.",
		func(p *standing) float64 { return float64(p.Trust.Proven) })
	one("answer_cap", "Entries at which iMocha was found to cut its answers, 0 if it was not. Windows are kept under half of it.",
		func(p *standing) float64 { return float64(p.Trust.Cap) })
	one("index_bytes", "Bytes of memory that the index of what was told takes. Plan the memory limit by its growth.",
		func(p *standing) float64 { return float64(p.IndexBytes) })
	one("index_entries", "Invitations and statuses in the index of what was told, in all history.",
		func(p *standing) float64 { return float64(p.Told) })
	one("dead_letters", "Dead letters in all history: entries that cannot be events. When it grows, read the topic ending in .dlq; its headers say what is wrong.",
		func(p *standing) float64 { return float64(p.DeadLetters) })
	return g
}

// missing is how many seconds are in gaps.
func missing(s *worker.StateProgress) (seconds float64) {
	for _, span := range s.Gaps {
		seconds += span.Length().Seconds()
	}
	return seconds
}

// sendReplays counts those that have not ended.
func sendReplays(p *standing, value func(float64, string)) {
	if p.elsewhere() || !p.known() { // another owner may have carried them out
		return
	}
	for _, status := range []state.ReplayStatus{state.Waiting, state.Running} {
		n := 0
		for i := range p.Replays {
			if p.Replays[i].Status == status {
				n++
			}
		}
		value(float64(n), string(status))
	}
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, labels, nil)
}

// standings are where the accounts are at this moment, and whether all make progress.
func (g *gauges) standings() (of []standing, all bool) {
	progress, now := g.progress(), g.now()
	of, all = make([]standing, len(progress)), len(progress) > 0 // before there is a worker, nothing makes progress
	for i := range progress {
		ready, _ := g.ready(progress[i], now)
		of[i] = standing{progress[i], ready}
		all = all && ready
	}
	return of, all
}

// Describe sends all descriptors.
func (g *gauges) Describe(ch chan<- *prometheus.Desc) {
	for _, f := range g.all {
		ch <- f.desc
	}
	ch <- g.allReady.desc
}

// Collect sends the values of this moment.
func (g *gauges) Collect(ch chan<- prometheus.Metric) {
	accounts, all := g.standings()
	for _, f := range g.all {
		for i := range accounts {
			f.send(&accounts[i], func(v float64, label string) {
				labels := []string{string(accounts[i].Account), label}
				ch <- prometheus.MustNewConstMetric(f.desc, f.kind, v, labels[:1+len(f.labels)]...)
			})
		}
	}
	ch <- prometheus.MustNewConstMetric(g.allReady.desc, prometheus.GaugeValue, zeroOrOne(all))
}

func (g *gauges) text(to *text) {
	accounts, all := g.standings()
	for _, f := range g.all {
		begun := false
		for i := range accounts {
			f.send(&accounts[i], func(v float64, label string) {
				if !begun {
					to.begin(f.name, f.help, "gauge")
					begun = true
				}
				if len(f.labels) > 0 {
					to.sample(f.name, string(accounts[i].Account), v, f.labels[0], label)
				} else {
					to.sample(f.name, string(accounts[i].Account), v)
				}
			})
		}
	}
	to.begin(g.allReady.name, g.allReady.help, "gauge")
	to.plain(g.allReady.name, zeroOrOne(all))
}

func unix(t time.Time) float64 { return float64(t.UnixNano()) / 1e9 }

func zeroOrOne(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
