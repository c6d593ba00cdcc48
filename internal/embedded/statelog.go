package embedded

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"os"
)

// kfake keeps producers in pids.log and group offsets in groups.log: entries of length, CRC-32C of the rest, version and
// JSON, little-endian. It reads up to the first entry that is not whole, and appends behind that one: what follows an
// interrupted write would never be read again.

// readStateLog returns the entries' JSON, and cuts off what the last write left incomplete.
func readStateLog(name string) (entries [][]byte, err error) {
	raw, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	const header, version = 8, 2
	for rest := raw; len(rest) > 0; {
		at := int64(len(raw) - len(rest))
		if len(rest) < header || int64(binary.LittleEndian.Uint32(rest))+header > int64(len(rest)) {
			return entries, os.Truncate(name, at)
		}
		body := rest[header : header+int(binary.LittleEndian.Uint32(rest))]
		if len(body) < version || binary.LittleEndian.Uint32(rest[4:]) != crc32.Checksum(body, castagnoli) {
			return nil, damage(name, fmt.Errorf("at byte %d: an entry whose checksum is wrong", at))
		}
		entries = append(entries, body[version:])
		rest = rest[header+len(body):]
	}
	return entries, nil
}

// stateEntry frames an entry.
func stateEntry(entry any) ([]byte, error) {
	text, err := json.Marshal(entry)
	if err != nil {
		return nil, err
	}
	body := append(binary.LittleEndian.AppendUint16(nil, 1), text...)
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(body)))
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(body, castagnoli))
	return append(b, body...), nil
}

// producerEntry is what concerns us of an entry of pids.log.
type producerEntry struct {
	Type   string `json:"type"` // init, endtx, timeout
	PID    int64  `json:"pid"`
	Epoch  int16  `json:"epoch"`
	Commit *bool  `json:"commit,omitempty"`
}

// producerEpochs are the newest epochs by producer id.
func producerEpochs(name string, entries [][]byte) (map[int64]int16, error) {
	epochs := make(map[int64]int16)
	for _, text := range entries {
		var e producerEntry
		if err := json.Unmarshal(text, &e); err != nil {
			return nil, damage(name, err)
		}
		epochs[e.PID] = e.Epoch
	}
	return epochs, nil
}

// ended is the entry for a transaction that was ended here. An abort raises the epoch, as a timeout does: the producer
// may still live, and must not take its transaction for open or for committed.
func ended(t openTransaction, commit bool, known int16) producerEntry {
	if commit {
		return producerEntry{Type: "endtx", PID: t.producer, Epoch: max(t.epoch, known), Commit: &commit}
	}
	epoch := max(t.epoch, known)
	if epoch < math.MaxInt16-1 {
		epoch++
	}
	return producerEntry{Type: "timeout", PID: t.producer, Epoch: epoch}
}
