package replay

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"

	"attemptstream/internal/attempt"
	"attemptstream/internal/schedule"
	"attemptstream/internal/state"
	"attemptstream/internal/topics"
)

// A Wish is what somebody wants to have told again.
type Wish struct {
	Account     attempt.Account // empty: all
	States      []attempt.State // none: all that the account reads
	From        attempt.Instant
	To          attempt.Instant // 0: as far as all states are covered
	MissingOnly bool
}

// Requests are what has to be asked for the wish, of each account, as of now.
func (b *Board) Requests(w Wish, now time.Time) ([]state.Request, error) {
	names := b.names()
	switch {
	case w.Account != "" && !slices.Contains(names, w.Account):
		return nil, &UnknownAccountError{Account: w.Account, Topic: b.layout.Events.Name, Known: names}
	case w.Account != "":
		names = []attempt.Account{w.Account}
	case len(names) == 0:
		return nil, &UnknownAccountError{Topic: b.layout.Events.Name}
	}
	id := state.NewReplayID(now)
	var requests []state.Request
	var uncovered NotCoveredError
	for _, name := range names {
		coverage := b.accounts[name].coverage()
		q := state.Request{ID: id, Account: name, From: w.From, To: w.To, MissingOnly: w.MissingOnly, RequestedAt: now.UTC()}
		for _, s := range attempt.States() {
			if _, ok := coverage[s]; ok && (len(w.States) == 0 || slices.Contains(w.States, s)) {
				q.States = append(q.States, s)
			}
		}
		for _, s := range w.States {
			if coverage[s] == nil {
				return nil, &UnknownStateError{Account: name, State: s, Known: statesOf(coverage)}
			}
		}
		uncovered.look(&q, coverage)
		requests = append(requests, q)
	}
	if uncovered.wrong {
		return nil, &uncovered
	}
	return requests, nil
}

func statesOf(coverage map[attempt.State]*schedule.Coverage) []attempt.State {
	var known []attempt.State
	for _, s := range attempt.States() {
		if coverage[s] != nil {
			known = append(known, s)
		}
	}
	return known
}

// An UnknownAccountError is an account of which nothing has been read.
type UnknownAccountError struct {
	Account attempt.Account // empty: there is none at all
	Topic   string
	Known   []attempt.Account
}

func (e *UnknownAccountError) Error() string {
	switch {
	case e.Account == "":
		return fmt.Sprintf("nothing of any account has been read for topic %s yet: start a worker with attemptstream run", e.Topic)
	case len(e.Known) == 0:
		return fmt.Sprintf("nothing of account %q, or of any other, has been read for topic %s yet: start a worker with attemptstream run", e.Account, e.Topic)
	}
	return fmt.Sprintf("nothing of account %q has been read for topic %s; there are: %s", e.Account, e.Topic, join(e.Known))
}

// An UnknownStateError is a state that the account has never read.
type UnknownStateError struct {
	Account attempt.Account
	State   attempt.State
	Known   []attempt.State
}

func (e *UnknownStateError) Error() string {
	return fmt.Sprintf("account %s has never read the state %s; it reads: %s", e.Account, e.State, join(e.Known))
}

func join[T ~string](names []T) string {
	var b []string
	for _, name := range names {
		b = append(b, string(name))
	}
	return strings.Join(b, ", ")
}

// A NotCoveredError is a range that has not been read yet, or was never to be.
type NotCoveredError struct {
	wrong       bool
	before      bool // and it begins too early
	covered     []string
	missingOnly bool
}

// look chooses the end of q's range, if it has none, and notes what is covered.
func (e *NotCoveredError) look(q *state.Request, coverage map[attempt.State]*schedule.Coverage) {
	e.missingOnly = q.MissingOnly
	open := q.To == 0
	for i, s := range q.States {
		c := coverage[s]
		if open && (i == 0 || c.Through() < q.To) {
			q.To = c.Through()
		}
	}
	for _, s := range q.States {
		c := coverage[s]
		if q.From < c.Start && !q.MissingOnly {
			e.wrong, e.before = true, true
		}
		e.wrong = e.wrong || q.To > c.Front || q.From >= q.To
		line := fmt.Sprintf("%s, %s: from %s to %s", q.Account, s, c.Start, c.Front)
		if n := len(c.Gaps); n > 0 {
			line += fmt.Sprintf(" (but for gaps: covered through %s; with --to a replay passes over them)", c.Through())
		}
		e.covered = append(e.covered, line)
	}
}

