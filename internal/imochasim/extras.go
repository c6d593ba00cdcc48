package imochasim

import (
	"encoding/json"
	"maps"
	"net/http"
	"sync"

	"attemptstream/internal/imochasim/ledger"
)

// Stats are what the API has answered since it began.
type Stats struct {
	// Requests are numbers by outcome: "ok", "fault: …" by kind, "bad date", "bad request", "wrong key", "limited",
	// "not found", "client gone".
	Requests map[string]int64 `json:"requests"`
	// Attempts is how many entries the answers with the outcome "ok" had, Longest how many the longest of them had.
	Attempts int64 `json:"attempts"`
	Longest  int   `json:"longest"`
}

type stats struct {
	mu    sync.Mutex
	stats Stats
}

func (s *stats) count(outcome string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stats.Requests == nil {
		s.stats.Requests = map[string]int64{}
	}
	s.stats.Requests[outcome]++
}

func (s *stats) answered(entries int) {
	s.count("ok")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Attempts += int64(entries)
	s.stats.Longest = max(s.stats.Longest, entries)
}

// Stats is a copy of the numbers so far.
func (s *Simulator) Stats() Stats {
	s.stats.mu.Lock()
	defer s.stats.mu.Unlock()
	out := s.stats.stats
	out.Requests = maps.Clone(out.Requests)
	return out
}

// extra answers what is not iMocha's but the simulator's own, and tells whether it did. No key is needed: all data is
// invented.
func (s *Simulator) extra(w http.ResponseWriter, r *http.Request) bool {
	switch r.URL.Path {
	case "/healthz":
		writeBody(w, http.StatusOK, "text/plain", "ok\n")
	case "/stats":
		w.Header().Set("Content-Type", jsonType)
		_ = json.NewEncoder(w).Encode(s.Stats()) // the client may be gone, and nothing follows
	case "/ledger":
		w.Header().Set("Content-Type", "application/jsonl")
		names := s.Accounts()
		if name := r.URL.Query().Get("account"); name != "" {
			names = []string{name}
		}
		for _, name := range names {
			if ledger.Write(w, s.Ledger(name)) != nil {
				break // the client is gone
			}
		}
	default:
		return false
	}
	return true
}
