package state

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"attemptstream/internal/attempt"
	"attemptstream/internal/dedupe"
)

// kind is what a record is about.
type kind int

const (
	kindCheckpoint kind = iota
	kindBlock
	kindLetter
)

const (
	checkpointName = "checkpoint"
	blockPrefix    = "block/"
	letterPrefix   = "letter/"
)

// A key is a record's key, taken apart.
type key struct {
	kind  kind
	block int64
	hash  dedupe.Hash
}

func checkpointKey(account attempt.Account) []byte {
	return []byte(string(account) + "/" + checkpointName)
}

func appendBlockKey(dst []byte, account attempt.Account, number int64) []byte {
	dst = append(append(dst, account...), '/')
	return strconv.AppendInt(append(dst, blockPrefix...), number, 10)
}

func appendLetterKey(dst []byte, account attempt.Account, h dedupe.Hash) []byte {
	dst = append(append(dst, account...), '/')
	return hex.AppendEncode(append(dst, letterPrefix...), h[:])
}

var errUnknownKey = errors.New("no version of attemptstream up to this one writes such a key")

// parseKey takes the key of one of the account's records apart. ok is false for another account's.
func parseKey(account attempt.Account, record []byte) (k key, ok bool, err error) {
	if len(record) <= len(account) || string(record[:len(account)]) != string(account) || record[len(account)] != '/' {
		return key{}, false, nil
	}
	rest := string(record[len(account)+1:])
	if rest == checkpointName {
		return key{kind: kindCheckpoint}, true, nil
	}
	if number, found := strings.CutPrefix(rest, blockPrefix); found {
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return key{}, true, fmt.Errorf("block number: %w", err)
		}
		return key{kind: kindBlock, block: n}, true, nil
	}
	if digits, found := strings.CutPrefix(rest, letterPrefix); found {
		k := key{kind: kindLetter}
		if n, err := hex.Decode(k.hash[:], []byte(digits[:min(len(digits), 2*len(k.hash))])); err != nil || 2*n != len(digits) || n != len(k.hash) {
			return key{}, true, fmt.Errorf("hash of a dead letter: want %d hexadecimal digits", 2*len(k.hash))
		}
		return k, true, nil
	}
	return key{}, true, errUnknownKey
}