func (e *NotCoveredError) Error() string {
	text := "the range is not covered yet, and what is not covered has not been told: covered are\n  " + strings.Join(e.covered, "\n  ")
	if e.before {
		text = "not all of the range is covered: covered are\n  " + strings.Join(e.covered, "\n  ") +
			"\nwhat lies before was never told: --missing-only reads and tells it"
	}
	return text
}

// askPatience is how long brokers may be away while a request is written.
const askPatience = 30 * time.Second

// Ask writes requests. Written again, they are the same requests.
func (b *Board) Ask(ctx context.Context, client *kafka.Client, requests ...state.Request) error {
	ctx, cancel := context.WithTimeoutCause(ctx, askPatience, fmt.Errorf("no answer within %s", askPatience))
	defer cancel()
	for i := range requests {
		if err := b.ask(ctx, client, &requests[i]); err != nil {
			return fmt.Errorf("ask account %s for the replay: %w", requests[i].Account, err)
		}
	}
	return nil
}

func (b *Board) ask(ctx context.Context, client *kafka.Client, q *state.Request) error {
	record, err := q.Record(b.partitionOf(q.Account))
	if err != nil {
		return err
	}
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		res, err := client.Produce(ctx, &kafka.ProduceRequest{
			Topic: record.Topic, Partition: record.Partition, RequiredAcks: kafka.RequireAll,
			Records: kafka.NewRecordReader(kafka.Record{Time: record.Time, Key: kafka.NewBytes(record.Key), Value: kafka.NewBytes(record.Value)}),
		})
		if err == nil {
			err = res.Error
		}
		var code kafka.Error
		switch {
		case err == nil:
			return nil
		case errors.Is(err, kafka.TopicAuthorizationFailed):
			return fmt.Errorf("not authorized: grant Write on topic %q to this principal: %s: %w", record.Topic,
				topics.GrantCommand(client.Addr.String(), record.Topic, "Write"), err)
		case errors.As(err, &code) && !code.Temporary():
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("%w: last error: %w", context.Cause(ctx), err)
		}
		if t, ok := client.Transport.(interface{ CloseIdleConnections() }); ok {
			t.CloseIdleConnections() // the leader may have moved, which kafka-go would not notice
		}
	}
}

// Cancellation are the requests that end a replay where it has not ended.
func (b *Board) Cancellation(id string) ([]state.Request, error) {
	all := b.Replays(id)
	if len(all) == 0 {
		e := &UnknownReplayError{ID: id}
		for _, r := range b.Replays("") {
			if !r.Ended() && !slices.Contains(e.Active, r.ID) {
				e.Active = append(e.Active, r.ID)
			}
		}
		return nil, e
	}
	var requests []state.Request
	for _, r := range all {
		if !r.Ended() && r.asked && r.Wrong == nil {
			q := r.Request
			q.Cancelled = true
			requests = append(requests, q)
		}
	}
	if len(requests) == 0 {
		return nil, &EndedError{ID: id, Status: all[0].Status(), At: all[0].Said.EndedAt}
	}
	return requests, nil
}

// An UnknownReplayError is an id that no replay has.
type UnknownReplayError struct {
	ID     string
	Active []string // that have not ended
}

func (e *UnknownReplayError) Error() string {
	active := "none waits or runs"
	if len(e.Active) > 0 {
		active = "there are " + strings.Join(e.Active, ", ")
	}
	return fmt.Sprintf("there is no replay %q (%s); attemptstream replay --list shows all that are remembered", e.ID, active)
}

// An EndedError is a replay that cannot be cancelled any more.
type EndedError struct {
	ID     string
	Status state.ReplayStatus
	At     time.Time
}

func (e *EndedError) Error() string {
	if e.At.IsZero() {
		return fmt.Sprintf("replay %s cannot be cancelled: its request cannot be read, and a worker will refuse it", e.ID)
	}
	return fmt.Sprintf("replay %s has ended already: %s at %s", e.ID, e.Status, e.At.UTC().Format(time.RFC3339))
}
