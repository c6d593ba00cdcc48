// Package schemas holds the machine-readable contract of the topics: the JSON Schema of the events and the AsyncAPI
// document that says which records are in which topic. They are written by hand, and tests hold the encoder to them.
package schemas

import "embed"

// The names of the documents in Files.
const (
	TestAttemptObserved = "test-attempt-observed.v1.schema.json" // JSON Schema 2020-12 of an event's value
	AsyncAPI            = "attemptstream.asyncapi.json"          // AsyncAPI 3.0; refers to the schema by its name
)

// Files holds the documents by their names.
//
//go:embed *.json
var Files embed.FS
