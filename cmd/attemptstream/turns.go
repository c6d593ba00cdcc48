package main

import (
	"context"
	"io"
	"net/http"
	"runtime"
	"sync"
	"time"
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
	room chan struct{}
}

func takeTurns(next http.RoundTripper) *turns {
	return &turns{next, make(chan struct{}, turnsPerProcessor*runtime.GOMAXPROCS(0))}
}

// RoundTrip waits for a turn, and then does what the transport behind it does.
func (t *turns) RoundTrip(r *http.Request) (*http.Response, error) {
	select {
	case t.room <- struct{}{}:
	case <-r.Context().Done():
		return nil, context.Cause(r.Context())
	}
	end := sync.OnceFunc(func() { <-t.room })
	timer := time.AfterFunc(longestTurn, end)
	leave := func() {
		timer.Stop()
		end()
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
