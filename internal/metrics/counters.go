package metrics

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"attemptstream/internal/attempt"
	"attemptstream/internal/imocha"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/worker"
)

// Label names.
const (
	labelAccount   = "account"
	labelState     = "state"
	labelOutcome   = "outcome"
	labelStatus    = "status"
	labelGroup     = "group"
	labelPartition = "partition"
)

// Outcomes of requests that imocha has no Kind for.
const (
	requestOK       = "ok"
	requestCanceled = "canceled"
)

func requestOutcomes() []string {
	out := []string{requestOK}
	for _, k := range []imocha.Kind{imocha.Throttled, imocha.Unavailable, imocha.Unreadable, imocha.Unauthorized, imocha.Rejected, imocha.Early} {
		out = append(out, k.String())
	}
	return append(out, requestCanceled)
}

// Outcomes of transactions.
const (
	committed = "committed"
	aborted   = "aborted"
	unknown   = "unknown"
	fenced    = "fenced"
)

func transactionOutcomes() []string { return []string{committed, aborted, unknown, fenced} }

// Outcomes of attempts.
const (
	attemptTold  = "told"
	attemptKnown = "known"
	attemptDead  = "dead"
)

func attemptOutcomes() []string { return []string{attemptTold, attemptKnown, attemptDead} }

// counters are what is counted as it happens.
type counters struct {
	requests        *tally
	requestTime     *prometheus.HistogramVec
	waits           *tally
	attempts        *tally
	lateAge         *prometheus.HistogramVec
	nearLimit       *tally
	cameBack        *tally
	replayed        *tally
	truncated       *tally
	transactions    *tally
	transactionTime prometheus.Histogram
	fences          *tally
}

func newCounters(states []attempt.State) counters {
	state := label{name: labelState}
	for _, s := range states {
		state.values = append(state.values, string(s))
	}
	return counters{
		requests: newTally("requests_total",
			"Requests to iMocha. throttled: asked for too much, lower IMOCHA_RATE_LIMIT; unavailable, unreadable: iMocha's trouble, tried again; "+
				"unauthorized: mend the key; rejected: read the log; early: this machine's clock is ahead; canceled: the worker did not need the answer any more.",
			state, label{labelOutcome, requestOutcomes()}),
		requestTime: prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: namespace, Name: "request_duration_seconds",
			Help:    "Seconds from when a request was wanted to the end of its answer, its wait for the rate limit included; canceled ones are left out.",
			Buckets: []float64{.025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120},
		}, []string{labelState}),
		waits: newTally("rate_limit_wait_seconds_total",
			"Seconds that requests waited for IMOCHA_RATE_LIMIT or for the time that a 429 set, of all requests together. "+
				"Where its rate is near IMOCHA_CONCURRENCY, that sets the pace, and not iMocha."),
		attempts: newTally("attempts_total",
			"Entries of answers by what became of them. told: an event, also of a replay; known: told before; dead: a dead letter. Their sum is what was seen, but for dead letters seen again.",
			state, label{labelOutcome, attemptOutcomes()}),
		lateAge: prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: namespace, Name: "late_arrival_age_seconds",
			Help:    "Seconds between the end of its window and the moment when an event was found that covered time had not shown before, or that lay in a gap. STREAM_LOOKBACK has to be well above the highest bucket in use.",
			Buckets: []float64{60, 300, 900, 3600, 7200, 14400, 28800, 57600, 86400, 172800, 345600, 604800, 1209600, 2592000},
		}, []string{labelAccount}),
		nearLimit: newTally("late_arrivals_near_limit_total",
			"Late events that were older than half of STREAM_LOOKBACK when they were found. Any is a reason to raise it: others may come after it, and are not found."),
		cameBack: newTally("came_back_total",
			"Events of invitations that returned to a status after another one, as when they are sent again."),
		replayed: newTally("replayed_events_total", "Events told because a replay asked for them; attempts_total has them too, as told."),
		truncated: newTally("possibly_truncated_total",
			"Answers for a single second that were as long as iMocha shows at most. What is beyond that was not shown: ask iMocha for it, then compare with attemptstream audit.",
			state),
		transactions: newTally("transactions_total",
			"Kafka transactions. aborted: nothing of it is told, and it is tried again; unknown: the outcome is read from the log; fenced: another worker owns the account.",
			label{labelOutcome, transactionOutcomes()}),
		transactionTime: prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: namespace, Name: "transaction_duration_seconds",
			Help:    "Seconds from the first record of a transaction to its end, whatever that was.",
			Buckets: []float64{.0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
		}),
		fences: newTally("fences_total",
			"How often the account was lost to another owner. Once is a rolling update; often are two deployments that read the same account."),
	}
}

func (c *counters) tallies() []*tally {
	return []*tally{c.requests, c.waits, c.attempts, c.nearLimit, c.cameBack, c.replayed, c.truncated, c.transactions, c.fences}
}

func (c *counters) all() []prometheus.Collector {
	all := []prometheus.Collector{c.requestTime, c.lateAge, c.transactionTime}
	for _, t := range c.tallies() {
		all = append(all, t)
	}
	return all
}

// Request counts a request.
func (s *Set) Request(account attempt.Account, state attempt.State, took time.Duration, err error) {
	outcome := requestOutcome(err)
	s.requests.add(account, 1, string(state), outcome)
	if outcome != requestCanceled {
		s.requestTime.WithLabelValues(string(state)).Observe(took.Seconds())
	}
}

func requestOutcome(err error) string {
	if err == nil {
		return requestOK
	}
	if kind := imocha.KindOf(err); kind != 0 {
		return kind.String()
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return requestCanceled
	}
	return imocha.Unreadable.String() // the worker gave up reading it
}

// Transaction counts a transaction.
func (s *Set) Transaction(account attempt.Account, took time.Duration, err error) {
	s.transactions.add(account, 1, transactionOutcome(err))
	s.transactionTime.Observe(took.Seconds())
}

// transactionOutcome of one that is both fenced and of unknown outcome is unknown: that is the more that is said of it.
func transactionOutcome(err error) string {
	switch {
	case err == nil:
		return committed
	case errors.Is(err, kafkatx.ErrUnknownOutcome):
		return unknown
	case errors.Is(err, kafkatx.ErrFenced):
		return fenced
	}
	return aborted
}

// Told counts what a transaction held.
func (s *Set) Told(c worker.Commit) {
	for state, n := range c.States {
		s.attempts.add(c.Account, float64(n.Events), string(state), attemptTold)
		s.attempts.add(c.Account, float64(n.Known), string(state), attemptKnown)
		s.attempts.add(c.Account, float64(n.Dead), string(state), attemptDead)
		s.truncated.add(c.Account, float64(n.Doubtful), string(state))
	}
	s.cameBack.add(c.Account, float64(c.CameBack))
	s.replayed.add(c.Account, float64(c.Replayed))
	s.of(c.Account, func(account string) {
		for _, by := range c.LateBy {
			// A clock that was set back must not make the histogram's sum smaller.
			s.lateAge.WithLabelValues(account).Observe(max(0, by).Seconds())
			if limit := s.config.Schedule.Lookback; limit > 0 && by > limit/2 {
				s.nearLimit.add(c.Account, 1)
			}
		}
	})
}

// Fenced counts that an account was lost.
func (s *Set) Fenced(account attempt.Account) { s.fences.add(account, 1) }

// Waited is what the account's client is to tell how long its requests waited.
func (s *Set) Waited(account attempt.Account) func(time.Duration) {
	return func(d time.Duration) { s.waits.add(account, max(0, d).Seconds()) }
}
