package audit

import (
	"context"
	"errors"
	"fmt"

	"attemptstream/internal/attempt"
	"attemptstream/internal/kafkatx"
)

// readTopic keeps what is told: the events since the range began, and all dead letters.
func (r *run) readTopic(ctx context.Context) error {
	total := int64(0)
	for _, l := range []*log{r.events, r.dlq} {
		n, err := l.left(ctx)
		if err != nil {
			return err
		}
		total += n
	}
	r.Progress.begin("reading Kafka", total)
	t := r.teller()
	if err := r.events.read(ctx, t.event(func(e *entry, _ *event) error { return r.spill.add(e) })); err != nil {
		return err
	}
	return r.dlq.read(ctx, t.letter(r.spill.add))
}

// A teller makes entries of records. It is used by one goroutine.
type teller struct {
	run      *run
	parser   eventParser
	accounts map[attempt.Account]int
}

func (r *run) teller() *teller {
	t := &teller{run: r, accounts: map[attempt.Account]int{}}
	for i, a := range r.Accounts {
		t.accounts[a.Name] = i
	}
	return t
}

// number are those of an account and state that are audited; ok is false for others.
func (t *teller) number(account attempt.Account, state attempt.State) (a, s int, ok bool) {
	a, ok = t.accounts[account]
	for _, audited := range t.run.States {
		if ok && state == audited {
			return a, state.Rank(), true
		}
	}
	return 0, 0, false
}

// event makes entries of events and hands them to fn.
func (t *teller) event(fn func(*entry, *event) error) func(kafkatx.Record) error {
	return func(record kafkatx.Record) error {
		t.run.Progress.done.Add(1)
		event, err := t.parser.parse(record.Value)
		if err != nil {
			return t.run.report.foreign(record, err)
		}
		account, state, ok := t.number(event.account, event.state)
		if !ok {
			return nil
		}
		e := entry{kind: toldEvent, account: account, state: state, id: event.id, window: event.window, partition: record.Partition, offset: record.Offset}
		if e.status, err = t.run.names.number(event.status); err != nil {
			return err
		}
		if event.late {
			e.flags |= flagLate
		}
		if event.cameBack {
			e.flags |= flagCameBack
			e.end = event.end
		}
		if event.replay != "" {
			e.flags |= flagReplayed
			e.replay = t.run.names.replay(event.replay)
		}
		if record.Time.After(t.run.began) {
			e.flags |= flagFresh
		}
		t.run.Progress.found.Add(1)
		return fn(&e, &event)
	}
}

// letter makes entries of dead letters and hands them to fn.
func (t *teller) letter(fn func(*entry) error) func(kafkatx.Record) error {
	return func(record kafkatx.Record) error {
		t.run.Progress.done.Add(1)
		name, of, window, hash, ok := letterOf(record)
		if !ok {
			return t.run.report.foreign(record, errNoLetter)
		}
		account, state, ok := t.number(name, of)
		if !ok {
			return nil
		}
		return fn(&entry{kind: toldLetter, account: account, state: state, hash: hash, window: window, partition: record.Partition, offset: record.Offset})
	}
}

var errNoLetter = errors.New("not a dead letter: its headers lack the account, the state or the window")

// topicOf is where the records of an entry are.
func (r *run) topicOf(k kind) string {
	if k.letter() {
		return r.Topics.DLQ.Name
	}
	return r.Topics.Events.Name
}

func (p Place) String() string { return fmt.Sprintf("partition %d offset %d", p.Partition, p.Offset) }
