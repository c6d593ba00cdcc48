package main

import (
	"io"
	"net/http"
	"runtime"
	"time"

	"attemptstream/internal/gate"
)

const (
	// turnsPerProcessor is how many requests to the API begin side by side, of all accounts. More would not be faster, where
	// answers come at once; but when a thousand accounts begin together, each request that waits for a processor would hold a
	// connection meanwhile, with its buffers and goroutines.
	turnsPerProcessor = 128

	// longestTurn is after how long the next one is let in though the turn has not ended: where the API is slow, or hangs for
	// some accounts, the others do not wait for it.
	longestTurn = 250 * time.Millisecond
)

// turns lets requests begin by turns: one lasts until the answer's body is closed, or for a while.
type turns struct {
	next http.RoundTripper
	gate *gate.Gate
}

func takeTurns(next http.RoundTripper) *turns {
	return &turns{next, gate.New(turnsPerProcessor*runtime.GOMAXPROCS(0), longestTurn)}
}

// RoundTrip waits for a turn, and then does what the transport behind it does.
func (t *turns) RoundTrip(r *http.Request) (*http.Response, error) {
	leave, err := t.gate.Enter(r.Context())
	if err != nil {
		return nil, err
	}
	resp, err := t.next.RoundTrip(r)
	if err != nil {
		leave()
		return nil, err
	}
	resp.Body = &turnBody{resp.Body, leave}
	return resp, nil
}

// A turnBody is one that ends its request's turn.
type turnBody struct {
	io.ReadCloser
	leave func()
}

func (b *turnBody) Close() error {
	err := b.ReadCloser.Close() // before others take the connection's place
	b.leave()
	return err
}
