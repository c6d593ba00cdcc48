package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"attemptstream/internal/attempt"
	"attemptstream/internal/console"
	"attemptstream/internal/imochasim"
)

// A simulation is what simulate was asked for.
type simulation struct {
	addr   string
	api    imochasim.Config
	lives  imochasim.Lives
	since  time.Time
	faults imochasim.Faults // all but the rates
	share  float64
	now    time.Time
}

func (a *app) simulateCommand() *cobra.Command {
	s := &simulation{lives: imochasim.DefaultLives(1), now: time.Now()}
	c := &cobra.Command{
		Use:   "simulate",
		Short: "Serve only the simulated iMocha API, for other people's tests",
		Long: `Serves a simulated iMocha "Retrieve Invites" API, in which invented invitations are sent, completed,
left, terminated, cancelled and sent again, in the past since --since and as time goes on.

The first line on standard output is the address, such as http://127.0.0.1:8090, once it answers: a
script that starts it with --addr 127.0.0.1:0 reads it there. Beside the API there are

  GET /ledger?account=NAME   what really happened, as JSON lines, to compare with what was read
  GET /stats                 what was answered, by kind
  GET /healthz               200 when it is up
  PUT /faults?share=0.1      as --faults, from now on; with &kind=500&kind=reset only in these ways,
                             with 0 no more. /stats has the names of all that have occurred

With --until a comparison can be exact: nothing happens from then on, though what is late is still
to be shown for up to --late-by.

Everything random follows from --seed. Runs until SIGTERM or SIGINT, then exits 0.`,
		Example: `  attemptstream simulate
  attemptstream simulate --addr 127.0.0.1:0 --seed 7 --since -7d --cap 100 --boundary "[)" --faults 0.1
  attemptstream simulate --keys emea=key-1,apac=key-2 --speed 60 --late 0.05 --late-by 1h
  curl -X PUT 'http://127.0.0.1:8090/faults?share=0.5&kind=429&kind=hang'

  # and in another terminal, a worker that reads it:
  IMOCHA_BASE_URL=http://127.0.0.1:8090 IMOCHA_API_KEY=anything KAFKA_BROKERS=embedded attemptstream run`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.simulate(c, s) },
	}
	f := c.Flags()
	f.StringVar(&s.addr, "addr", "127.0.0.1:8090", "where to listen, host:port; with port 0 any free one")
	f.Uint64Var(&s.lives.Seed, "seed", 1, "of everything that is random")
	timeFlag(f, &s.since, s.now, "since", "-24h", "when the first invitation was sent: RFC 3339, a date, or a span before now")
	flagFunc(f, &s.lives.Until, "until", "time", "", "when it all ends, RFC 3339: nothing happens from then on; without it, never", parseUntil)
	numberFlag(f, &s.lives.PerDay, "per-day", "5000", "invitations sent in a day, in each account")
	numberFlag(f, &s.lives.Speed, "speed", "1", "how much faster life goes; with 60 a day takes 24 minutes")
	shareFlag(f, &s.lives.ComeBacks, "come-backs", "0.1", "share of expired invitations that take another status without being sent again")
	shareFlag(f, &s.lives.Quick, "quick", "0.02", "share of invitations that take two or three statuses within two seconds in the end")
	shareFlag(f, &s.lives.FarIDs, "far-ids", "0.01", "share of invitations with an id beyond 2^40")
	shareFlag(f, &s.lives.Malformed, "malformed", "0.002", "share of invitations beside which an entry stands that is no attempt")
	numberFlag(f, &s.lives.BurstsPerDay, "bursts", "6", "how often a day 150 invitations take a status in one second, in each account")
	flagFunc(f, &s.api.Boundary, "boundary", "brackets", "[]", `which ends of a window belong to it: "[]", "[)", "(]" or "()"`, parseBoundary)
	f.IntVar(&s.api.Cap, "cap", 0, "most entries in an answer; what is beyond is left out without a word; 0: no cap")
	f.BoolVar(&s.api.CapNewest, "cap-newest", false, "with --cap: keep the newest entries instead of the oldest")
	f.BoolVar(&s.api.Current, "current", false, "show an invitation only under the status that it has at the moment")
	shareFlag(f, &s.api.Duplicates, "duplicates", "0", "share of entries that stand twice in an answer")
	shareFlag(f, &s.lives.Late, "late", "0.02", "share of changes that are shown only some time after they happened")
	spanFlag(f, &s.lives.LateBy, "late-by", "2h", "longest such time; it goes by --speed")
	spanFlag(f, &s.api.Latency.Fixed, "latency", "0s", "least time that an answer takes")
	spanFlag(f, &s.api.Latency.Random, "jitter", "0s", "and up to so much more, at random")
	shareFlag(f, &s.share, "faults", "0", "share of requests that fail, in all the ways after which they may be asked again")
	spanFlag(f, &s.faults.RetryAfter, "retry-after", "1s", "what answers with a 429 say, where they do")
	spanFlag(f, &s.faults.HangFor, "hang-for", "2m", "how long a request hangs that is to hang")
	numberFlag(f, &s.api.RateLimit, "rate-limit", "0", "requests a second that an account may make before it gets a 429; 0: no limit")
	f.IntVar(&s.api.Quota, "quota", 0, "requests a day that an account may make before it gets a 429; 0: no limit")
	flagFunc(f, &s.api.Keys, "keys", "name=key,...", "", "accounts and their API keys; without it any key is one of the account default", parseKeys)
	return c
}

