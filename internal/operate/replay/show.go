package replay

import (
	"fmt"
	"io"
	"strings"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/console"
	"attemptstream/internal/state"
)

// A Row is one account's part of a replay, for a report.
type Row struct {
	ID          string             `json:"id"`
	Account     attempt.Account    `json:"account"`
	Status      state.ReplayStatus `json:"status"`
	Taken       bool               `json:"taken"` // a worker has heard of it
	Reason      string             `json:"reason,omitempty"`
	From        attempt.Instant    `json:"from"`
	To          attempt.Instant    `json:"to"`
	Position    attempt.Instant    `json:"position"`
	States      []attempt.State    `json:"states"`
	MissingOnly bool               `json:"missingOnly"`
	Cancelling  bool               `json:"cancelling,omitempty"` // its end was asked for, and the worker has not heard of that

	Told       int64 `json:"told"`
	Late       int64 `json:"late"`
	Known      int64 `json:"known"`
	Dead       int64 `json:"dead"`
	Gaps       int64 `json:"gapSeconds"`
	Unreadable int64 `json:"unreadableSeconds"`

	RequestedAt time.Time `json:"requestedAt,omitzero"`
	StartedAt   time.Time `json:"startedAt,omitzero"`
	UpdatedAt   time.Time `json:"updatedAt,omitzero"`
	EndedAt     time.Time `json:"endedAt,omitzero"`
}

// Rows are the replays as a report has them.
func Rows(replays []*Replay) []Row {
	rows := []Row{}
	for _, r := range replays {
		q, p := &r.Request, &r.Said
		row := Row{
			ID: r.ID, Account: r.Account, Status: r.Status(), Taken: r.Taken, Reason: p.Reason, From: q.From, To: q.To,
			Position: max(p.Position, q.From), States: q.States, MissingOnly: q.MissingOnly, Cancelling: q.Cancelled && !r.Ended(),
			Told: p.Told, Late: p.Late, Known: p.Known, Dead: p.Dead, Gaps: p.Gaps, Unreadable: p.Unreadable,
			RequestedAt: q.RequestedAt, StartedAt: p.StartedAt, UpdatedAt: p.UpdatedAt, EndedAt: p.EndedAt,
		}
		switch {
		case r.Broken != nil:
			row.Reason = "its progress cannot be read: " + r.Broken.Error()
		case r.Wrong != nil && row.Reason == "":
			row.Reason = r.Wrong.Error()
		case !r.Taken:
			row.Reason = "no worker has heard of it yet"
		}
		rows = append(rows, row)
	}
	return rows
}

// Table writes rows for people.
func Table(w io.Writer, rows []Row, colours console.Colours) error {
	if len(rows) == 0 {
		_, err := fmt.Fprintln(w, "No replay is remembered: those that ended are kept for 30 days, the 20 youngest of each account.")
		return err
	}
	page := console.NewPage(w, colours)
	cells := [][]string{{"ID", "ACCOUNT", "STATUS", "FROM", "TO", "DONE", "TOLD", "LATE", "DEAD"}}
	for i := range rows {
		r := &rows[i]
		cells = append(cells, []string{r.ID, string(r.Account), string(r.Status), clock(r.From), clock(r.To), r.done(),
			console.Count(r.Told), console.Count(r.Late), console.Count(r.Dead)})
	}
	page.Rows("", 5, cells)
	for i := range rows {
		if note := rows[i].note(); note != "" {
			page.Text(fmt.Sprintf("%s, %s: ", rows[i].ID, rows[i].Account), note)
		}
	}
	return page.Flush()
}

func clock(i attempt.Instant) string { return i.Time().Format(time.DateTime) }

// done is how much of the range has been read.
func (r *Row) done() string {
	if r.Status == state.Done {
		return "100 %"
	}
	if r.To <= r.From {
		return "-"
	}
	return fmt.Sprintf("%d %%", 100*int64(r.Position-r.From)/int64(r.To-r.From))
}

// note is what else is to be said.
func (r *Row) note() string {
	var notes []string
	if len(r.States) < len(attempt.States()) {
		notes = append(notes, "only "+join(r.States))
	}
	if r.MissingOnly {
		notes = append(notes, "missing only")
	}
	if r.Cancelling {
		notes = append(notes, "is to end")
	}
	if r.Reason != "" {
		notes = append(notes, r.Reason)
	}
	if r.Gaps > 0 {
		notes = append(notes, fmt.Sprintf("passed over %s of gaps, which are told when they can be read", span(r.Gaps)))
	}
	if r.Unreadable > 0 {
		notes = append(notes, fmt.Sprintf("passed over %s that could not be read", span(r.Unreadable)))
	}
	return strings.Join(notes, "; ")
}

func span(seconds int64) string { return console.Span(time.Duration(seconds) * time.Second) }

// Bar is how far a replay has come, as a line of at most width columns; empty where there is no room for one.
func Bar(replays []*Replay, width int) string {
	share, told := Share(replays)
	words := fmt.Sprintf("replay %s, %s told", replays[0].ID, console.Counted(told, "event", "events"))
	const steps = 1000
	return console.BarLine(int64(share*steps), steps, words, width)
}
