package audit

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
	"pgregory.net/rapid"

	"attemptstream/internal/attempt"
	"attemptstream/internal/complete"
	"attemptstream/internal/console"
	"attemptstream/internal/imocha"
	"attemptstream/internal/schedule"
)

// anEntry is any that can be written.
func anEntry(t *rapid.T) entry {
	e := entry{
		kind: kind(rapid.IntRange(0, 3).Draw(t, "kind")), flags: flags(rapid.Byte().Draw(t, "flags")) & 0x7f,
		account: rapid.IntRange(0, 300).Draw(t, "account"), state: rapid.IntRange(0, 2).Draw(t, "state"),
		window: attempt.Window{Start: attempt.Instant(rapid.Int64Range(-1e11, 1e11).Draw(t, "start"))},
	}
	e.window.End = e.window.Start + attempt.Instant(rapid.Int64Range(0, 1e7).Draw(t, "length"))
	if e.kind.letter() {
		copy(e.hash[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "hash"))
	} else {
		e.id, e.status = rapid.Int64().Draw(t, "id"), rapid.IntRange(0, 1<<16).Draw(t, "status")
	}
	if e.has(flagCameBack) {
		e.end = attempt.Instant(rapid.Int64Range(-1e11, 1e11).Draw(t, "end"))
	}
	if e.has(flagReplayed) {
		e.replay = rapid.Uint64().Draw(t, "replay")
	}
	if e.kind == toldEvent || e.kind == toldLetter {
		e.partition, e.offset = rapid.IntRange(0, 1000).Draw(t, "partition"), rapid.Int64Range(0, 1<<60).Draw(t, "offset")
	}
	return e
}

func TestEntriesAreReadAsWritten(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOf(rapid.Custom(anEntry)).Draw(t, "entries")
		var text []byte
		for i := range want {
			text = want[i].append(text)
		}
		r := bufio.NewReader(bytes.NewReader(text))
		for i := range want {
			if got, err := readEntry(r); err != nil || got != want[i] {
				t.Fatalf("%+v, %v, want %+v", got, err, want[i])
			}
		}
		if _, err := readEntry(r); !errors.Is(err, io.EOF) {
			t.Fatalf("%v, want the end", err)
		}
		if len(text) > 0 {
			if _, err := readEntry(bufio.NewReader(bytes.NewReader(text[:1]))); !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatalf("%v, want that it is cut", err)
			}
		}
	})
}

// However small the buckets have to be, each entry comes once, and those of one owner come together and sorted.
func TestSpill(t *testing.T) {
	t.Parallel()
	for _, most := range []int64{60, 1 << 20} {
		dir := t.TempDir()
		s := newSpill(dir)
		s.most = most
		const ids, each = 300, 5
		for n := range ids * each {
			e := entry{kind: kind(n / ids % 2), id: int64(n % ids), status: n % 3}
			if err := s.add(&e); err != nil {
				t.Fatal(err)
			}
		}
		seen := map[int64]int{}
		err := s.each(t.Context(), func(entries []entry) error {
			if !slices.IsSortedFunc(entries, compareEntries) {
				t.Error("not sorted")
			}
			here := map[int64]int{}
			for _, e := range entries {
				here[e.id]++
			}
			for id, n := range here {
				if n != each || seen[id] > 0 {
					t.Fatalf("%d of id %d come at once, and %d came before", n, id, seen[id])
				}
				seen[id] += n
			}
			return nil
		})
		if err != nil || len(seen) != ids {
			t.Fatalf("%v, %d ids of %d", err, len(seen), ids)
		}
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("files are left: %v", left)
		}
	}
}

// A digest is what the report says it is, whatever the order, and what is taken out again was never there.
func TestDigest(t *testing.T) {
	t.Parallel()
	sum := new(big.Int)
	var forth, back digest
	const n = 500
	for i := range int64(n) {
		line := fmt.Sprintf("default:%d:Completed", i*i)
		hash := sha256.Sum256([]byte(line))
		sum.Add(sum, new(big.Int).SetBytes(hash[:]))
		forth.add("default", i*i, "Completed")
		back.add("default", (n-1-i)*(n-1-i), "Completed")
		back.add("default", i, "Expired")
	}
	for i := range int64(n) {
		back.remove("default", i, "Expired")
	}
	sum.Mod(sum, new(big.Int).Lsh(big.NewInt(1), 256))
	if want := fmt.Sprintf("%064x", sum); forth.String() != want || back.String() != want || back.lines != n {
		t.Errorf("%s and %s, want %s", &forth, &back, want)
	}
}

