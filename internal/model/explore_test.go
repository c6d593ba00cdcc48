package model

import "fmt"

// explore visits every state that can be reached from start, breadth first, so that the first bad state it meets is one
// of those that are reached in the fewest steps. It knows nothing of Kafka.
//
// steps names all that can happen in a state, always in the same order. check says what is wrong with a state by itself,
// judge what is wrong with a run that rests in it: a state in which nothing happens any more but what may as well not
// happen (step.optional).
//
// In the end no run may go on for ever, or resting would prove nothing: the graph must have no cycle. A step that
// changes nothing is waiting, and no step.
func explore[S comparable](start S, steps func(S, func(step, S)), check, judge func(S) violation) exploration[S] {
	x := exploration[S]{start: start, steps: steps}
	known := map[S]int32{start: 0}
	queue := []S{start} // from the state numbered x.states on
	x.from = []origin{{state: -1}}
	var edges []edge
	for len(queue) > 0 {
		s, at := queue[0], int32(x.states)
		queue = queue[1:]
		x.states++
		if v := check(s); v != "" {
			x.fail(v, at)
			return x
		}
		rests, choice := true, int32(-1)
		steps(s, func(what step, then S) {
			choice++
			if then == s {
				return
			}
			rests = rests && what.optional()
			x.transitions++
			number, ok := known[then]
			if !ok {
				number = int32(len(known))
				known[then] = number
				queue = append(queue, then)
				x.from = append(x.from, origin{at, choice})
			}
			edges = append(edges, edge{at, number})
		})
		if rests {
			x.rests++
			if v := judge(s); v != "" {
				x.fail(v, at)
				return x
			}
		}
	}
	if at, ok := cycle(x.states, edges); ok {
		x.fail(neverEnds, at)
	}
	return x
}

// An exploration is what was seen.
type exploration[S comparable] struct {
	states, transitions, rests int

	broken violation // "" is none
	trace  []step    // to the broken state
	last   S         // the broken state

	start S
	steps func(S, func(step, S))
	from  []origin // of each state, by its number
}

// An origin is how a state was reached first: by which of the steps of which other state. States themselves are not kept
// by number: a trace takes the same steps again.
type origin struct{ state, choice int32 }

type edge struct{ from, to int32 }

func (x *exploration[S]) fail(v violation, at int32) {
	x.broken = v
	var choices []int32
	for ; x.from[at].state >= 0; at = x.from[at].state {
		choices = append(choices, x.from[at].choice)
	}
	x.last = x.start
	for i := len(choices) - 1; i >= 0; i-- {
		choice, s := int32(-1), x.last
		x.steps(s, func(what step, then S) {
			if choice++; choice == choices[i] {
				x.trace, x.last = append(x.trace, what), then
			}
		})
	}
}

// cycle finds a state from which a run can go on for ever: it takes away, again and again, the states that nothing leads
// to, and what cannot be taken away lies on or behind a cycle.
func cycle(states int, edges []edge) (int32, bool) {
	into := make([]int32, states)
	first := make([]int32, states+1) // edges are in the order of from
	for _, e := range edges {
		into[e.to]++
		first[e.from+1]++
	}
	for i := range states {
		first[i+1] += first[i]
	}
	var free []int32
	for s := range states {
		if into[s] == 0 {
			free = append(free, int32(s))
		}
	}
	taken := 0
	for len(free) > 0 {
		s := free[len(free)-1]
		free = free[:len(free)-1]
		taken++
		for _, e := range edges[first[s]:first[s+1]] {
			if into[e.to]--; into[e.to] == 0 {
				free = append(free, e.to)
			}
		}
	}
	for s := range states {
		if taken < states && into[s] > 0 {
			return int32(s), true
		}
	}
	return 0, false
}

func (x exploration[S]) String() string {
	return fmt.Sprintf("%d states, %d transitions, %d states of rest", x.states, x.transitions, x.rests)
}
