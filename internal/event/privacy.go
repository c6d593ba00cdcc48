package event

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"slices"
	"strings"
	"sync"

	"attemptstream/internal/attempt"
)

// A Policy says what becomes of name and email.
type Policy int

const (
	Plain Policy = iota // they are told as they came
	Hash                // they are replaced by a keyed hash, the same for the same person
	Drop                // they are left out
)

// String is the policy as PII_POLICY spells it.
func (p Policy) String() string {
	switch p {
	case Plain:
		return "plain"
	case Hash:
		return "hash"
	case Drop:
		return "drop"
	}
	return fmt.Sprintf("Policy(%d)", int(p))
}

// ParsePolicy reads what String writes.
func ParsePolicy(s string) (Policy, error) {
	for _, p := range []Policy{Plain, Hash, Drop} {
		if s == p.String() {
			return p, nil
		}
	}
	return 0, fmt.Errorf("PII policy %q: want plain, hash or drop", s)
}

// MinHashKey is how many bytes the key of the policy Hash has at least: fewer could be guessed, and with the key
// everybody whose address is known could be found.
const MinHashKey = 16

// An Encoder encodes events under a policy. It is safe for concurrent use.
type Encoder struct {
	policy  Policy
	hashes  sync.Pool // of keyed hash.Hash
	copiers sync.Pool // of *copier
}

// NewEncoder is an encoder under p. The key counts for Hash alone, and has at least MinHashKey bytes there.
func NewEncoder(p Policy, hashKey []byte) (*Encoder, error) {
	e := &Encoder{policy: p}
	e.copiers.New = func() any { return newCopier(e) }
	switch p {
	case Plain, Drop:
	case Hash:
		if len(hashKey) < MinHashKey {
			return nil, fmt.Errorf("the PII hash key has %d bytes: want at least %d, random ones", len(hashKey), MinHashKey)
		}
		key := slices.Clone(hashKey)
		e.hashes.New = func() any { return hmac.New(sha256.New, key) }
	default:
		return nil, fmt.Errorf("unknown PII policy %d", int(p))
	}
	return e, nil
}

// A kind of personal data says how spellings of the same value are made one before they are hashed.
type kind int

const (
	name  kind = iota // without space around it
	email             // without space around it, in lower case: mailboxes that differ in case alone are the same in practice
)

func (k kind) normal(s string) string {
	s = strings.TrimSpace(s)
	if k == email {
		s = strings.ToLower(s)
	}
	return s
}

// appendPersonal appends a member that the policy is about; its name comes with comma, quotes and colon.
func (e *Encoder) appendPersonal(dst []byte, member string, k kind, v attempt.Optional[string]) []byte {
	if !v.Set || e.policy == Drop {
		return dst
	}
	return e.appendPersonalValue(append(dst, member...), k, v.Value)
}

// HashPrefix begins what stands for a name or an email under Hash; the HMAC-SHA-256 in hex follows.
const HashPrefix = "hmac-sha256:"

// appendPersonalValue appends the JSON string that stands for s where it is not dropped. An empty value stays empty:
// it says of nobody who it is, and its hash would look like somebody.
func (e *Encoder) appendPersonalValue(dst []byte, k kind, s string) []byte {
	if e.policy == Plain {
		return appendString(dst, s)
	}
	s = k.normal(s)
	if s == "" {
		return append(dst, `""`...)
	}
	h := e.hashes.Get().(hash.Hash)
	defer e.hashes.Put(h)
	h.Reset()
	h.Write([]byte(s))
	var sum [sha256.Size]byte
	dst = append(dst, `"`+HashPrefix...)
	dst = hex.AppendEncode(dst, h.Sum(sum[:0]))
	return append(dst, '"')
}