func TestEventParser(t *testing.T) {
	t.Parallel()
	const good = `{"eventType":"TestAttemptObserved","eventId":"a:7:Expired@2026-11-23T21:39:30Z","account":"a","state":"expired",` +
		`"window":{"start":"2026-11-23T21:30:00Z","end":"2026-11-23T21:39:30Z"},"late":true,"replay":{"id":"r"},` +
		`"attempt":{"testInvitationId":7,"name":"May","testStatus":"Expired","additional":{"a":[1,{}]}}}`
	var p eventParser
	e, err := p.parse([]byte(good))
	end, _ := time.Parse(time.RFC3339, "2026-11-23T21:39:30Z")
	want := event{eventID: "a:7:Expired@2026-11-23T21:39:30Z", account: "a", state: "expired", late: true, replay: "r", id: 7, status: "Expired",
		cameBack: true, end: attempt.InstantOf(end), window: attempt.Window{Start: attempt.InstantOf(end) - 570, End: attempt.InstantOf(end)}}
	if err != nil || e != want {
		t.Errorf("%+v, %v, want %+v", e, err, want)
	}
	for _, change := range [][2]string{
		{`{"eventType"`, `["eventType"`}, {`"testInvitationId":7`, `"testInvitationId":7.5`}, {`"testInvitationId":7`, `"testInvitationId":"7"`},
		{`a:7:Expired@`, `a:8:Expired@`}, {`Expired@2026`, `Expired@x`}, {`"window":{`, `"window":[`}, {`"a","state"`, `1,"state"`}, {good, ``}, {good, `{}`},
		{good, good + good}, {good, `null`}, {`"r"`, `1`}, {`21:30:00Z`, `soon`},
	} {
		_, err := p.parse([]byte(strings.Replace(good, change[0], change[1], 1)))
		if !errors.Is(err, errNoEvent) || strings.Contains(err.Error(), "May") {
			t.Errorf("%v: %v", change, err)
		}
		if _, err := p.parse([]byte(good)); err != nil {
			t.Fatalf("after %v: %v", change, err)
		}
	}
}

func TestPieces(t *testing.T) {
	t.Parallel()
	c := &schedule.Coverage{Start: 100, Front: 200, Gaps: []schedule.Span{{From: 120, Until: 130}, {From: 150, Until: 160}}}
	for _, test := range []struct {
		from, until, kept attempt.Instant
		want              string
	}{
		{0, 300, 0, "100-120 120-130gap 130-150 150-160gap 160-200 | 0-100 120-130gap 150-160gap 200-300"},
		{105, 110, 0, "105-110 | "},
		{125, 155, 0, "125-130gap 130-150 150-155gap | 125-130gap 150-155gap"},
		{0, 50, 0, " | 0-50"},
		{0, 300, 140, "140-150 150-160gap 160-200 | 0-100 100-140 150-160gap 200-300"},
		{0, 300, 155, "155-160gap 160-200 | 0-100 100-155 155-160gap 200-300"},
		{0, 300, 250, " | 0-100 100-200 250-300"},
	} {
		pieces, uncovered := piecesOf(c, schedule.Span{From: test.from, Until: test.until}, test.kept)
		name := func(s schedule.Span, gap bool) string {
			return fmt.Sprintf("%d-%d%s", s.From, s.Until, map[bool]string{true: "gap"}[gap])
		}
		var a, b []string
		for _, p := range pieces {
			a = append(a, name(p.Span, p.gap))
		}
		for _, u := range uncovered {
			b = append(b, name(u.Span, u.gap))
		}
		if got := strings.Join(a, " ") + " | " + strings.Join(b, " "); got != test.want {
			t.Errorf("%d-%d, kept from %d: %s, want %s", test.from, test.until, test.kept, got, test.want)
		}
	}
	if pieces, uncovered := piecesOf(nil, schedule.Span{From: 1, Until: 2}, 0); len(pieces) > 0 || len(uncovered) != 1 {
		t.Errorf("%v and %v of a state that was never read", pieces, uncovered)
	}
}

func TestLookedBack(t *testing.T) {
	t.Parallel()
	c := &schedule.Coverage{LookedBack: []attempt.Instant{100, 200, 300}}
	r := &run{began: time.Unix(1_000_000, 0), known: []*schedule.Checkpoint{{States: map[attempt.State]*schedule.Coverage{attempt.States()[1]: c}}}}
	for age, want := range map[time.Duration]string{
		0: "00:01:40Z", time.Hour - time.Second: "00:01:40Z", time.Hour: "00:03:20Z", 3 * time.Hour: "00:05:00Z", 4 * time.Hour: "no look-back",
	} {
		e := &entry{state: 1, window: attempt.Window{End: attempt.InstantOf(r.began.Add(-age))}}
		if got := r.lookedBack(e); !strings.Contains(got, want) {
			t.Errorf("at the age of %s: %s, want %s", age, got, want)
		}
	}
}

