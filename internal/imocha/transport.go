package imocha

import "net/http"

// NewTransport is a transport for the clients of several accounts, as Config.Transport. They share its connections, of which
// as many as idle are kept for a while: accounts that poll by turns then need a few, instead of some for each, with their
// memory and goroutines. What is asked for, and how much of it at once, is each client's own all the same.
func NewTransport(idle int) *http.Transport { return newTransport(idle) }
