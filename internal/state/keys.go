package state

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"

	"attemptstream/internal/attempt"
	"attemptstream/internal/dedupe"
)

// kind is what a record is about.
type kind int

const (
	kindCheckpoint kind = iota
	kindBlock
	kindLetter
	kindRequest
	kindProgress
	kindReplayBlock
)

const (
	checkpointName = "checkpoint"
	blockPrefix    = "block/"
	letterPrefix   = "letter/"
	replayPrefix   = "replay/"

	// of a replay, after its id
	requestName  = "/request"
	progressName = "/progress"
)

// A key is a record's key, taken apart.
type key struct {
	kind   kind
	block  int64
	hash   dedupe.Hash
	replay string // its id
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

// replayKey is what the keys of a replay begin with.
func replayKey(account attempt.Account, id string) string {
	return string(account) + "/" + replayPrefix + id
}

func appendReplayBlockKey(dst []byte, prefix string, number int64) []byte {
	dst = append(append(dst, prefix...), '/')
	return strconv.AppendInt(append(dst, blockPrefix...), number, 10)
}

var (
	errUnknownKey = errors.New("no version of attemptstream up to this one writes such a key")
	errSpelling   = errors.New("attemptstream spells the same key in another way")
)

// parseKey takes the key of one of the account's records apart. ok is false for another account's.
//
// Only the one spelling that the functions above write is a key: compaction keeps the last record of every spelling, so
// of two spellings of one block an old one could replace the new one.
func parseKey(account attempt.Account, record []byte) (k key, ok bool, err error) {
	n := len(account)
	if len(record) <= n || string(record[:n]) != string(account) || record[n] != '/' {
		return key{}, false, nil
	}
	rest := record[n+1:]
	if string(rest) == checkpointName {
		return key{kind: kindCheckpoint}, true, nil
	}
	if digits, found := cutPrefix(rest, blockPrefix); found {
		k, err := parseBlock(digits)
		return k, true, err
	}
	if digits, found := cutPrefix(rest, letterPrefix); found {
		k, err := parseLetter(digits)
		return k, true, err
	}
	if replay, found := cutPrefix(rest, replayPrefix); found {
		k, err := parseReplay(replay)
		return k, true, err
	}
	return key{}, true, errUnknownKey
}

// cutPrefix is bytes.CutPrefix with a string.
func cutPrefix(b []byte, prefix string) (rest []byte, found bool) {
	if len(b) < len(prefix) || string(b[:len(prefix)]) != prefix {
		return b, false
	}
	return b[len(prefix):], true
}

func parseBlock(digits []byte) (key, error) {
	n, err := strconv.ParseInt(string(digits), 10, 64)
	if err != nil {
		return key{}, fmt.Errorf("block number: %w", err)
	}
	var room [20]byte
	if !bytes.Equal(strconv.AppendInt(room[:0], n, 10), digits) {
		return key{}, errSpelling
	}
	return key{kind: kindBlock, block: n}, nil
}

// parseReplay takes apart what follows the prefix of replays.
func parseReplay(rest []byte) (key, error) {
	id, name, _ := bytes.Cut(rest, []byte("/"))
	if !validReplayID(string(id)) {
		return key{}, errUnknownKey
	}
	switch rest = rest[len(id):]; string(rest) {
	case requestName:
		return key{kind: kindRequest, replay: string(id)}, nil
	case progressName:
		return key{kind: kindProgress, replay: string(id)}, nil
	}
	digits, found := cutPrefix(name, blockPrefix)
	if !found {
		return key{}, errUnknownKey
	}
	k, err := parseBlock(digits)
	k.kind, k.replay = kindReplayBlock, string(id)
	return k, err
}

func parseLetter(digits []byte) (key, error) {
	k := key{kind: kindLetter}
	if len(digits) != hex.EncodedLen(len(k.hash)) {
		return key{}, fmt.Errorf("hash of a dead letter: %d digits, want %d", len(digits), hex.EncodedLen(len(k.hash)))
	}
	if _, err := hex.Decode(k.hash[:], digits); err != nil {
		return key{}, fmt.Errorf("hash of a dead letter: %w", err)
	}
	var room [2 * len(k.hash)]byte
	if !bytes.Equal(hex.AppendEncode(room[:0], k.hash[:]), digits) {
		return key{}, errSpelling
	}
	return k, nil
}
