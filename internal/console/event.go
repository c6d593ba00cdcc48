package console

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// An Event is what a line says of an event.
type Event struct {
	EventID    string    `json:"eventId"`
	ObservedAt time.Time `json:"observedAt"`
	Account    string    `json:"account"`
	State      string    `json:"state"`
	Window     struct {
		Start time.Time `json:"start"`
		End   time.Time `json:"end"`
	} `json:"window"`
	Late   bool `json:"late"`
	Replay struct {
		ID string `json:"id"`
	} `json:"replay"`
	Attempt struct {
		ID     int64  `json:"testInvitationId"`
		Status string `json:"testStatus"`
	} `json:"attempt"`
}

// ParseEvent reads the value of an event's record.
func ParseEvent(value []byte) (Event, error) {
	var e Event
	if err := json.Unmarshal(value, &e); err != nil {
		return Event{}, fmt.Errorf("the record's value is no event: %w", err)
	}
	return e, nil
}

// CameBack tells whether the invitation came back to a status that it had before: its eventId then ends in the time.
func (e *Event) CameBack() bool {
	return e.EventID != e.Account+":"+strconv.FormatInt(e.Attempt.ID, 10)+":"+e.Attempt.Status
}

// A Lister writes events as lines with aligned columns.
type Lister struct {
	Colours Colours
	Zone    *time.Location // nil: UTC
	Account bool           // whether the account has a column
}

// Widths of the columns; what is longer moves the rest of its line.
const (
	timeWidth    = len("15:04:05")
	idWidth      = len("2199023255552") // the simulator's far ids; iMocha's are shorter
	statusWidth  = len("Under Review")
	stateWidth   = len("completed")
	accountWidth = 12
)

// Head is the line above the columns.
func (l *Lister) Head() string {
	return l.Colours.Faint(l.columns("TIME", "INVITATION", "STATUS", "STATE", "ACCOUNT", "WINDOW READ", ""))
}

// Line is an event. A status is the API's text, and shown without what could move the cursor.
func (l *Lister) Line(e *Event) string {
	zone := l.Zone
	if zone == nil {
		zone = time.UTC
	}
	clock := func(t time.Time) string { return t.In(zone).Format(time.TimeOnly) }
	var marks []string
	if e.Late {
		marks = append(marks, l.Colours.paint(bold+";"+blue, "late"))
	}
	if e.CameBack() {
		marks = append(marks, l.Colours.paint(bold+";"+cyan, "again"))
	}
	if e.Replay.ID != "" {
		marks = append(marks, l.Colours.paint(bold, "replay "+Printable(e.Replay.ID)))
	}
	return l.columns(
		clock(e.ObservedAt),
		strconv.FormatInt(e.Attempt.ID, 10),
		l.Colours.paint(statusColour(e.Attempt.Status), pad(Printable(e.Attempt.Status), statusWidth)),
		Printable(e.State),
		Printable(e.Account),
		l.Colours.Faint(clock(e.Window.Start)+"-"+clock(e.Window.End)),
		strings.Join(marks, " "),
	)
}

func (l *Lister) columns(at, id, status, state, account, window, marks string) string {
	cells := []string{pad(at, timeWidth), fmt.Sprintf("%*s", idWidth, id), pad(status, statusWidth), pad(state, stateWidth)}
	if l.Account {
		cells = append(cells, pad(account, accountWidth))
	}
	cells = append(cells, window)
	if marks != "" {
		cells = append(cells, marks)
	}
	return strings.Join(cells, "  ")
}

// statusColour sets the statuses that people know apart; new ones are plain.
func statusColour(status string) string {
	return map[string]string{"Completed": green, "Testleft": cyan, "Terminated": red, "Cancelled": magenta, "Expired": yellow}[status]
}

// pad fills text up with spaces.
func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text)))
}

// Printable is text without control characters: what comes from outside must not move the cursor of a terminal.
func Printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return utf8.RuneError
	}, text)
}
