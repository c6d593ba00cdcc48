package groups

import (
	"strings"
	"testing"
	"time"

	"attemptstream/internal/console"
)

func TestTable(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 25, 10, 20, 30, 0, time.UTC)
	five, far := int64(5), int64(900)
	g := Group{Name: "mail\x1b[2J", State: "Stable", Members: []Member{{ID: "m", ClientID: "mail-1", Host: "/10.0.0.7", Partitions: []int{0, 2}}}}
	for _, p := range []Partition{
		{Partition: 0, Committed: &five, Start: 3, LastStable: 2000, Events: 1234, AtMost: true, Seconds: 95, Oldest: &at},
		{Partition: 1, LastStable: 20, Events: 17},
		{Partition: 2, Committed: &far, LastStable: 20, Events: 12, Beyond: true},
		{Partition: 3, Committed: &five, Start: 15, LastStable: 20, Events: 4, Lost: 10, Seconds: 30},
	} {
		g.add(&p)
	}
	if g.Events != 1238 || g.NoOffset != 29 || g.Lost != 10 || g.Seconds != 95 || !g.AtMost {
		t.Errorf("in all %+v", g)
	}
	var b strings.Builder
	if err := Table(&b, &Report{Topic: "events", At: at, Groups: []Group{g}}, console.Colours{}); err != nil {
		t.Fatal(err)
	}
	want := `events at 2026-11-25 10:20:30 UTC: 1 consumer group

"mail\x1b[2J"  ≤ 1,238 events behind, 1m 35s  Stable, 1 member
  PARTITION  OFFSET  END   EVENTS BEHIND  TIME BEHIND  READ BY
  0          5       2000  ≤ 1,234        1m 35s       mail-1 at 10.0.0.7
  1          none    20    (17)           0s           nobody
  2          900     20    (12)           0s           mail-1 at 10.0.0.7
  3          5       20    4              30s          nobody
  ! partition 2: the group's offset 900 is behind the end of the log: was the topic created anew?
    Its consumers start where their auto.offset.reset says; attemptstream rewind moves the group
  ! partition 3: retention has deleted what the group had not read: up to 10 events, from offset 5
    to 15; attemptstream replay tells it again
  ! 29 events in partitions for which the group has no offset: its consumers read all of them or
    none, as their auto.offset.reset says; not counted above
  ! not all was counted yet: figures with ≤ may be less
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

func TestErrorsNameNoMoreThanTheyShould(t *testing.T) {
	t.Parallel()
	e := &MembersError{Group: "mail"}
	for range 12 {
		e.Members = append(e.Members, Member{ClientID: "c", Host: "/10.0.0.1"})
	}
	if text := e.Error(); !strings.Contains(text, `client id "c" at 10.0.0.1`) || !strings.Contains(text, "and 2 more: stop its consumers") {
		t.Error(text)
	}
	if text := (&MembersError{Group: "mail"}).Error(); text != `group "mail" has members: stop its consumers and try again` {
		t.Error(text)
	}
	if text := (&UnknownGroupError{Group: "mail", Topic: "events"}).Error(); !strings.Contains(text, `no group reads topic "events"`) {
		t.Error(text)
	}
}