// An API that does not answer for a time is given up in steps that grow, and asked again behind it.
func TestWalkerLeavesOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const end = 1 << 22
		requests := 0
		down := schedule.Span{From: 1000, Until: 3000}
		q := requester{log: zap.NewNop(), api: apiFunc(func(w attempt.Window) error {
			requests++
			if w.End > down.From && w.Start < down.Until {
				return &imocha.Error{Kind: imocha.Unavailable}
			}
			return nil
		})}
		var left schedule.Span
		at := attempt.Instant(0)
		w := &walker{
			reader: &complete.Reader{Request: q.request, Longest: 4000, Now: time.Now}, state: attempt.Expired, widest: 86399, wanted: 1000, patience: defaultPatience,
			take: func(_ *complete.Answer, s schedule.Span, _ bool) error {
				if s.From != at {
					t.Errorf("%s is read, want from %d", s, at)
				}
				at = s.Until
				return nil
			},
			unread: func(s schedule.Span, why error) {
				if s.From != at || imocha.KindOf(why) != imocha.Unavailable {
					t.Errorf("%s is left out, want from %d: %v", s, at, why)
				}
				if left.Empty() {
					left.From = s.From
				}
				at, left.Until = s.Until, s.Until
			},
		}
		began := time.Now()
		if err := w.walk(t.Context(), schedule.Span{From: 0, Until: end}); err != nil {
			t.Fatal(err)
		}
		if at != end || left.From != down.From || left.Until < down.Until || left.Until > 2*down.Until {
			t.Errorf("read to %d, left out %d-%d", at, left.From, left.Until)
		}
		if took := time.Since(began); requests > 300 || took < defaultPatience || took > 3*time.Minute {
			t.Errorf("%d requests, %s", requests, took)
		}
	})
}

// A request that fails in passing is made again; what is refused for longer is asked for more often before it counts.
func TestRequestTries(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for kind, most := range map[imocha.Kind]int{
			imocha.Unavailable: 3, imocha.Unreadable: 3, imocha.Throttled: 3, imocha.Rejected: 6, imocha.Unauthorized: 6, 0: 1,
		} {
			for _, failing := range []int{0, 1, most - 1, most, 100} {
				n := 0
				q := requester{log: zap.NewNop(), api: apiFunc(func(attempt.Window) error {
					if n++; n > failing {
						return nil
					}
					if kind == 0 {
						return errors.New("of who receives the entries")
					}
					return &imocha.Error{Kind: kind}
				})}
				err := q.request(t.Context(), attempt.Expired, attempt.Window{}, func() func(*imocha.Entry) error { return nil })
				if want := min(failing+1, most); n != want || (err == nil) != (failing < most) {
					t.Errorf("%s, failing %d times: %d tries and %v, want %d", kind, failing, n, err, want)
				}
			}
		}
	})
}

// apiFunc is an API that shows nothing.
type apiFunc func(w attempt.Window) error

func (f apiFunc) Attempts(_ context.Context, _ attempt.State, w attempt.Window, _ func(*imocha.Entry) error) error {
	return f(w)
}

func TestBar(t *testing.T) {
	t.Parallel()
	for width := range 150 {
		for _, done := range []int64{0, 1, 500, 999, 1000} {
			line := bar("reading iMocha", done, 1000, 12345, width)
			if n := utf8.RuneCountInString(line); n >= max(width, 1) {
				t.Errorf("a line of %d for a width of %d", n, width)
			}
		}
	}
	if got := strings.TrimSpace(bar("reading Kafka", 500, 1000, 12345, 80)); got != "50% |==============>               |  reading Kafka, 12,345 entries so far" {
		t.Errorf("%q", got)
	}
	_ = bar("comparing", 0, 0, 0, 80)
}

// On a terminal progress is a line that goes away, elsewhere some words in the log every half minute.
func TestWatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		core, logged := observer.New(zapcore.InfoLevel)
		p := &Progress{}
		p.begin("reading iMocha", 200)
		p.done.Add(50)
		var screen bytes.Buffer
		ctx, cancel := context.WithTimeout(t.Context(), 95*time.Second)
		defer cancel()
		go p.Watch(ctx, console.NewScreen(&screen, func() int { return 80 }), zap.NewNop())
		p.Watch(ctx, nil, zap.New(core))
		synctest.Wait()
		if entries := logged.All(); len(entries) != 3 || entries[2].ContextMap()["percent"] != int64(25) {
			t.Errorf("logged: %v", entries)
		}
		if text := screen.String(); !strings.Contains(text, "25% |") || !strings.HasSuffix(text, "\r\x1b[K") {
			t.Errorf("on the screen: %q", text[max(0, len(text)-100):])
		}
	})
}
