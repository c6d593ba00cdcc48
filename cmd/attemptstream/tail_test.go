package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"attemptstream/internal/config"
	"attemptstream/internal/event/eventtest"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/witness"
)

// testTail prints what a worker told, which are so many events.
func testTail(t *testing.T, w *workedStream, events int) {
	records, err := witness.Records(t.Context(), w.brokers, "test-attempts")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	// Within a partition an event may have been observed some milliseconds before the one in front of it: answers are read
	// side by side, and told in the order of their windows. So an event is due with the youngest up to it.
	due, youngest := map[string]time.Time{}, map[int32]time.Time{}
	for _, r := range records { // by partition and offset
		if r.Timestamp.After(youngest[r.Partition]) {
			youngest[r.Partition] = r.Timestamp
		}
		want, due[string(r.Value)] = append(want, string(r.Value)), youngest[r.Partition]
	}
	slices.Sort(want)

	r := start(t, w.env, "tail", "--from", "-3h", "--output", "json", "--account", "default")
	r.wait(exitDone)
	printed := strings.Split(strings.TrimSuffix(r.out.String(), "\n"), "\n")
	last := time.Time{}
	for _, line := range printed {
		if e := eventtest.Validate(t, []byte(line)); due[line].Before(last) {
			t.Fatalf("%s, due at %s, comes after what was due at %s", e.EventID, due[line], last)
		}
		last = due[line]
	}
	newest := printed[len(printed)-1]
	sorted := slices.Sorted(slices.Values(printed))
	if !slices.Equal(sorted, want) {
		t.Errorf("it prints %d events, and another client sees %d, or others", len(sorted), len(want))
	}

	r = start(t, w.env, "tail")
	r.wait(exitDone)
	text := r.out.String()
	if lines := strings.Count(text, "\n"); lines < 12 || lines > 13 || !strings.Contains(text, "WINDOW READ") || strings.Contains(text, "@") {
		t.Errorf("the last ten events are\n%s", text)
	}
	id := fmt.Sprint(eventtest.Validate(t, []byte(newest)).Attempt.TestInvitationID)
	if lines := strings.Split(strings.TrimSpace(text), "\n"); !strings.Contains(lines[len(lines)-1], id) {
		t.Errorf("the last event is not %s:\n%s", id, text)
	}

	r = start(t, w.env, "tail", "--from", "-3h", "--limit", "3", "--output", "json")
	r.wait(exitDone)
	if r.out.String() != strings.Join(printed[:3], "\n")+"\n" {
		t.Errorf("the first three are\n%s", r.out.String())
	}
	r = start(t, w.env, "tail", "--account", "emea")
	r.wait(exitFailed)
	if !strings.Contains(r.err.String(), "there are default") {
		t.Errorf("of an unknown account it says %s", r.err.String())
	}

	// Who reads a line and closes the pipe has seen enough.
	from, to := io.Pipe()
	var errs output
	a := &app{env: config.FromMap(w.env), out: to, err: &errs}
	code := make(chan int, 1)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	go func() { code <- execute(ctx, a, []string{"tail", "--from", "-3h"}) }()
	if _, err := bufio.NewReader(from).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	from.Close()
	if got := <-code; got != exitDone || errs.String() != "" {
		t.Errorf("after the pipe was closed it ends with %d: %s", got, errs.String())
	}
}

// Who follows sees what comes, until Ctrl-C.
func TestTailFollow(t *testing.T) {
	t.Parallel()
	s := startReadStream(t)
	tell := func(n int) {
		t.Helper()
		value := fmt.Sprintf(`{"eventId":"default:%d:Completed","observedAt":%q,"account":"default","state":"completed","late":true,`+
			`"attempt":{"testInvitationId":%d,"name":"May","email":"may@example.com","testStatus":"Completed"},"replay":{"id":"r1"}}`,
			n, time.Now().UTC().Format(time.RFC3339Nano), n)
		if err := s.producer.Commit(t.Context(), []kafkatx.Record{{Topic: readTopic, Partition: n % 2, Value: []byte(value)}}); err != nil {
			t.Fatal(err)
		}
	}
	tell(1001)
	r := start(t, s.env, "tail", "--follow")
	r.until("1001")
	if err := s.producer.Commit(t.Context(), []kafkatx.Record{{Topic: readTopic, Value: []byte("something else")}}); err != nil {
		t.Fatal(err)
	}
	r.until("no event: partition 0, offset")
	tell(1002)
	r.until("1002")
	r.cancel()
	r.wait(exitDone)
	if text := r.out.String(); strings.Contains(text, "May") || strings.Contains(text, "@") || !strings.Contains(text, "late replay r1") || r.err.String() != "" {
		t.Errorf("it prints\n%s%s", text, r.err.String())
	}
}
