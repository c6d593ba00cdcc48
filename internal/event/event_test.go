package event_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"pgregory.net/rapid"

	"attemptstream/internal/attempt"
	"attemptstream/internal/event"
	"attemptstream/internal/event/eventtest"
)

// contractObservation is what the event in testdata/contract.json tells.
func contractObservation() event.Observation {
	return event.Observation{
		Account: "default",
		State:   attempt.Completed,
		Window: attempt.Window{
			Start: attempt.InstantOf(time.Date(2026, 11, 23, 21, 30, 0, 0, time.UTC)),
			End:   attempt.InstantOf(time.Date(2026, 11, 23, 21, 39, 30, 0, time.UTC)),
		},
		ObservedAt: time.Date(2026, 11, 23, 21, 40, 3, 512e6, time.UTC),
		Attempt: attempt.Attempt{
			ID:             2655161,
			Status:         "Completed",
			TestID:         attempt.Some[int64](292930),
			Name:           attempt.Some("May"),
			Email:          attempt.Some("may@example.com"),
			InvitationType: attempt.Some("api"),
		},
	}
}

func newEncoder(t testing.TB, p event.Policy, key []byte) *event.Encoder {
	t.Helper()
	e, err := event.NewEncoder(p, key)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// members pairs names and values.
func members(namesAndValues ...string) (m []attempt.Member) {
	for pair := range slices.Chunk(namesAndValues, 2) {
		m = append(m, attempt.Member{Name: pair[0], Value: pair[1]})
	}
	return m
}

func TestValueOfTheContract(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/contract.json")
	if err != nil {
		t.Fatal(err)
	}
	var want bytes.Buffer
	if err := json.Compact(&want, text); err != nil {
		t.Fatal(err)
	}
	o := contractObservation()
	if got := newEncoder(t, event.Plain, nil).AppendValue(nil, &o); string(got) != want.String() {
		t.Fatalf("got  %s\nwant %s", got, want.Bytes())
	}
	eventtest.Validate(t, want.Bytes())
}

func TestValue(t *testing.T) {
	t.Parallel()
	const (
		head   = `{"eventType":"TestAttemptObserved","schemaVersion":1,"eventId":"default:2655161:Completed","observedAt":"2026-11-23T21:40:03.512Z","account":"default","state":"completed","window":{"start":"2026-11-23T21:30:00Z","end":"2026-11-23T21:39:30Z"}`
		person = `"attempt":{"testInvitationId":2655161,"testId":292930,"name":"May","email":"may@example.com","invitationType":"api","testStatus":"Completed"`
	)
	tests := map[string]struct {
		change func(*event.Observation)
		want   string
	}{
		"late":       {func(o *event.Observation) { o.Late = true }, head + `,"late":true,` + person + `}}`},
		"replayed":   {func(o *event.Observation) { o.Replay = "r-1" }, head + `,"replay":{"id":"r-1"},` + person + `}}`},
		"late again": {func(o *event.Observation) { o.Late, o.Replay = true, "r\"1" }, head + `,"late":true,"replay":{"id":"r\"1"},` + person + `}}`},
		"came back": {
			func(o *event.Observation) { o.CameBack = true },
			strings.Replace(head, "2655161:Completed", "2655161:Completed@2026-11-23T21:39:30Z", 1) + "," + person + `}}`,
		},
		"nothing optional": {
			func(o *event.Observation) { o.Attempt = attempt.Attempt{ID: 2655161, Status: "Completed"} },
			head + `,"attempt":{"testInvitationId":2655161,"testStatus":"Completed"}}`,
		},
		"empty is not absent": {
			func(o *event.Observation) {
				o.Attempt = attempt.Attempt{ID: 2655161, Status: "Completed", TestID: attempt.Some[int64](0), Name: attempt.Some(""), Email: attempt.Some(""), InvitationType: attempt.Some("")}
			},
			head + `,"attempt":{"testInvitationId":2655161,"testId":0,"name":"","email":"","invitationType":"","testStatus":"Completed"}}`,
		},
		"another time zone, microseconds": {
			func(o *event.Observation) {
				o.ObservedAt = o.ObservedAt.Add(999 * time.Microsecond).In(time.FixedZone("", 3600))
			},
			head + "," + person + `}}`,
		},
		"additional": {
			func(o *event.Observation) {
				o.Attempt.Additional = members("score", "1e400", `a "b"`, " {\n\"x\" : [ 1, null, {} ,\t[]],\"x\":\"\\u00e9\\/\"} ",
					"big", "12345678901234567890.10", "score", "-0", "name", `"May"`)
			},
			head + "," + person + `,"additional":{"a \"b\"":{"x":"é/"},"big":12345678901234567890.10,"score":-0,"name":"May"}}}`,
		},
		"additional that is not JSON or not UTF-8": {
			func(o *event.Observation) {
				o.Attempt.Additional = members("a", "{", "b", "", "c", "1 2", "\xff", `"\ud800"`, "\xfe", "[\"\xff\xfe\"]")
			},
			head + "," + person + `,"additional":{"a":"{","b":"","c":"1 2","�":["��"]}}}`,
		},
		"escapes": {
			func(o *event.Observation) {
				o.Attempt.Name = attempt.Some("\"\\\b\f\n\r\t\x00\x1f\x7f/<&>\u2028é漢😀\xff\xc3")
			},
			head + "," + strings.Replace(person, "May", `\"\\\u0008\u000c\n\r\t\u0000\u001f`+"\x7f/<&>\u2028é漢😀\uFFFD\uFFFD", 1) + `}}`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := contractObservation()
			test.change(&o)
			got := newEncoder(t, event.Plain, nil).AppendValue([]byte("before"), &o)
			if want := "before" + test.want; string(got) != want {
				t.Fatalf("got  %s\nwant %s", got, want)
			}
			eventtest.Validate(t, got[len("before"):])
		})
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	o := contractObservation()
	o.Account, o.State, o.Attempt.ID, o.Attempt.Status = "second", attempt.Expired, -7, "Ünknown"
	want := [][2]string{
		{"ce_specversion", "1.0"}, {"ce_id", "second:-7:Ünknown"}, {"ce_type", "TestAttemptObserved"}, {"ce_source", "/imocha/second/expired"},
		{"ce_subject", "-7"}, {"ce_time", "2026-11-23T21:40:03.512Z"}, {"content-type", "application/json"},
	}
	e := newEncoder(t, event.Plain, nil)
	equalHeaders(t, headersOf(t, e, &o), want)

	o.Replay, o.CameBack = "r-1", true
	want[1][1] += "@2026-11-23T21:39:30Z"
	equalHeaders(t, headersOf(t, e, &o), append(want, [2]string{"replay", "r-1"}))
}

// A body is what follows a record's deltas in a batch: another library reads it as part of a record.
func TestBody(t *testing.T) {
	t.Parallel()
	e := newEncoder(t, event.Plain, nil)
	for _, length := range []int{0, 1, 7000, 9000, 2 << 20} {
		o := contractObservation()
		o.Attempt.Name = attempt.Some(strings.Repeat("x", length))
		r := recordOf(t, e, &o)
		if want := e.AppendValue(nil, &o); string(r.Key) != "2655161" || !bytes.Equal(r.Value, want) || len(r.Headers) != 7 {
			t.Errorf("with a name of %d bytes: key %q, %d headers, a value of %d bytes, want %d", length, r.Key, len(r.Headers), len(r.Value), len(want))
		}
	}
}

// One form serves all attempts of an answer, whatever the one before was.
func TestFormsAreUsedAgain(t *testing.T) {
	t.Parallel()
	e := newEncoder(t, event.Hash, hashKey)
	rapid.Check(t, func(t *rapid.T) {
		o := drawObservation(t)
		form := e.Form(&o)
		var all, want []byte
		for range rapid.IntRange(1, 4).Draw(t, "attempts") {
			o.Attempt = drawObservation(t).Attempt
			all = form.AppendBody(all, &o.Attempt)
			want = e.Form(&o).AppendBody(want, &o.Attempt)
		}
		if !bytes.Equal(all, want) {
			t.Fatalf("%q, want %q", all, want)
		}
	})
}

// A form keeps what it made for a status, from whatever goroutine, but not for as many as an API can think of.
func TestFormsTakeAnyStatus(t *testing.T) {
	t.Parallel()
	e := newEncoder(t, event.Plain, nil)
	o := contractObservation()
	var attempts []attempt.Attempt
	var want [][]byte
	for i := range 50 {
		o.Attempt.Status = attempt.Status(fmt.Sprintf("Status \"%d\"", i))
		attempts = append(attempts, o.Attempt)
		want = append(want, e.Form(&o).AppendBody(nil, &o.Attempt))
	}
	form := e.Form(&o)
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for n := range 3 * len(attempts) {
				i := (n*(2*g+1) + g) % len(attempts)
				if got := form.AppendBody(nil, &attempts[i]); !bytes.Equal(got, want[i]) {
					t.Errorf("%q, want %q", got, want[i])
				}
			}
		})
	}
	wg.Wait()
}

