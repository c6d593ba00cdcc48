package imocha

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"attemptstream/internal/attempt"
)

// Config is what a Client needs to know. All fields are required but Transport and UserAgent.
type Config struct {
	BaseURL string // http or https; may have a path
	Account attempt.Account
	Key     KeySource
	// RequestTimeout bounds the time until an answer begins, and every pause in it; not the whole of it.
	RequestTimeout time.Duration
	RateLimit      float64           // requests a second
	Concurrency    int               // requests under way at once
	Transport      http.RoundTripper // nil: one of the client's own
	UserAgent      string            // empty: attemptstream
	// Waited is told how long a request waited for the rate limit, or for the time that a 429 has set; nil is nobody. It
	// is called from several goroutines.
	Waited func(time.Duration)
}

// A Client asks the API of one account. It is safe for concurrent use.
type Client struct {
	config    Config
	endpoint  *url.URL
	keys      keyring
	pace      *pace
	transport http.RoundTripper
	own       *http.Transport // nil: the transport is the caller's
	maxEntry  int64
	buffers   buffers
}

// New checks cfg and names everything that is wrong with it. It asks nothing yet.
func New(cfg Config) (*Client, error) {
	base, err := parseBaseURL(cfg.BaseURL)
	errs := []error{err}
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	_, err = attempt.ParseAccount(string(cfg.Account))
	errs = append(errs, err)
	check(cfg.Key != nil, "no source of the API key: set IMOCHA_API_KEY, IMOCHA_API_KEY_FILE or IMOCHA_ACCOUNTS_FILE")
	check(cfg.RequestTimeout > 0, "IMOCHA_REQUEST_TIMEOUT is %s: want more than 0, such as 30s", cfg.RequestTimeout)
	check(cfg.RateLimit > 0, "IMOCHA_RATE_LIMIT is %v: want requests a second, more than 0", cfg.RateLimit)
	check(cfg.Concurrency > 0, "IMOCHA_CONCURRENCY is %d: want at least 1", cfg.Concurrency)
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if cfg.UserAgent == "" {
		cfg.UserAgent = "attemptstream"
	}
	c := &Client{
		config:    cfg,
		endpoint:  base.JoinPath("v3", "candidates", "testattempts"),
		keys:      keyring{source: cfg.Key},
		pace:      newPace(cfg.RateLimit, cfg.Concurrency),
		transport: cfg.Transport,
		maxEntry:  maxEntry,
	}
	if c.transport == nil {
		c.own = newTransport(cfg.Concurrency)
		c.transport = c.own
	}
	return c, nil
}

// Close lets go of idle connections of the client's own transport. Requests under way are not disturbed.
func (c *Client) Close() {
	if c.own != nil {
		c.own.CloseIdleConnections()
	}
}

// parseBaseURL does not quote what it refuses, which may hold a password.
func parseBaseURL(text string) (*url.URL, error) {
	const want = "want an address such as https://apiv3.imocha.io"
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, errors.New("IMOCHA_BASE_URL is not a URL: " + want)
	case u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return nil, errors.New("IMOCHA_BASE_URL has no scheme http or https, or no host: " + want)
	case u.User != nil, u.RawQuery != "", u.Fragment != "":
		return nil, errors.New("IMOCHA_BASE_URL has a user, a query or a fragment: " + want)
	}
	if u.Path == "" {
		u.Path = "/" // else what is joined to it has no slash in front
	}
	return u, nil
}

// newTransport keeps one connection per request that may be under way. It stays with HTTP/1.1, where one connection is
// one request: over HTTP/2 one long answer would slow down the others. The least version of TLS is set, though it is that of
// crypto/tls: no later default, and no GODEBUG, can change it.
func newTransport(concurrency int) *http.Transport {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    10 * time.Second,
		Protocols:              &protocols,
		MaxIdleConns:           concurrency,
		MaxIdleConnsPerHost:    concurrency,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: 256 << 10,
	}
}

// An Entry is one element of an answer.
type Entry struct {
	Attempt   attempt.Attempt
	Malformed *attempt.Malformed // nil: Attempt counts
}

// Attempts asks for what took the state within w, and calls each for every entry of the answer, in its order and while
// it arrives. Entries count only if Attempts returns nil. The Entry, and the slice in it, are used again for the next
// one; its strings stay valid. They share memory with those of its neighbours: whoever keeps few of many should copy them.
//
// An error of each ends the reading and is returned as it is. If ctx ends, the error is ctx's. All others are an [Error].
// While each runs, the request holds its place among the Config.Concurrency, so each must not ask the same client.
func (c *Client) Attempts(ctx context.Context, state attempt.State, w attempt.Window, each func(*Entry) error) error {
	if err := c.pace.enter(ctx); err != nil {
		return c.ended(state, err)
	}
	defer c.pace.leave()
	key, err := c.keys.current()
	if err != nil {
		return c.complete(&Error{Kind: Unauthorized, what: "no key", Err: err, advice: checkKey}, state)
	}
	problem, stop := c.ask(ctx, state, w, key, each)
	if problem != nil && problem.Kind == Unauthorized {
		fresh, err := c.keys.renewed()
		if err != nil {
			problem.what, problem.Err = problem.what+", and no other can be read", err
		} else if fresh != key {
			problem, stop = c.ask(ctx, state, w, fresh, each)
		}
	}
	switch {
	case stop != nil:
		return stop
	case ctx.Err() != nil && problem != nil:
		return c.ended(state, ctx.Err())
	case problem != nil:
		return c.complete(problem, state)
	}
	return nil
}

// complete fills in whose request it was.
func (c *Client) complete(e *Error, state attempt.State) error {
	e.Account, e.State = c.config.Account, state
	return e
}

// ended is the end of the context.
func (c *Client) ended(state attempt.State, err error) error {
	return fmt.Errorf("ask iMocha for %s of account %s: %w", state, c.config.Account, err)
}
