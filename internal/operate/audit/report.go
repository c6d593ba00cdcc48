package audit

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/console"
	"attemptstream/internal/kafkatx"
)

// A Kind is what is the matter with a line of the report.
type Kind string

// The kinds. The first four mean that something is wrong; the others are for the reader to know.
const (
	Missing        Kind = "missing"               // shown, covered, and told in no event
	Twice          Kind = "told twice"            // the same eventId, without a replay or in one replay
	MissingLetter  Kind = "missing dead letter"   // shown, covered, and not in the dead letters
	TwiceLetter    Kind = "dead letter twice"     // the same bytes of the same state
	InGap          Kind = "in a gap"              // shown only in a gap of the coverage, and not told
	NotToldAgain   Kind = "not told again"        // shown after another status, and told only before it
	NotShown       Kind = "not shown any more"    // told in the range, and shown no more
	NotAnEvent     Kind = "not an event"          // a record that is none
	ByIndex        Kind = "told before retention" // told, as the index says, in an event that Kafka has deleted
	kindsInReports      = 50                      // lines of each kind in a table
)

// Kinds are all of them, the gravest first.
func Kinds() []Kind {
	return []Kind{Missing, Twice, MissingLetter, TwiceLetter, InGap, NotToldAgain, NotShown, ByIndex, NotAnEvent}
}

// Wrong tells whether a kind means that something is wrong.
func (k Kind) Wrong() bool {
	return k == Missing || k == Twice || k == MissingLetter || k == TwiceLetter
}

// A Place is where a record is.
type Place struct {
	Partition int   `json:"partition"`
	Offset    int64 `json:"offset"`
}

// A Line is one difference: an attempt by id and status, or a dead letter by the hash of its bytes.
type Line struct {
	Kind    Kind            `json:"kind"`
	Account attempt.Account `json:"account,omitempty"`
	State   attempt.State   `json:"state,omitempty"`
	ID      *int64          `json:"testInvitationId,omitempty"`
	Status  attempt.Status  `json:"testStatus,omitempty"`
	EventID string          `json:"eventId,omitempty"`
	Letter  string          `json:"letter,omitempty"` // key of the dead letter's record
	Replay  string          `json:"replay,omitempty"`
	Window  *attempt.Window `json:"window,omitempty"` // in which it is shown or was told
	Topic   string          `json:"topic,omitempty"`
	Records []Place         `json:"records,omitempty"`
	Note    string          `json:"note,omitempty"`
}

// Counts are of one account, state and status, or of several.
type Counts struct {
	Shown        int64 `json:"shown"` // in covered time
	Told         int64 `json:"told"`  // of those
	Late         int64 `json:"toldLate"`
	Replayed     int64 `json:"replayedEvents"`
	NotShown     int64 `json:"notShownAnyMore"`
	InGap        int64 `json:"inGap"`
	NotToldAgain int64 `json:"notToldAgain"`
	Missing      int64 `json:"missing"`
	Twice        int64 `json:"toldTwice"`
}

func (c *Counts) add(o *Counts) {
	c.Shown += o.Shown
	c.Told += o.Told
	c.Late += o.Late
	c.Replayed += o.Replayed
	c.NotShown += o.NotShown
	c.InGap += o.InGap
	c.NotToldAgain += o.NotToldAgain
	c.Missing += o.Missing
	c.Twice += o.Twice
}

// A Row is the counts of one account, state and status.
type Row struct {
	Account attempt.Account `json:"account"`
	State   attempt.State   `json:"state"`
	Status  attempt.Status  `json:"testStatus"`
	Counts
}

// Letters are the counts of an account's state's dead letters.
type Letters struct {
	Account attempt.Account `json:"account"`
	State   attempt.State   `json:"state"`
	Shown   int64           `json:"shown"` // malformed entries, in covered time
	Told    int64           `json:"told"`  // of those
	Missing int64           `json:"missing"`
	Twice   int64           `json:"twice"`
}

// Digests stand for the two sides. They are equal if and only if the sets are.
type Digests struct {
	Method string `json:"method"`
	Shown  string `json:"shown"`
	Told   string `json:"told"` // what of the told is comparable: what is shown
	Equal  bool   `json:"equal"`
}

// A Report is what an audit found. It is to be closed.
type Report struct {
	At       time.Time         `json:"auditedAt"` // when it began
	Took     float64           `json:"seconds"`
	Version  string            `json:"version"`
	Topic    string            `json:"topic"`
	From     attempt.Instant   `json:"from"`
	To       attempt.Instant   `json:"to"`
	Accounts []attempt.Account `json:"accounts"`
	States   []attempt.State   `json:"states"`

	Clean   bool   `json:"clean"` // nothing is missing or twice, and all was audited
	Verdict string `json:"verdict"`

	Totals  Counts         `json:"totals"`
	Rows    []Row          `json:"rows"`
	Letters []Letters      `json:"deadLetters"`
	Digests Digests        `json:"digests"`
	Found   map[Kind]int64 `json:"found"` // lines by kind

	NotCovered []Uncovered `json:"notCovered"`
	NotAudited []Unread    `json:"notAudited"`
	Doubtful   []Unread    `json:"doubtful"`

	dir   string
	file  *os.File
	w     *bufio.Writer
	first map[Kind][]Line // for the table

	unreads, doubts unreads
}

