package embedded

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// fuzzedBatch is a batch of one record as a producer writes it.
func fuzzedBatch(first int64, attributes int16, producer int64) []byte {
	r := kmsg.Record{Key: []byte("k"), Value: []byte("v")}
	r.Length = int32(len(r.AppendTo(nil)) - 1)
	rb := kmsg.RecordBatch{FirstOffset: first, Magic: 2, Attributes: attributes, ProducerID: producer, NumRecords: 1, Records: r.AppendTo(nil)}
	b := rb.AppendTo(nil)
	binary.BigEndian.PutUint32(b[batchLength:], uint32(len(b)-batchLeaderEpoch))
	sealBatches(b)
	return b
}

// sealBatches gives batches the checksums that a broker would have given them, as far as there are batches.
func sealBatches(raw []byte) {
	for len(raw) >= batchHeader {
		size := batchLeaderEpoch + int64(binary.BigEndian.Uint32(raw[batchLength:]))
		if size < batchHeader || size > int64(len(raw)) {
			return
		}
		binary.BigEndian.PutUint32(raw[batchCRC:], crc32.Checksum(raw[batchAttributes:size], castagnoli))
		raw = raw[size:]
	}
}

// FuzzSegment reads any file as a partition's only segment. It is refused as damaged and left alone, or it is mended: what
// was torn is cut off, nothing else is gone, open transactions can be ended, and then nothing is left to be mended.
func FuzzSegment(f *testing.F) {
	plain, open := fuzzedBatch(0, 0, -1), fuzzedBatch(1, attributeTransactional, 7)
	abort := marker(openTransaction{7, 0}, false, 2, 0, 1)
	all := bytes.Join([][]byte{plain, open, abort}, nil)
	f.Add(all, indexEntry(plain), int64(0), true)
	f.Add(all[:len(all)-3], []byte{}, int64(len(plain)), false)
	f.Add(all[:len(plain)+len(open)], []byte{1}, int64(1<<40), false)
	f.Add(fuzzedBatch(math.MaxInt64, attributeTransactional, 7), []byte{}, int64(0), false)
	f.Add(fuzzedBatch(-5, attributeTransactional, 7), []byte{}, int64(0), false)
	f.Add([]byte("\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xff\xff"), []byte{}, int64(0), true)
	dir := f.TempDir()
	data, index := filepath.Join(dir, "0.dat"), filepath.Join(dir, "0.idx")
	f.Fuzz(func(t *testing.T, raw, entries []byte, saved int64, sealed bool) {
		raw = bytes.Clone(raw)
		if sealed {
			sealBatches(raw)
		}
		for name, content := range map[string][]byte{data: raw, index: entries} {
			if err := os.WriteFile(name, content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		p := &partition{dir: dir, open: map[int64]openTransaction{}}
		if err := p.read(segment{0, data}, true, saved); err != nil {
			if left, _ := os.ReadFile(data); !errors.Is(err, errDamage) || !bytes.Equal(left, raw) {
				t.Fatalf("error %v, %d of %d bytes are left", err, len(left), len(raw))
			}
			return
		}
		left, err := os.ReadFile(data)
		if err != nil || !bytes.HasPrefix(raw, left) || int64(len(raw)-len(left)) != p.cut || p.cut > 0 && int64(len(left)) < saved {
			t.Fatalf("%d of %d bytes are left, %d were cut, %d had been saved: %v", len(left), len(raw), p.cut, saved, err)
		}
		if p.next < 0 {
			t.Fatalf("the next offset is %d", p.next)
		}
		next := p.next
		for _, tx := range p.open {
			if err := p.end(tx, false, 1); err != nil {
				t.Fatal(err)
			}
			next++
		}
		again := &partition{dir: dir, open: map[int64]openTransaction{}}
		if err := again.read(segment{0, data}, true, int64(len(left))); err != nil || again.cut != 0 || len(again.open) > 0 || again.next != next {
			t.Fatalf("mended, it is still to be mended: %v, %d bytes, %d transactions, next offset %d, want %d", err, again.cut, len(again.open), again.next, next)
		}
		if entries, err := os.ReadFile(index); err != nil || len(entries)%15 != 0 {
			t.Fatalf("an index of %d bytes: %v", len(entries), err)
		}
	})
}

// FuzzStateLog reads any file as kfake's log of producers: it is refused as damaged, or what is appended behind what is
// left of it is read again.
func FuzzStateLog(f *testing.F) {
	one, err := stateEntry(producerEntry{Type: "init", PID: 7, Epoch: 3})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(append(bytes.Clone(one), one...))
	f.Add(one[:len(one)-1])
	f.Add([]byte("\xff\xff\xff\xff\x00\x00\x00\x00"))
	f.Add([]byte("\x00\x00\x00\x00\x00\x00\x00\x00"))
	bad, err := stateEntry([]int{1})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(bad)
	name := filepath.Join(f.TempDir(), "pids.log")
	f.Fuzz(func(t *testing.T, raw []byte) {
		if err := os.WriteFile(name, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		entries, err := readStateLog(name)
		if err == nil {
			_, err = producerEpochs(name, entries)
		}
		if err != nil {
			if !errors.Is(err, errDamage) {
				t.Fatalf("error %v", err)
			}
			return
		}
		if err := appendFile(name, one); err != nil {
			t.Fatal(err)
		}
		again, err := readStateLog(name)
		if err != nil || len(again) != len(entries)+1 {
			t.Fatalf("%d entries and one more are %d: %v", len(entries), len(again), err)
		}
		if epochs, err := producerEpochs(name, again); err != nil || epochs[7] != 3 {
			t.Fatalf("epochs %v: %v", epochs, err)
		}
	})
}
