package imochasim

import (
	"bufio"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
)

const (
	jsonType = "application/json; charset=utf-8"
	prefix   = `{"result":{"testAttempts":[`
	suffix   = `]},"errors":null}`
	// longest is the longest answer that is sent with its length; others are sent in chunks. Clients must take both.
	longest = 64 << 10
)

// An answer is a body that is not put together before it is sent: the pieces belong to the series.
type answer struct {
	pieces  [][]byte // entries, each with a comma after it
	entries int
	size    int // of the pieces
}

// answer collects what a window shows.
func (s *Simulator) answer(q Request, random *rand.Rand) *answer {
	out := &answer{}
	s.mu.RLock()
	defer s.mu.RUnlock()
	a := s.accounts[q.Account]
	if a == nil {
		return out
	}
	series := &a.series[placeOf(q.State)]
	now := q.At.UnixNano()
	from, to := series.window(q.Start.Time().UnixNano(), q.End.Time().UnixNano(), s.config.Boundary)
	shown := func(r *record) bool { return r.visible <= now && (!s.config.Current || a.current(r, now)) }
	if most := s.config.Cap; most > 0 && s.config.CapNewest {
		n := 0
		for i := to; i > from; i-- {
			if shown(&series.records[i-1]) {
				if n++; n == most {
					from = i - 1
				}
			}
		}
	}
	var last *record // where the last piece ends
	add := func(r *record) {
		if last != nil && last.chunk == r.chunk && last.offset+last.size == r.offset {
			p := &out.pieces[len(out.pieces)-1]
			*p = (*p)[:len(*p)+int(r.size)]
		} else {
			out.pieces = append(out.pieces, series.chunks[r.chunk][r.offset:r.offset+r.size])
		}
		last = r
		out.entries++
		out.size += int(r.size)
	}
	for i := from; i < to && (s.config.Cap == 0 || out.entries < s.config.Cap); i++ {
		r := &series.records[i]
		if !shown(r) {
			continue
		}
		add(r)
		if s.config.Duplicates > 0 && random.Float64() < s.config.Duplicates && (s.config.Cap == 0 || out.entries < s.config.Cap) {
			add(r)
		}
	}
	return out
}

// length is the size of the body.
func (a *answer) length() int { return len(prefix) + max(0, a.size-1) + len(suffix) }

// write writes at most so many bytes of the body.
func (a *answer) write(w io.Writer, most int) {
	b := bufio.NewWriterSize(w, 16<<10)
	piece := func(p []byte) {
		p = p[:min(len(p), most)]
		most -= len(p)
		_, _ = b.Write(p) // the client may be gone; Flush and all that follows fail as well
	}
	piece([]byte(prefix))
	for i, p := range a.pieces {
		if i == len(a.pieces)-1 {
			p = p[:len(p)-1]
		}
		piece(p)
	}
	piece([]byte(suffix))
	_ = b.Flush()
}

// send answers a request.
func (a *answer) send(w http.ResponseWriter) {
	w.Header().Set("Content-Type", jsonType)
	if n := a.length(); n <= longest {
		w.Header().Set("Content-Length", strconv.Itoa(n))
	}
	a.write(w, a.length())
}
