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
	requests        *prometheus.CounterVec
	requestTime     *prometheus.HistogramVec
	waits           *prometheus.CounterVec
	attempts        *prometheus.CounterVec
	lateAge         *prometheus.HistogramVec
	nearLimit       *prometheus.CounterVec
	cameBack        *prometheus.CounterVec
	replayed        *prometheus.CounterVec
	truncated       *prometheus.CounterVec
	transactions    *prometheus.CounterVec
	transactionTime prometheus.Histogram
	fences          *prometheus.CounterVec
}

func newCounters() counters {
	return counters{
		requests: counter("requests_total",
			"Requests to iMocha. throttled: asked for too much, lower IMOCHA_RATE_LIMIT; unavailable, unreadable: iMocha's trouble, tried again; "+
				"unauthorized: mend the key; rejected: read the log; early: this machine's clock is ahead; canceled: the worker did not need the answer any more.",
			labelAccount, labelState, labelOutcome),
		requestTime: prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: namespace, Name: "request_duration_seconds",
			Help:    "Seconds from when a request was wanted to the end of its answer, its wait for the rate limit included; canceled ones are left out.",
			Buckets: []float64{.025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120},
		}, []string{labelState}),
		waits: counter("rate_limit_wait_seconds_total",
			"Seconds that requests waited for IMOCHA_RATE_LIMIT or for the time that a 429 set, of all requests together. "+
				"Where its rate is near IMOCHA_CONCURRENCY, that sets the pace, and not iMocha.",
			labelAccount),
		attempts: counter("attempts_total",
			"Entries of answers by what became of them. told: an event, also of a replay; known: told before; dead: a dead letter. Their sum is what was seen, but for dead letters seen again.",
			labelAccount, labelState, labelOutcome),
		lateAge: prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: namespace, Name: "late_arrival_age_seconds",
			Help:    "Seconds between the end of its window and the moment when an event was found that covered time had not shown before, or that lay in a gap. STREAM_LOOKBACK has to be well above the highest bucket in use.",
			Buckets: []float64{60, 300, 900, 3600, 7200, 14400, 28800, 57600, 86400, 172800, 345600, 604800, 1209600, 2592000},
		}, []string{labelAccount}),
		nearLimit: counter("late_arrivals_near_limit_total",
			"Late events that were older than half of STREAM_LOOKBACK when they were found. Any is a reason to raise it: others may come after it, and are not found.",
			labelAccount),
		cameBack: counter("came_back_total",
			"Events of invitations that returned to a status after another one, as when they are sent again.", labelAccount),
		replayed: counter("replayed_events_total", "Events told because a replay asked for them; attempts_total has them too, as told.", labelAccount),
		truncated: counter("possibly_truncated_total",
			"Answers for a single second that were as long as iMocha shows at most. What is beyond that was not shown: ask iMocha for it, then compare with attemptstream audit.",
			labelAccount, labelState),
		transactions: counter("transactions_total",
			"Kafka transactions. aborted: nothing of it is told, and it is tried again; unknown: the outcome is read from the log; fenced: another worker owns the account.",
			labelAccount, labelOutcome),
		transactionTime: prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: namespace, Name: "transaction_duration_seconds",
			Help:    "Seconds from the first record of a transaction to its end, whatever that was.",
			Buckets: []float64{.0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
		}),
		fences: counter("fences_total",
			"How often the account was lost to another owner. Once is a rolling update; often are two deployments that read the same account.",
			labelAccount),
	}
}

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
}

func (c *counters) all() []prometheus.Collector {
	return []prometheus.Collector{c.requests, c.requestTime, c.waits, c.attempts, c.lateAge, c.nearLimit, c.cameBack, c.replayed, c.truncated,
		c.transactions, c.transactionTime, c.fences}
}

// Request counts a request.
func (s *Set) Request(account attempt.Account, state attempt.State, took time.Duration, err error) {
	outcome := requestOutcome(err)
	s.of(account, func(name string) { s.requests.WithLabelValues(name, string(state), outcome).Inc() })
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
	s.of(account, func(name string) { s.transactions.WithLabelValues(name, transactionOutcome(err)).Inc() })
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
	s.of(c.Account, func(account string) {
		for state, n := range c.States {
			s.attempts.WithLabelValues(account, string(state), attemptTold).Add(float64(n.Events))
			s.attempts.WithLabelValues(account, string(state), attemptKnown).Add(float64(n.Known))
			s.attempts.WithLabelValues(account, string(state), attemptDead).Add(float64(n.Dead))
			s.truncated.WithLabelValues(account, string(state)).Add(float64(n.Doubtful))
		}
		s.cameBack.WithLabelValues(account).Add(float64(c.CameBack))
		s.replayed.WithLabelValues(account).Add(float64(c.Replayed))
		for _, by := range c.LateBy {
			// A clock that was set back must not make the histogram's sum smaller.
			s.lateAge.WithLabelValues(account).Observe(max(0, by).Seconds())
			if limit := s.config.Schedule.Lookback; limit > 0 && by > limit/2 {
				s.nearLimit.WithLabelValues(account).Inc()
			}
		}
	})
}

// Fenced counts that an account was lost.
func (s *Set) Fenced(account attempt.Account) {
	s.of(account, func(name string) { s.fences.WithLabelValues(name).Inc() })
}

// Waited is what the account's client is to tell how long its requests waited.
func (s *Set) Waited(account attempt.Account) func(time.Duration) {
	return func(d time.Duration) {
		s.of(account, func(name string) { s.waits.WithLabelValues(name).Add(max(0, d).Seconds()) })
	}
}
