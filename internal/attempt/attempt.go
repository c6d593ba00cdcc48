// Package attempt holds the words that every other package uses: accounts, states, statuses, attempts, and the windows of
// time in which they are asked for. It knows nothing of HTTP, Kafka or JSON layouts and depends on the standard library
// alone.
package attempt

import (
	"errors"
	"fmt"
	"strings"
)

// An Account is one iMocha account by the name it has in the settings. Names are 1 to 64 of [A-Za-z0-9._-], so that they
// can stand in record keys, transactional ids and URLs as they are. "." and ".." are none: who resolves an event's source,
// /imocha/<account>/<state>, would make another one of it (RFC 3986, 5.2.4).
type Account string

// DefaultAccount is the name of the only account where no accounts file is set.
const DefaultAccount Account = "default"

// ParseAccount checks a name and says what is allowed otherwise.
func ParseAccount(name string) (Account, error) {
	switch {
	case name == "":
		return "", errors.New(`account name "": want 1 to 64 characters`)
	case len(name) > 64:
		return "", fmt.Errorf("account name of %d bytes: want 1 to 64 characters", len(name))
	case name == "." || name == "..":
		return "", fmt.Errorf("account name %q: want a name that is no part of a path", name)
	}
	for _, r := range name {
		if !strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-", r) {
			return "", fmt.Errorf("account name %q: want letters, digits, dot, underscore and hyphen only", name)
		}
	}
	return Account(name), nil
}

// A State is the query parameter of "Retrieve Invites": a class of statuses that is asked for on its own.
type State string

// The states that the API documents.
const (
	Completed State = "completed"
	Cancelled State = "cancelled"
	Expired   State = "expired"
)

// States returns all states in the order in which two statuses of one invitation are told when nothing else tells them
// apart: what can still be followed by something else comes first.
func States() []State { return []State{Cancelled, Expired, Completed} }

// ParseState accepts exactly the names that the API takes.
func ParseState(name string) (State, error) {
	for _, s := range States() {
		if name == string(s) {
			return s, nil
		}
	}
	return "", fmt.Errorf("state %q: want completed, cancelled or expired", name)
}

// Rank is the place of s in States; an unknown state comes last.
func (s State) Rank() int {
	for i, known := range States() {
		if s == known {
			return i
		}
	}
	return len(States())
}

// A Status is an attempt's testStatus, as the API spells it: Completed, Testleft, Terminated, Cancelled, Expired, or one
// that is new. Two spellings are two statuses.
type Status string

// MaxStatusLength is the longest testStatus, in bytes, that is taken for one. Statuses are part of identities, of record
// keys and of the index, so a runaway value must not become one.
const MaxStatusLength = 128

// Optional is a value that an answer may lack. A JSON null counts as lacking.
type Optional[T any] struct {
	Value T
	Set   bool
}

// Some is a value that is there.
func Some[T any](v T) Optional[T] { return Optional[T]{Value: v, Set: true} }

// An Attempt is one entry of an answer: an invitation and the status that it has taken.
type Attempt struct {
	ID             int64 // testInvitationId
	Status         Status
	TestID         Optional[int64]
	Name           Optional[string]
	Email          Optional[string]
	InvitationType Optional[string]
	// Additional holds, in the answer's order, the members that have no field above, and those of the fields above
	// (without ID and Status) whose type was not the expected one.
	Additional []Member
	// Size is the length of the entry as it came, in bytes.
	Size int
}

// A Member is one name and value of a JSON object. Value is JSON text, as it came.
type Member struct {
	Name  string
	Value string
}

// A Malformed is an entry of an answer that cannot be an Attempt. It goes to the dead letters.
type Malformed struct {
	Raw    string // the entry as it came: any JSON value
	Reason string // what is wrong with it, without any of its content
}
