package check

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/console"
	"attemptstream/internal/imocha"
)

const (
	// askAgo is how far in the past the second lies that is asked for.
	askAgo = time.Hour
	// askTime is how long one question may take, though a worker may be more patient.
	askTime = 15 * time.Second
)

// checkIMocha asks every account for every state, all side by side: they are a handful of small questions.
func checkIMocha(ctx context.Context, cfg *IMocha, now func() time.Time, out *items) {
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true, MaxResponseHeaderBytes: 256 << 10,
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}, TLSHandshakeTimeout: 10 * time.Second,
	}
	clock := &clockWatch{next: transport, now: now}
	states := len(cfg.States)
	kinds := make([]imocha.Kind, len(cfg.Accounts)*states)
	answers := each(len(kinds), 8, func(i int) Item {
		account, state := cfg.Accounts[i/states], cfg.States[i%states]
		var item Item
		item, kinds[i] = askState(ctx, cfg, clock, account, state, now())
		return item
	})
	for i, a := range cfg.Accounts {
		of := answers[i*states : (i+1)*states]
		key := keyItem(a.Name, of, kinds[i*states:(i+1)*states])
		out.add(key)
		for j := range of {
			if key.Result == Failed && of[j].Result == Failed {
				of[j] = skipped(ofIMocha, of[j].Name, "the key is refused")
			}
		}
		*out = append(*out, of...)
	}
	if item, known := clock.item(cfg.SettleDelay); known {
		out.add(item)
	}
}

// answered stands for an answer among kinds of errors.
const answered imocha.Kind = 0

// askState asks for one second of a state. A client of its own, since one that was throttled would hold up the others.
func askState(ctx context.Context, cfg *IMocha, transport http.RoundTripper, a Account, state attempt.State, now time.Time) (Item, imocha.Kind) {
	name := fmt.Sprintf("account %s: %s", a.Name, state)
	timeout := min(cfg.RequestTimeout, askTime)
	client, err := imocha.New(imocha.Config{
		BaseURL: cfg.BaseURL, Account: a.Name, Key: a.Key, RequestTimeout: timeout, RateLimit: 1000, Concurrency: 1,
		Transport: transport, UserAgent: cfg.UserAgent,
	})
	if err != nil {
		return failed(ofIMocha, name, "%v", err), imocha.Rejected
	}
	defer client.Close()
	ctx, cancel := context.WithTimeoutCause(ctx, 2*timeout, fmt.Errorf("no whole answer within %s", 2*timeout))
	defer cancel()
	end := attempt.InstantOf(now.Add(-askAgo))
	n := 0
	began := time.Now()
	err = client.Attempts(ctx, state, attempt.Window{Start: end.Add(-time.Second), End: end}, func(*imocha.Entry) error {
		n++
		return nil
	})
	switch {
	case err == nil:
		return ok(ofIMocha, name, "answers, with %s for one second an hour ago, in %s", console.Counted(n, "entry", "entries"),
			time.Since(began).Round(time.Millisecond)), answered
	case imocha.KindOf(err) == 0 && ctx.Err() != nil:
		return failed(ofIMocha, name, "%v", context.Cause(ctx)), imocha.Unavailable
	}
	// Its text begins with what was asked, which the name says already.
	text := strings.TrimPrefix(err.Error(), fmt.Sprintf("ask iMocha for %s of account %s: ", state, a.Name))
	return failed(ofIMocha, name, "%s", text), imocha.KindOf(err)
}

// keyItem is what the answers of an account say of its key.
func keyItem(account attempt.Account, states []Item, kinds []imocha.Kind) Item {
	name := fmt.Sprintf("account %s: key", account)
	refused := -1
	for i, kind := range kinds {
		switch kind {
		case answered:
			return ok(ofIMocha, name, "is accepted")
		case imocha.Unauthorized:
			refused = i
		}
	}
	if refused >= 0 {
		return failed(ofIMocha, name, "%s", states[refused].Detail)
	}
	return skipped(ofIMocha, name, "no state answers")
}

// A clockWatch compares the clock of who answers with this machine's.
type clockWatch struct {
	next http.RoundTripper
	now  func() time.Time

	mu     sync.Mutex
	seen   bool
	ahead  time.Duration // this machine's clock is
	unsure time.Duration // so much more or less
}

// RoundTrip passes a request on and reads the answer's Date (RFC 9110, 6.6.1), which is in whole seconds.
func (c *clockWatch) RoundTrip(r *http.Request) (*http.Response, error) {
	sent := c.now()
	res, err := c.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	received := c.now()
	date, err := http.ParseTime(res.Header.Get("Date"))
	if err != nil {
		return res, nil
	}
	took := received.Sub(sent)
	ahead := sent.Add(took / 2).Sub(date.Add(time.Second / 2))
	unsure := took/2 + time.Second/2
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.seen || unsure < c.unsure {
		c.seen, c.ahead, c.unsure = true, ahead, unsure
	}
	return res, nil
}

// item says what the clocks' difference does. known is false if nothing is known of it.
func (c *clockWatch) item(settle time.Duration) (item Item, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.seen {
		return Item{}, false
	}
	const name = "clock"
	ahead, behind := c.ahead-c.unsure, -c.ahead-c.unsure // at least
	about := c.ahead.Abs().Round(time.Second)
	switch {
	case ahead > settle:
		return failed(ofIMocha, name, "this machine's is %s ahead of the API's, more than STREAM_SETTLE_DELAY (%s): what happens last in each window "+
			"would be missed, and found late: set the clock (NTP)", console.Span(about), settle), true
	case ahead > settle/2, ahead > 5*time.Second:
		return notice(ofIMocha, name, "this machine's is %s ahead of the API's, which takes that much from STREAM_SETTLE_DELAY (%s): set the clock (NTP)",
			console.Span(about), settle), true
	case behind > 5*time.Second:
		return notice(ofIMocha, name, "this machine's is %s behind the API's: events come that much later: set the clock (NTP)", console.Span(about)), true
	}
	return ok(ofIMocha, name, "this machine's agrees with the API's, as far as its Date header shows (%s)", c.unsure.Round(100*time.Millisecond)), true
}