func newReport(r *run) (*Report, error) {
	report := &Report{
		At: r.began.UTC(), Version: r.Version, Topic: r.Topics.Events.Name, From: r.Range.From, To: r.Range.Until, States: r.States,
		Found: map[Kind]int64{}, first: map[Kind][]Line{}, dir: r.dir,
	}
	for _, a := range r.Accounts {
		report.Accounts = append(report.Accounts, a.Name)
	}
	file, err := os.OpenFile(r.dir+"/lines", os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("keep what was found: %w", err), os.RemoveAll(r.dir))
	}
	report.file, report.w = file, bufio.NewWriter(file)
	return report, nil
}

// Close removes the report's files.
func (r *Report) Close() error {
	return errors.Join(r.file.Close(), os.RemoveAll(r.dir))
}

// line adds a line. It is not safe for concurrent use.
func (r *Report) line(l Line) error {
	r.Found[l.Kind]++
	if len(r.first[l.Kind]) < kindsInReports {
		r.first[l.Kind] = append(r.first[l.Kind], l)
	}
	text, err := json.Marshal(l)
	if err == nil {
		_, err = r.w.Write(append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("keep what was found: %w", err)
	}
	return nil
}

// foreign adds a record that is no event.
func (r *Report) foreign(record kafkatx.Record, why error) error {
	return r.line(Line{Kind: NotAnEvent, Topic: record.Topic, Records: []Place{{record.Partition, record.Offset}}, Note: why.Error()})
}

func (r *Report) unread(u Unread) { r.unreads.add(u) }
func (r *Report) doubt(u Unread)  { r.doubts.add(u) }

// finish draws the conclusions.
func (r *Report) finish(run *run) error {
	if err := r.w.Flush(); err != nil {
		return fmt.Errorf("keep what was found: %w", err)
	}
	r.Took = time.Since(run.began).Seconds()
	run.table.fill(r)
	r.NotAudited, r.Doubtful = []Unread{}, []Unread{}
	bad := int64(0)
	for _, u := range r.unreads.list {
		if u.gap { // its gap is named already
			u.Reason = "in a gap of the coverage, and it cannot be read now either: " + u.Reason
		} else {
			bad++
		}
		r.NotAudited = append(r.NotAudited, u)
	}
	r.Doubtful = append(r.Doubtful, r.doubts.list...)
	if r.NotCovered == nil {
		r.NotCovered = []Uncovered{}
	}
	r.Clean = bad == 0 && !slices.ContainsFunc(Kinds(), func(k Kind) bool { return k.Wrong() && r.Found[k] > 0 })
	r.Verdict = r.verdict(bad)
	return nil
}

// verdict is the report in a sentence or two.
func (r *Report) verdict(unread int64) string {
	told := console.Counted(r.Totals.Told, "attempt", "attempts")
	text := ""
	if r.Clean {
		text = "Clean: " + told + " shown in covered time, each told, nothing twice."
		if r.Totals.Shown == 0 {
			text = "Clean: the API shows nothing in covered time, so nothing had to be told."
		}
	} else {
		text = "NOT clean:"
		sep := " "
		say := func(n int64, one, many string) {
			if n > 0 {
				text += sep + console.Counted(n, one, many)
				sep = ", "
			}
		}
		say(r.Found[Missing], "attempt is missing", "attempts are missing")
		say(r.Found[Twice], "event was told twice", "events were told twice")
		say(r.Found[MissingLetter], "dead letter is missing", "dead letters are missing")
		say(r.Found[TwiceLetter], "dead letter was told twice", "dead letters were told twice")
		say(unread, "span could not be audited", "spans could not be audited")
		text += "; " + told + " shown and told."
		if r.Found[Missing] > 0 {
			text += " What arrived late is told by the look-back: audit again, or tell it with attemptstream replay --missing-only."
		}
	}
	switch n := int64(len(r.NotCovered)); {
	case n > 0 && r.Found[InGap] > 0:
		text += " " + console.Counted(n, "part of the range is not covered", "parts of the range are not covered") + ", with " +
			console.Counted(r.Found[InGap], "attempt that is not told yet.", "attempts that are not told yet.")
	case n > 0:
		text += " " + console.Counted(n, "part of the range is not covered, and nothing is said of it.", "parts of the range are not covered, and nothing is said of them.")
	}
	if len(r.Doubtful) > 0 {
		text += " In " + console.Counted(int64(len(r.Doubtful)), "span", "spans") + " the API may have cut its answers, which nobody can tell."
	}
	return text
}
