package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"attemptstream/internal/attempt"
	"attemptstream/internal/imocha"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/schedule"
	"attemptstream/internal/topics"
)

// An API is what is asked for windows: a client of imocha.
type API interface {
	Attempts(ctx context.Context, state attempt.State, w attempt.Window, each func(*imocha.Entry) error) error
}

// An Account is one that is audited.
type Account struct {
	Name attempt.Account
	// API is asked for up to three windows at once. It limits how often by itself.
	API API
}

// Config is what an audit needs. All fields are required but Patience, Progress and TempDir.
type Config struct {
	Accounts []Account
	States   []attempt.State
	Range    schedule.Span
	Kafka    *kafkatx.Client
	Topics   topics.Layout

	WindowMax      time.Duration // longest window
	WindowAttempts int           // answers are kept under this length

	// Patience is how long a second that the API does not answer for is tried again before it is named as not audited;
	// 0: half a minute.
	Patience time.Duration

	Version  string // of the program, for the report
	TempDir  string // where files are kept meanwhile; empty: the system's place
	Progress *Progress
	Log      *zap.Logger
}

// A NotCoveredError is a range of which nothing is covered, so that there is nothing to audit.
type NotCoveredError struct {
	Range schedule.Span
	Parts []Uncovered
}

func (e *NotCoveredError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "nothing from %s to %s is covered, so there is nothing to audit", e.Range.From, e.Range.Until)
	for _, u := range e.Parts {
		fmt.Fprintf(&b, "; account %s, %s: %s", u.Account, u.State, u.Reason)
	}
	return b.String() + "; attemptstream status shows what is covered"
}

// A NoCheckpointError is an account of which nothing was read yet.
type NoCheckpointError struct {
	Account attempt.Account
	Topic   string
	Known   []attempt.Account // that have one
}

func (e *NoCheckpointError) Error() string {
	text := fmt.Sprintf("account %q has no checkpoint beside topic %s, so nothing of it is covered: ", e.Account, e.Topic)
	if len(e.Known) == 0 {
		return text + "start a worker with attemptstream run"
	}
	return text + fmt.Sprintf("check KAFKA_TOPIC; there are those of %v", e.Known)
}

// A run is one audit.
type run struct {
	Config
	dir    string
	began  time.Time
	names  *names
	spill  *spill
	known  []*schedule.Checkpoint // by account
	pieces [][][]piece            // by account and rank of state
	events *log
	dlq    *log
	report *Report
	table  *tally
	second *second
}

// Run audits. The report is to be closed. When ctx ends, so does the audit, with ctx's error and without a report.
func Run(ctx context.Context, c Config) (_ *Report, err error) {
	if c.Patience == 0 {
		c.Patience = defaultPatience
	}
	if c.Progress == nil {
		c.Progress = &Progress{}
	}
	r := &run{Config: c, began: time.Now(), names: newNames()}
	r.States = slices.Clone(c.States)
	slices.SortFunc(r.States, func(a, b attempt.State) int { return a.Rank() - b.Rank() })
	if r.dir, err = os.MkdirTemp(c.TempDir, "attemptstream-audit-"); err != nil {
		return nil, fmt.Errorf("a folder for what is read: %w; set TMPDIR to one that can be written to", err)
	}
	defer func() {
		if r.spill != nil {
			r.spill.close()
		}
		if err != nil {
			if r.report != nil {
				err = errors.Join(err, r.report.Close())
			} else {
				_ = os.RemoveAll(r.dir) // it is empty
			}
		}
	}()
	r.spill = newSpill(r.dir)
	if r.report, err = newReport(r); err != nil {
		return nil, err
	}
	r.table = newTally(r)
	r.second = newSecond(r)
	steps := []func(context.Context) error{
		r.open,      // what is covered
		r.readAPI,   // what is shown
		r.readTopic, // what is told
		r.compare,
		r.second.look, // at what seems to be missing
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return r.report, r.report.finish(r)
}

// open finds out what can be audited.
func (r *run) open(ctx context.Context) error {
	values, err := checkpoints(ctx, r.Kafka, r.Topics.State)
	if err != nil {
		return err
	}
	since := r.Range.From.Time().Add(-clockMargin)
	if r.events, err = openLog(ctx, r.Kafka, r.Topics.Events, since); err != nil {
		return err
	}
	if r.dlq, err = openLog(ctx, r.Kafka, r.Topics.DLQ, time.Unix(0, 0)); err != nil {
		return err
	}
	keptTime, err := r.events.kept(ctx, r.began)
	if err != nil {
		return err
	}
	var kept attempt.Instant
	if !keptTime.IsZero() {
		kept = attempt.InstantOf(keptTime) + 1
	}
	any := false
	for _, a := range r.Accounts {
		value, ok := values[a.Name]
		if !ok || len(value) == 0 {
			e := &NoCheckpointError{Account: a.Name, Topic: r.Topics.Events.Name}
			for name := range values {
				e.Known = append(e.Known, name)
			}
			slices.Sort(e.Known)
			return e
		}
		checkpoint, err := schedule.DecodeCheckpoint(value)
		if err != nil {
			return fmt.Errorf("account %s: %w", a.Name, err)
		}
		parts := make([][]piece, len(attempt.States()))
		for _, state := range r.States {
			pieces, uncovered := piecesOf(checkpoint.States[state], r.Range, kept)
			for i := range uncovered {
				uncovered[i].Account, uncovered[i].State = a.Name, state
			}
			parts[state.Rank()] = pieces
			any = any || covered(pieces)
			r.report.NotCovered = append(r.report.NotCovered, uncovered...)
		}
		r.pieces, r.known = append(r.pieces, parts), append(r.known, checkpoint)
	}
	if !any {
		return &NotCoveredError{Range: r.Range, Parts: r.report.NotCovered}
	}
	return nil
}

func (r *run) statePartition(account attempt.Account) int {
	return topics.StatePartition(account, r.Topics.State.Partitions)
}
