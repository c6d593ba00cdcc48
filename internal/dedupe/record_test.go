package dedupe_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"attemptstream/internal/attempt"
	"attemptstream/internal/dedupe"
)

type goldenRecord struct {
	name   string
	block  int64
	record []byte
}

// goldenRecords reads testdata/records.txt.
func goldenRecords(t testing.TB) (records []goldenRecord) {
	t.Helper()
	text, err := os.ReadFile("testdata/records.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] == "#" {
			continue
		}
		g := goldenRecord{name: fields[0]}
		if g.block, err = strconv.ParseInt(fields[1], 10, 64); err != nil {
			t.Fatal(err)
		}
		for _, field := range fields[2:] {
			if strings.HasPrefix(field, `"`) {
				g.record = append(g.record, strings.Trim(field, `"`)...)
				continue
			}
			digits, count, repeated := strings.Cut(field, "*")
			part, err := hex.DecodeString(digits)
			if err != nil {
				t.Fatalf("%s: %v", g.name, err)
			}
			times := 1
			if repeated {
				if times, err = strconv.Atoi(count); err != nil {
					t.Fatal(err)
				}
			}
			g.record = append(g.record, bytes.Repeat(part, times)...)
		}
		records = append(records, g)
	}
	return records
}

func TestGoldenRecords(t *testing.T) {
	t.Parallel()
	tell := map[string]func(x *dedupe.Index, first int64){
		"lone":      func(x *dedupe.Index, _ int64) { x.Tell(2655161, "Completed") },
		"came-back": func(x *dedupe.Index, _ int64) { x.Tell(5, "Expired"); x.Tell(5, "Completed") },
		"array": func(x *dedupe.Index, _ int64) {
			for _, id := range []int64{-3796, -4095, -4093} {
				x.Tell(id, "Completed")
			}
		},
		"runs": func(x *dedupe.Index, first int64) {
			for i := range int64(10) {
				x.Tell(first+i, "Completed")
				x.Tell(first+20+i, "Completed")
			}
		},
		"full": func(x *dedupe.Index, _ int64) {
			for id := int64(math.MinInt64); id < math.MinInt64+4096; id++ {
				x.Tell(id, "Completed")
			}
		},
		"bitmap": func(x *dedupe.Index, first int64) {
			for i := int64(0); i < 4096; i += 2 {
				x.Tell(first+i, "Completed")
				x.Tell(first+i+1, "Later")
			}
			x.Tell(math.MaxInt64-4095, "")
		},
	}
	records := goldenRecords(t)
	if len(records) != len(tell) {
		t.Fatalf("there are %d records for %d cases", len(records), len(tell))
	}
	for _, g := range records {
		x := dedupe.New()
		tell[g.name](x, g.block<<12)
		log := map[int64][]byte{}
		persist(t, x, log)
		if len(log) != 1 || !bytes.Equal(log[g.block], g.record) {
			t.Errorf("%s: wrote %x, want only block %d: %x", g.name, log, g.block, g.record)
		}
		loaded := dedupe.New()
		if err := loaded.Load(g.block, g.record); err != nil {
			t.Errorf("%s: %v", g.name, err)
		}
		for id := g.block << 12; ; id++ {
			for _, s := range []attempt.Status{"Completed", "Expired", "Later", ""} {
				if got, want := loaded.Look(id, s), x.Look(id, s); got != want {
					t.Fatalf("%s: loaded, id %d %q is %+v, want %+v", g.name, id, s, got, want)
				}
			}
			if id&4095 == 4095 {
				break
			}
		}
		if loaded.Told() != x.Told() {
			t.Errorf("%s: %d were told, want %d", g.name, loaded.Told(), x.Told())
		}
	}
}

