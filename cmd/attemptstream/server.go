package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"syscall"
	"time"
)

// listen takes an address for a server of ours, which setting gives: the name of a flag or of a variable.
func listen(ctx context.Context, addr, setting string) (net.Listener, error) {
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s is in use by another program: stop it, or give another address with %s; with port 0 a free one is chosen: %w", addr, setting, err)
	}
	if err != nil {
		return nil, fmt.Errorf("listen on %s (%s): %w", addr, setting, err)
	}
	return ln, nil
}

// lastAnswers is how long requests that are under way when a server stops may still take.
const lastAnswers = time.Second

// serve answers requests until ctx ends. An answer may take longest; 0 is a minute.
func serve(ctx context.Context, ln net.Listener, handler http.Handler, longest time.Duration) error {
	if longest == 0 {
		longest = time.Minute
	}
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      longest,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(ln) }()
	select {
	case err := <-done:
		return fmt.Errorf("serve on %s: %w", ln.Addr(), err)
	case <-ctx.Done():
	}
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastAnswers)
	defer cancel()
	if server.Shutdown(bounded) != nil { // the time is over
		_ = server.Close() // this ends also what is held back on purpose; nothing can be done where it fails
	}
	<-done
	return nil
}