func TestFits(t *testing.T) {
	t.Parallel()
	o := contractObservation()
	form := newEncoder(t, event.Plain, nil).Form(&o)
	other := contractObservation()
	other.Attempt = attempt.Attempt{ID: 5}
	if !form.Fits(&other) {
		t.Error("the form does not fit another attempt of its answer")
	}
	for what, change := range map[string]func(*event.Observation){
		"account":    func(o *event.Observation) { o.Account = "x" },
		"state":      func(o *event.Observation) { o.State = attempt.Expired },
		"start":      func(o *event.Observation) { o.Window.Start++ },
		"end":        func(o *event.Observation) { o.Window.End++ },
		"observedAt": func(o *event.Observation) { o.ObservedAt = o.ObservedAt.Add(time.Millisecond) },
		"late":       func(o *event.Observation) { o.Late = true },
		"came back":  func(o *event.Observation) { o.CameBack = true },
		"replay":     func(o *event.Observation) { o.Replay = "r" },
	} {
		other := contractObservation()
		if change(&other); form.Fits(&other) {
			t.Errorf("the form fits an observation that differs in %s", what)
		}
	}
}

// A fataler is a test, also one of rapid's.
type fataler interface {
	Helper()
	Fatal(args ...any)
}

// recordOf is the record of o as a consumer has it.
func recordOf(t fataler, e *event.Encoder, o *event.Observation) kmsg.Record {
	t.Helper()
	r, err := eventtest.Record(e.Form(o).AppendBody(nil, &o.Attempt))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func headersOf(t fataler, e *event.Encoder, o *event.Observation) (headers []event.Header) {
	t.Helper()
	for _, h := range recordOf(t, e, o).Headers {
		headers = append(headers, event.Header(h))
	}
	return headers
}

func equalHeaders(t *testing.T, got []event.Header, want [][2]string) {
	t.Helper()
	var pairs [][2]string
	for _, h := range got {
		pairs = append(pairs, [2]string{h.Key, string(h.Value)})
	}
	if len(pairs) != len(want) {
		t.Fatalf("got %q, want %q", pairs, want)
	}
	for i := range want {
		if pairs[i] != want[i] {
			t.Fatalf("header %d is %q, want %q", i, pairs[i], want[i])
		}
	}
}

func TestDeadLetter(t *testing.T) {
	t.Parallel()
	d := event.DeadLetter{
		Account: "default", State: attempt.Cancelled, Window: contractObservation().Window,
		Reason: "no testStatus", Hash: [16]byte{0: 0xab, 15: 0x01}, Raw: `{"x":1}`,
	}
	equalHeaders(t, d.Headers(), [][2]string{
		{"error", "no testStatus"}, {"account", "default"}, {"state", "cancelled"},
		{"window-start", "2026-11-23T21:30:00Z"}, {"window-end", "2026-11-23T21:39:30Z"},
	})
	if got := string(d.AppendKey(nil)); got != "ab000000000000000000000000000001" {
		t.Fatalf("key %q", got)
	}
}

// The values of Utils.murmur2 in Kafka's own UtilsTest.
func TestPartitionOfJava(t *testing.T) {
	t.Parallel()
	for key, hash := range map[string]int32{
		"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536, "a-little-bit-longer-string": -1486304829,
		"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971, "abc": 479470107,
	} {
		for _, partitions := range []int{1, 6, 7, 1000} {
			if got, want := event.Partition([]byte(key), partitions), int(hash&0x7fffffff)%partitions; got != want {
				t.Errorf("partition of %q among %d is %d, want %d", key, partitions, got, want)
			}
		}
	}
}

func TestPartitionOfOtherClients(t *testing.T) {
	t.Parallel()
	franz := kgo.StickyKeyPartitioner(nil).ForTopic("test-attempts")
	rapid.Check(t, func(t *rapid.T) {
		key := event.AppendKey(nil, rapid.Int64().Draw(t, "id"))
		if rapid.Bool().Draw(t, "any bytes") {
			key = rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, "key")
		}
		partitions := make([]int, rapid.IntRange(1, 300).Draw(t, "partitions"))
		for i := range partitions {
			partitions[i] = i
		}
		got := event.Partition(key, len(partitions))
		if want := (kafka.Murmur2Balancer{Consistent: true}).Balance(kafka.Message{Key: key}, partitions...); got != want {
			t.Fatalf("partition of %q among %d is %d, kafka-go's is %d", key, len(partitions), got, want)
		}
		if want := franz.Partition(&kgo.Record{Key: key}, len(partitions)); got != want {
			t.Fatalf("partition of %q among %d is %d, franz-go's is %d", key, len(partitions), got, want)
		}
	})
}