func TestLoneIdsAreShortRecords(t *testing.T) {
	t.Parallel()
	for _, status := range []attempt.Status{"Completed", "Terminated", "Cancelled"} {
		x := dedupe.New()
		x.Tell(math.MaxInt64, status)
		if err := x.Dirty(func(_ int64, record []byte) error {
			if len(record) > 24 {
				t.Errorf("a lone id takes %d bytes, want at most 24", len(record))
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
}

// sealed is a record with a checksum that holds.
func sealed(block int64, body string) []byte {
	table := crc32.MakeTable(crc32.Castagnoli)
	crc := crc32.Checksum(append(binary.LittleEndian.AppendUint64(nil, uint64(block)), body...), table)
	return binary.LittleEndian.AppendUint32([]byte(body), crc)
}

func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	good := "\x01\x01\x01A\x01\x01\x05\x00"
	if err := dedupe.New().Load(7, sealed(7, good)); err != nil {
		t.Fatalf("the record that the cases change: %v", err)
	}
	flipped := sealed(7, good)
	flipped[6] ^= 1
	bitmap, all, even := strings.Repeat("\x00", 512), strings.Repeat("\xff", 512), strings.Repeat("\x55", 512)
	tests := map[string]struct {
		record []byte
		want   error
		says   string
	}{
		"nothing":                       {nil, dedupe.ErrCorrupt, "empty"},
		"version 0":                     {sealed(7, "\x00"+good[1:]), dedupe.ErrCorrupt, "version 0"},
		"version 2":                     {[]byte{2}, dedupe.ErrNewerVersion, "version 2"},
		"version 255":                   {sealed(7, "\xff"+good[1:]), dedupe.ErrNewerVersion, "version 255"},
		"too short for a checksum":      {[]byte("\x01\x01\x01\x01"), dedupe.ErrCorrupt, "too few"},
		"a flipped bit":                 {flipped, dedupe.ErrCorrupt, "CRC-32C"},
		"another block's":               {sealed(8, good), dedupe.ErrCorrupt, "CRC-32C"},
		"only a version":                {sealed(7, "\x01"), dedupe.ErrCorrupt, "counts statuses"},
		"no status":                     {sealed(7, "\x01\x00"), dedupe.ErrCorrupt, "no status"},
		"one status of two":             {sealed(7, "\x01\x02"+good[2:]), dedupe.ErrCorrupt, "counts the bytes of a status"},
		"very many statuses":            {sealed(7, "\x01\xff\xff\xff\xff\xff\xff\xff\xff\x7f"+good[2:]), dedupe.ErrCorrupt, "counts statuses"},
		"a number in too many bytes":    {sealed(7, "\x01\x81\x00"+good[2:]), dedupe.ErrCorrupt, "counts statuses"},
		"a status that ends early":      {sealed(7, "\x01\x01\x09A"), dedupe.ErrCorrupt, "in a status"},
		"no sets":                       {sealed(7, "\x01\x01\x01A"), dedupe.ErrCorrupt, "in a set"},
		"no superseded":                 {sealed(7, good[:7]), dedupe.ErrCorrupt, "in a set"},
		"an unknown form":               {sealed(7, "\x01\x01\x01A\x04\x01\x05\x00"), dedupe.ErrCorrupt, "form 4"},
		"left over":                     {sealed(7, good+"\x00"), dedupe.ErrCorrupt, "left over"},
		"nothing told":                  {sealed(7, "\x01\x01\x01A\x00\x00"), dedupe.ErrCorrupt, "nothing was told"},
		"nothing told, by an array":     {sealed(7, "\x01\x01\x01A\x01\x00\x00"), dedupe.ErrCorrupt, "nothing was told"},
		"nothing told, by a bitmap":     {sealed(7, "\x01\x01\x01A\x03"+bitmap+"\x00"), dedupe.ErrCorrupt, "nothing was told"},
		"a bitmap that ends early":      {sealed(7, "\x01\x01\x01A\x03"+bitmap[1:]), dedupe.ErrCorrupt, "in a bitmap"},
		"an offset beyond the block":    {sealed(7, "\x01\x01\x01A\x01\x01\x80\x20\x00"), dedupe.ErrCorrupt, "beyond"},
		"a second offset beyond":        {sealed(7, "\x01\x01\x01A\x01\x02\xff\x1f\x00\x00"), dedupe.ErrCorrupt, "beyond"},
		"an array that ends early":      {sealed(7, "\x01\x01\x01A\x01\x09\x05"), dedupe.ErrCorrupt, "distance of an offset"},
		"a run beyond the block":        {sealed(7, "\x01\x01\x01A\x02\x01\x01\xff\x1f\x00"), dedupe.ErrCorrupt, "beyond"},
		"a run far beyond the block":    {sealed(7, "\x01\x01\x01A\x02\x01\xff\xff\xff\xff\x07\xff\xff\xff\xff\x07\x00"), dedupe.ErrCorrupt, "beyond"},
		"a run without a length":        {sealed(7, "\x01\x01\x01A\x02\x01\x01"), dedupe.ErrCorrupt, "length of a run"},
		"statuses in another order":     {sealed(7, "\x01\x02\x01B\x01\x01\x05\x00\x01A\x01\x01\x06\x00"), dedupe.ErrCorrupt, "order"},
		"a status twice":                {sealed(7, "\x01\x02\x01A\x01\x01\x05\x00\x01A\x01\x01\x06\x00"), dedupe.ErrCorrupt, "order"},
		"superseded but not told":       {sealed(7, "\x01\x01\x01A\x01\x01\x05\x01\x01\x06"), dedupe.ErrCorrupt, "not told"},
		"superseded by nothing":         {sealed(7, "\x01\x01\x01A\x01\x01\x05\x01\x01\x05"), dedupe.ErrCorrupt, "no status"},
		"two that are not superseded":   {sealed(7, "\x01\x02\x01A\x01\x01\x05\x00\x01B\x01\x01\x05\x00"), dedupe.ErrCorrupt, "two statuses"},
		"superseded of many, not told":  {sealed(7, "\x01\x01\x01A\x03"+even+"\x01\x01\x05"), dedupe.ErrCorrupt, "not told"},
		"many superseded by nothing":    {sealed(7, "\x01\x01\x01A\x03"+all+"\x03"+all), dedupe.ErrCorrupt, "no status"},
		"one of many has two statuses":  {sealed(7, "\x01\x02\x01A\x03"+all+"\x00\x01B\x01\x01\x05\x00"), dedupe.ErrCorrupt, "two statuses"},
		"one beside many has two":       {sealed(7, "\x01\x03\x01A\x03"+even+"\x00\x01B\x01\x01\x05\x00\x01C\x01\x01\x05\x00"), dedupe.ErrCorrupt, "two statuses"},
		"many have two statuses":        {sealed(7, "\x01\x02\x01A\x03"+all+"\x00\x01B\x03"+even+"\x00"), dedupe.ErrCorrupt, "two statuses"},
		"all of an id's are superseded": {sealed(7, "\x01\x02\x01A\x01\x01\x05\x01\x01\x05\x01B\x01\x02\x05\x00\x01\x01\x05"), dedupe.ErrCorrupt, "no status"},
	}
	for name, test := range tests {
		x := dedupe.New()
		if err := x.Load(7, sealed(7, good)); err != nil {
			t.Fatal(err)
		}
		err := x.Load(7, test.record)
		if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.says) || !strings.Contains(err.Error(), "block 7") {
			t.Errorf("%s: error %v, want %v that says %q and block 7", name, err, test.want, test.says)
		}
		if x.Told() != 1 || !x.Look(7<<12+5, "A").Told || x.Look(7<<12+6, "A").Told {
			t.Errorf("%s: the refused record changed the index", name)
		}
	}
	for _, block := range []int64{math.MinInt64, math.MinInt64>>12 - 1, math.MaxInt64>>12 + 1, math.MaxInt64} {
		if err := dedupe.New().Load(block, sealed(block, good)); !errors.Is(err, dedupe.ErrCorrupt) {
			t.Errorf("block %d is taken, though no id is in it", block)
		}
	}
}

// Every form of a set is read, also where the writer would have taken another.
func TestLoadTakesEveryForm(t *testing.T) {
	t.Parallel()
	bitmap := []byte(strings.Repeat("\x00", 512))
	bitmap[1] = 0x0e // 9, 10, 11
	for name, set := range map[string]string{"array": "\x01\x03\x09\x00\x00", "runs": "\x02\x01\x09\x02", "bitmap": "\x03" + string(bitmap)} {
		x := dedupe.New()
		if err := x.Load(0, sealed(0, "\x01\x01\x01A"+set+"\x00")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var got []int64
		for id := range int64(4096) {
			if x.Look(id, "A").Told {
				got = append(got, id)
			}
		}
		if !slices.Equal(got, []int64{9, 10, 11}) {
			t.Errorf("%s: told %v, want 9, 10, 11", name, got)
		}
	}
}

func TestLaterRecordReplacesEarlier(t *testing.T) {
	t.Parallel()
	x, log := dedupe.New(), map[int64][]byte{}
	x.Tell(1, "Expired")
	persist(t, x, log)
	early := log[0]
	x.Tell(1, "Completed")
	x.Tell(2, "Completed")
	persist(t, x, log)
	again := dedupe.New()
	for _, record := range [][]byte{log[0], early, log[0]} {
		if err := again.Load(0, record); err != nil {
			t.Fatal(err)
		}
	}
	again.Rollback() // does not take back what was loaded
	if got := again.Look(1, "Expired"); got != (dedupe.Standing{Told: true, Superseded: true, Others: true}) || again.Told() != 3 {
		t.Errorf("1 Expired is %+v of %d, want superseded by another, of 3", got, again.Told())
	}
}

func TestLoadRefusesWhileChangesAreStaged(t *testing.T) {
	t.Parallel()
	x := dedupe.New()
	x.Tell(1, "Completed")
	if err := x.Load(0, sealed(0, "\x01\x01\x01A\x01\x01\x05\x00")); err == nil || errors.Is(err, dedupe.ErrCorrupt) {
		t.Errorf("error %v, want one that is not about the record", err)
	}
}

func FuzzLoad(f *testing.F) {
	for _, g := range goldenRecords(f) {
		f.Add(g.block, g.record[:len(g.record)-4])
	}
	f.Fuzz(func(t *testing.T, block int64, body []byte) {
		x := dedupe.New()
		if err := x.Load(block, body); err == nil {
			t.Skip("the checksum held by chance, or the fuzzer learned it")
		}
		err := x.Load(block, sealed(block, string(body)))
		if err != nil {
			if !errors.Is(err, dedupe.ErrCorrupt) && !errors.Is(err, dedupe.ErrNewerVersion) || x.Told() != 0 {
				t.Fatalf("error %v, %d told", err, x.Told())
			}
			return
		}
		// What was read can be written, read and written again, and stays what it is.
		first, told := block<<12, x.Told()
		x.Tell(first+1, "A")
		log := map[int64][]byte{}
		persist(t, x, log)
		y := recovered(t, log)
		if record, ok := log[block]; ok {
			y.Tell(first+1, "B")
			y.Tell(first+1, "A")
			x.Tell(first+1, "B")
			x.Tell(first+1, "A")
			persist(t, y, log)
			again := slices.Clone(log[block])
			persist(t, x, log)
			if !bytes.Equal(again, log[block]) || bytes.Equal(record, again) {
				t.Fatalf("read back, the record is %x, want %x, which differs from %x", again, log[block], record)
			}
		}
		if x.Told() < told {
			t.Fatalf("%d told, were %d", x.Told(), told)
		}
	})
}
