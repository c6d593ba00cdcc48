package worker

import (
	"slices"

	"go.uber.org/zap"

	"attemptstream/internal/attempt"
)

// unread says so where states were read before that this worker is not to read. What is known of them stays as it is, and who
// reads them next goes on from there: in a group, all workers should read the same.
func (s *session) unread() {
	var waiting []string
	for _, state := range attempt.States() {
		if s.memory.Checkpoint.States[state] != nil && !slices.Contains(s.worker.Schedule.States, state) {
			waiting = append(waiting, string(state))
		}
	}
	if len(waiting) > 0 {
		s.log.Warn("states that were read before are not read by this worker, whose STREAM_STATES does not name them: they wait where they are "+
			"until one takes the account over that does", zap.Strings("states", waiting))
	}
}
