package complete_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"
	"weak"

	"attemptstream/internal/attempt"
	"attemptstream/internal/complete"
	"attemptstream/internal/imocha"
	"attemptstream/internal/schedule"
)

var anHour = schedule.Span{From: 1000, Until: 4600}

// tries is how often a test looks for memory that is used again: under the race detector, sync.Pool forgets some of it, and
// between a release and the next answer the collector may take it.
const tries = 60

func mustAsk(t *testing.T, r *complete.Reader, state attempt.State) *complete.Answer {
	t.Helper()
	a, err := r.Ask(t.Context(), state, anHour)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// The memory of an answer that was released is that of a next one of its state, whose entries are its own.
func TestReleasedMemoryIsUsedAgain(t *testing.T) {
	t.Parallel()
	n := 1000
	r := lengthy(&n, 2)
	attempts, members := 0, 0
	for range tries {
		a := mustAsk(t, r, attempt.Completed)
		firstAttempt, firstMember := &a.Attempts[0], &a.Attempts[0].Additional[0]
		r.Release(a)
		if a.Attempts != nil || a.Malformed != nil || a.Length != n {
			t.Fatalf("released: %d attempts, %d malformed, of %d", len(a.Attempts), len(a.Malformed), a.Length)
		}
		r.Release(a) // which does nothing
		a = mustAsk(t, r, attempt.Completed)
		b := mustAsk(t, r, attempt.Completed) // beside a
		if &a.Attempts[0] == &b.Attempts[0] || &a.Attempts[0].Additional[0] == &b.Attempts[0].Additional[0] {
			t.Fatal("two answers have the same memory")
		}
		if &a.Attempts[0] == firstAttempt {
			attempts++
		}
		if &a.Attempts[0].Additional[0] == firstMember {
			members++
		}
		for i := range a.Attempts {
			if e := &a.Attempts[i]; len(a.Attempts) != n || e.ID != 1 || len(e.Additional) != 2 || e.Additional[0].Name != letter(i) {
				t.Fatalf("attempt %d of %d is %+v", i, len(a.Attempts), *e)
			}
		}
	}
	if attempts < tries/4 || members < tries/4 {
		t.Errorf("of %d answers after a release, %d use its attempts' memory again, and %d its members'", tries, attempts, members)
	}
	r.Release(nil)
}

// What is read beside one another, and released as soon as it was looked at, is not mixed up.
func TestReleaseBesideReaders(t *testing.T) {
	t.Parallel()
	r := &complete.Reader{Longest: 4000, Now: time.Now, Request: func(_ context.Context, state attempt.State, w attempt.Window, begin func() func(*imocha.Entry) error) error {
		for _, n := range []int{150, 300} { // the first try fails
			take := begin()
			for i := range n {
				text := fmt.Sprint(state, w, i)
				if err := take(&imocha.Entry{Attempt: attempt.Attempt{ID: int64(i), Status: attempt.Status(text), Size: len(text),
					Additional: []attempt.Member{{Name: text, Value: text}}}}); err != nil {
					return err
				}
			}
		}
		return nil
	}}
	r.Trust.Set(schedule.Trust{Proven: 4000})
	var all sync.WaitGroup
	for k := range 4 {
		all.Go(func() {
			var held []*complete.Answer
			for j := range 50 {
				span := schedule.Span{From: attempt.Instant(1000 + 1000*k + 10*j), Until: attempt.Instant(1000 + 1000*k + 10*j + 5)}
				for _, state := range attempt.States() {
					a, _, err := r.Read(t.Context(), state, span)
					if err != nil || len(a.Attempts) != 300 || a.Length != 300 {
						t.Error(err, len(a.Attempts), a.Length)
						return
					}
					held = append(held, a)
				}
				if j < 3 {
					continue
				}
				a := held[0]
				held = held[1:]
				for i := range a.Attempts {
					e := &a.Attempts[i]
					if e.ID != int64(i) || !strings.HasPrefix(string(e.Status), string(a.State)) || e.Additional[0] != (attempt.Member{Name: string(e.Status), Value: string(e.Status)}) {
						t.Errorf("attempt %d of state %s is %+v", i, a.State, *e)
						return
					}
				}
				r.Release(a)
			}
		})
	}
	all.Wait()
}

// What only the halves of a second's window show stays in the answer, though the memory of the first half is used again for
// the second one, and that of both for other answers.
func TestJoinedEntriesAreTheAnswersOwn(t *testing.T) {
	t.Parallel()
	const second, perSecond, most = attempt.Instant(1_800_000_000), 50, 100
	r := &complete.Reader{Longest: 4000, Now: time.Now, Request: func(_ context.Context, _ attempt.State, w attempt.Window, begin func() func(*imocha.Entry) error) error {
		take := begin()
		for n := range min(int64(w.End-w.Start+1)*perSecond, most) {
			id := int64(w.Start)*perSecond + n
			text := fmt.Sprint(id)
			if err := take(&imocha.Entry{Attempt: attempt.Attempt{ID: id, Size: len(text), Additional: []attempt.Member{{Name: "id", Value: text}}}}); err != nil {
				return err
			}
		}
		return nil
	}}
	for range tries {
		var answers []*complete.Answer
		for i := range attempt.Instant(2) {
			r.Trust.Set(schedule.Trust{})
			a, _, err := r.Read(t.Context(), attempt.Completed, schedule.Span{From: second + 10*i, Until: second + 10*i + 1})
			if err != nil {
				t.Fatal(err)
			}
			answers = append(answers, a)
		}
		for i, a := range answers {
			first := int64(second+10*attempt.Instant(i)-1) * perSecond // the window begins a second earlier
			for n := range a.Attempts {
				id := first + int64(n)
				e := &a.Attempts[n]
				if text := fmt.Sprint(id); len(a.Attempts) != 3*perSecond || e.ID != id || e.Size != len(text) || e.Additional[0].Value != text {
					t.Fatalf("attempt %d of %d is %+v, want %d", n, len(a.Attempts), *e, id)
				}
			}
			r.Release(a)
		}
	}
}

// Memory that waits to be used again holds no text, and what nobody uses is let go of.
func TestReleasedMemoryHoldsNothing(t *testing.T) { // not beside others, whose collections would take the memory too
	const n = 1000
	var texts []weak.Pointer[byte]
	r := &complete.Reader{Longest: 4000, Now: time.Now, Request: func(_ context.Context, _ attempt.State, _ attempt.Window, begin func() func(*imocha.Entry) error) error {
		take := begin()
		text := func(i int) string {
			s := strings.Repeat(fmt.Sprintf("%9d", i), 10)
			texts = append(texts, weak.Make(unsafe.StringData(s)))
			return s
		}
		for i := range n {
			e := imocha.Entry{Attempt: attempt.Attempt{ID: int64(i), Name: attempt.Some(text(i)), Additional: []attempt.Member{{Name: text(i), Value: text(i)}}}}
			if i == n-1 {
				e.Malformed = &attempt.Malformed{Raw: text(i)}
			}
			if err := take(&e); err != nil {
				return err
			}
		}
		return nil
	}}
	kept := 0
	for range tries / 4 {
		texts = nil
		a := mustAsk(t, r, attempt.Completed)
		memory, members := weak.Make(&a.Attempts[0]), weak.Make(&a.Attempts[0].Additional[0])
		r.Release(a)
		runtime.GC()
		if memory.Value() != nil && members.Value() != nil {
			kept++
		}
		for i, text := range texts {
			if text.Value() != nil {
				t.Fatalf("text %d of %d is held", i, len(texts))
			}
		}
		runtime.GC()
		runtime.GC()
		if memory.Value() != nil || members.Value() != nil {
			t.Fatal("memory is held that nobody uses")
		}
		runtime.KeepAlive(a)
	}
	if kept == 0 {
		t.Error("no memory waited to be used again")
	}
}

// Answers as short as those of polls leave nothing that waits.
func TestShortAnswersAreNotKept(t *testing.T) {
	n := 20
	r := lengthy(&n, 1)
	for range 10 {
		a := mustAsk(t, r, attempt.Completed)
		memory := weak.Make(&a.Attempts[0])
		r.Release(a)
		runtime.GC()
		if memory.Value() != nil {
			t.Fatal("memory is held")
		}
		runtime.KeepAlive(a)
	}
}
