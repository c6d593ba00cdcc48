package imochasim

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
)

// control answers PUT /faults?share=0.1&kind=500&kind=reset: from the next request on, this share of them fails, in the
// ways that are named, or in all that pass. A share of 0 ends it. All else that Faults has stays as it is.
func (s *Simulator) control(w http.ResponseWriter, r *http.Request) {
	rates, err := parseRates(r.URL.Query())
	if err == nil {
		err = s.setRates(rates)
	}
	if err != nil {
		writeBody(w, http.StatusBadRequest, "text/plain", err.Error()+"\n")
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func parseRates(q url.Values) (map[FaultKind]float64, error) {
	text := q.Get("share")
	share, err := strconv.ParseFloat(text, 64)
	if err != nil || !(0 <= share && share <= 1) {
		return nil, fmt.Errorf("share=%q: want a number from 0 to 1, such as /faults?share=0.1", text)
	}
	if !q.Has("kind") {
		return PassingFaults(share).Rates, nil
	}
	known := append(PassingKinds(), LastingKinds()...)
	var kinds []FaultKind
	for _, name := range q["kind"] {
		k := FaultKind(name)
		if !slices.Contains(known, k) {
			return nil, fmt.Errorf("kind=%q: want one of %q", name, known)
		}
		kinds = append(kinds, k)
	}
	slices.Sort(kinds)
	return shared(share, slices.Compact(kinds)).Rates, nil
}

func (s *Simulator) setRates(rates map[FaultKind]float64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.faults
	f.Rates = rates
	if err := f.check(); err != nil {
		return err
	}
	s.faults = f
	return nil
}
