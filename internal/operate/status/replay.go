package status

import (
	"cmp"
	"slices"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/state"
)

// A Replay is one that waits or runs.
type Replay struct {
	ID          string             `json:"id"`
	Status      state.ReplayStatus `json:"status"`
	Cancelling  bool               `json:"cancelling"` // it is asked to end
	From        attempt.Instant    `json:"from"`
	To          attempt.Instant    `json:"to"`
	States      []attempt.State    `json:"states"`
	MissingOnly bool               `json:"missingOnly"`
	Position    attempt.Instant    `json:"position"` // everything before it is told, or skipped
	Percent     int                `json:"percent"`
	Told        int64              `json:"told"`
	Known       int64              `json:"known"`
	Dead        int64              `json:"dead"`
	RequestedAt time.Time          `json:"requestedAt"`
	RequestAge  Seconds            `json:"requestAgeSeconds"`
}

// replayID is one account's replay.
type replayID struct {
	account attempt.Account
	id      string
}

// replays are what the state topic holds of replays: requests, and how far they have come.
type replays struct {
	asked    map[replayID]state.Request
	progress map[replayID]state.ReplayProgress
}

func newReplays() replays {
	return replays{asked: map[replayID]state.Request{}, progress: map[replayID]state.ReplayProgress{}}
}

// take takes note of a record if it is about a replay. What cannot be read is left out: its owner judges it.
func (r *replays) take(record kafkatx.Record) {
	if a, ok := state.AskedIn(record); ok {
		at := replayID{a.Account, a.ID}
		delete(r.asked, at)
		if request, err := a.Request(); err == nil {
			r.asked[at] = request
		}
		return
	}
	p, ok, err := state.ReportedIn(record)
	if !ok {
		return
	}
	at := replayID{p.Account, p.ID}
	delete(r.progress, at)
	if !p.Deleted && err == nil {
		r.progress[at] = p.Progress
	}
}

// of are an account's replays that have not ended, in the order of their turns.
func (r *replays) of(account attempt.Account, now time.Time) []Replay {
	out := []Replay{}
	for at, request := range r.asked {
		p, begun := r.progress[at]
		if at.account != account || begun && p.Status.Ended() {
			continue
		}
		position := request.From
		status := state.Waiting
		if begun {
			status, position = p.Status, min(max(p.Position, request.From), request.To)
		}
		out = append(out, Replay{
			ID: at.id, Status: status, Cancelling: request.Cancelled, From: request.From, To: request.To, States: request.States,
			MissingOnly: request.MissingOnly, Position: position,
			Percent: int(100 * (position - request.From) / (request.To - request.From)),
			Told:    p.Told, Known: p.Known, Dead: p.Dead, RequestedAt: request.RequestedAt.UTC(), RequestAge: secondsOf(now.Sub(request.RequestedAt)),
		})
	}
	slices.SortFunc(out, func(a, b Replay) int {
		if a.Status != b.Status {
			if a.Status == state.Running {
				return -1
			}
			return 1
		}
		return cmp.Or(a.RequestedAt.Compare(b.RequestedAt), cmp.Compare(a.ID, b.ID))
	})
	return out
}