func parseBoundary(text string) (imochasim.Boundary, error) {
	b, err := imochasim.ParseBoundary(text)
	if err != nil {
		return 0, fmt.Errorf(`is not a boundary: want "[]", "[)", "(]" or "()"`)
	}
	return b, nil
}

// parseKeys reads name=key,….
func parseKeys(text string) (map[string]string, error) {
	keys, names := map[string]string{}, map[string]bool{}
	for pair := range strings.SplitSeq(text, ",") {
		name, key, found := strings.Cut(strings.TrimSpace(pair), "=")
		if !found || key == "" {
			return nil, fmt.Errorf("is not a list of accounts with their keys: want name=key,name=key,…")
		}
		account, err := attempt.ParseAccount(name)
		if err != nil {
			return nil, err
		}
		if keys[key] != "" || names[name] {
			return nil, fmt.Errorf("has account %s twice, or its key: want each name and each key once", account)
		}
		keys[key], names[name] = name, true
	}
	return keys, nil
}

func parseUntil(text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, errors.New("is no time: want RFC 3339, such as 2026-11-23T21:30:00Z")
	}
	return t, nil
}

// accounts are the names in order.
func (s *simulation) accounts() []string {
	var names []string
	for _, name := range s.api.Keys {
		names = append(names, name)
	}
	if len(names) == 0 {
		names = append(names, string(attempt.DefaultAccount))
	}
	slices.Sort(names)
	return names
}

func (a *app) simulate(c *cobra.Command, s *simulation) error {
	if s.since.After(s.now) {
		return usage(c, fmt.Errorf("--since: %s is in the future: want the past, such as -24h", s.since.Format(time.RFC3339)))
	}
	if until := s.lives.Until; !until.IsZero() && until.Before(s.since) {
		return usage(c, fmt.Errorf("--until: %s is before --since, %s", until.Format(time.RFC3339), s.since.Format(time.RFC3339)))
	}
	s.api.Seed, s.api.Faults = s.lives.Seed, s.faults
	s.api.Faults.Rates = imochasim.PassingFaults(s.share).Rates
	sim, err := imochasim.New(s.api)
	if err != nil {
		return usage(c, err)
	}
	// First the address: that it is in use is known before a year of lives is made up.
	ln, err := listen(c.Context(), s.addr, "--addr")
	if err != nil {
		return err
	}
	defer ln.Close() // for the errors: serve has closed it otherwise
	work, ctx := errgroup.WithContext(c.Context())
	names := s.accounts()
	ready := make(chan struct{}, len(names))
	for i, name := range names {
		lives := s.lives
		lives.Seed += uint64(i) // or they would be the same in each
		work.Go(func() error {
			return sim.Run(ctx, name, lives, s.since, func() { ready <- struct{}{} })
		})
	}
	for range names {
		select {
		case <-ready:
		case <-ctx.Done():
			return work.Wait()
		}
	}
	a.introduce(s, names, sim, "http://"+ln.Addr().String())
	work.Go(func() error {
		return serve(ctx, ln, sim, time.Minute+s.faults.HangFor+s.api.Latency.Fixed+s.api.Latency.Random)
	})
	return work.Wait()
}

// introduce says where the API is and what to do with it. Scripts read the first line.
func (a *app) introduce(s *simulation, names []string, sim *imochasim.Simulator, url string) {
	entries := 0
	for _, name := range names {
		entries += len(sim.Ledger(name))
	}
	key := "anything"
	if len(s.api.Keys) > 0 {
		key = "one of those in --keys"
	}
	fmt.Fprintf(a.out, `%s

The simulated iMocha API answers there. What happened since %s: %s (seed %d).
For a worker that is to read it:

  export IMOCHA_BASE_URL=%s
  export IMOCHA_API_KEY=%s

What really happened:  %s/ledger
What was answered:     %s/stats
Ctrl-C ends it.
`, url, s.since.Format(time.RFC3339), console.Counted(entries, "change of status", "changes of status"), s.lives.Seed, url, key, url, url)
}
