package embedded

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// An openTransaction is one that has records in a partition and no marker after them.
type openTransaction struct {
	producer int64
	epoch    int16
}

// A partition is the folder of one partition, read and mended.
type partition struct {
	dir         string
	last        segment // the one that is written to; none if empty
	next        int64   // offset
	leaderEpoch int32
	open        map[int64]openTransaction // by producer id
	cut         int64                     // bytes that were torn and are gone
}

// readPartition reads all batches of a partition. It cuts off what the last write left incomplete, and makes indexes
// anew that do not fit. The error is errDamage for what no death explains.
func readPartition(dir string) (*partition, error) {
	p := &partition{dir: dir, open: make(map[int64]openTransaction)}
	all, err := segments(dir)
	if err != nil {
		return nil, err
	}
	saved, err := savedSizes(dir)
	if err != nil {
		return nil, err
	}
	for i, s := range all {
		if err := p.read(s, i == len(all)-1, saved[s.base]); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// savedSizes are the sizes of the segments at the last Close, by base offset. Segments only grow.
func savedSizes(dir string) (map[int64]int64, error) {
	name := filepath.Join(dir, "snapshot.json")
	raw, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var snapshot struct {
		Segments []struct {
			BaseOffset int64 `json:"base_offset"`
			Size       int64 `json:"size"`
		} `json:"segments"`
	}
	if err := json.Unmarshal(raw, &snapshot); err != nil {
		return nil, damage(name, err)
	}
	sizes := make(map[int64]int64)
	for _, s := range snapshot.Segments {
		sizes[s.BaseOffset] = s.Size
	}
	return sizes, nil
}

// read goes through one segment. Only the last one may end in the middle of a batch, and only behind what was there at
// the last Close.
func (p *partition) read(s segment, last bool, saved int64) error {
	raw, err := os.ReadFile(s.data)
	if err != nil {
		return err
	}
	var index []byte
	if s.base < p.next {
		return damage(s.data, fmt.Errorf("it begins at offset %d, the one before ends at %d", s.base, p.next))
	}
	for rest := raw; len(rest) > 0; {
		at := int64(len(raw) - len(rest))
		var b batch
		b, rest, err = nextBatch(rest)
		if errors.Is(err, errTorn) && last && at >= saved {
			if err := os.Truncate(s.data, at); err != nil {
				return err
			}
			p.cut = int64(len(raw)) - at
			break
		}
		if err != nil {
			return damage(s.data, fmt.Errorf("at byte %d: %w", at, err))
		}
		if b.first() < p.next {
			return damage(s.data, fmt.Errorf("at byte %d: offset %d after %d", at, b.first(), p.next-1))
		}
		p.see(b)
		index = append(index, indexEntry(b)...)
	}
	p.last = s
	return mendIndex(s.index(), index)
}

func (p *partition) see(b batch) {
	p.next, p.leaderEpoch = b.last()+1, b.leaderEpoch()
	switch {
	case b.is(attributeControl):
		delete(p.open, b.producer())
	case b.is(attributeTransactional):
		p.open[b.producer()] = openTransaction{b.producer(), b.epoch()}
	}
}

// mendIndex writes an index where it differs in what counts: how many entries it has and which are in transactions.
func mendIndex(name string, want []byte) error {
	have, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	same := len(have) == len(want)
	for i := 0; same && i < len(want); i += 15 {
		h, w := have[i:i+15], want[i:i+15]
		same = validEntry(h) && bytes.Equal(h[2:6], w[2:6]) && h[14] == w[14]
	}
	if same {
		return nil
	}
	return replaceFile(name, want)
}

// end writes a marker for a transaction that is open.
func (p *partition) end(t openTransaction, commit bool, now int64) error {
	b := marker(t, commit, p.next, p.leaderEpoch, now)
	if err := appendFile(p.last.data, b); err != nil {
		return err
	}
	p.see(b)
	return appendFile(p.last.index(), indexEntry(b))
}

// errDamage is the cause of ErrDamaged.
var errDamage = errors.New("damaged file")

func damage(name string, err error) error { return fmt.Errorf("%w %s: %w", errDamage, name, err) }

func appendFile(name string, data []byte) error {
	f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

// replaceFile writes a file whole or not at all.
func replaceFile(name string, data []byte) error {
	if err := os.WriteFile(name+".tmp", data, 0o644); err != nil {
		return err
	}
	return os.Rename(name+".tmp", name)
}
