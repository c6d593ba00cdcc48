package model

import "testing"

// What was seen on a real Kafka (or, of verification, is in its source), the model's Kafka does as well. An explorer proves
// nothing if its Kafka is kinder than the real one.
func TestFacts(t *testing.T) {
	const state, one = statePartition, 1 // partitions
	both := partsOf(state) | partsOf(one)
	fresh := request{kind: initFresh}
	raise := func(epoch int8) request { return request{kind: initRaise, epoch: epoch} }
	add := func(epoch int8) request { return request{kind: addPartitions, epoch: epoch, parts: both} }
	end := func(epoch int8) request { return request{kind: endCommit, epoch: epoch} }
	abort := func(epoch int8) request { return request{kind: endAbort, epoch: epoch} }
	batch := func(epoch int8, sequence uint8, letters string) request {
		return request{kind: produce, epoch: epoch, partition: one, sequence: sequence, batch: batch{events: setOf(letters)}}
	}
	markers := request{} // stands for: all markers are written

	type exchange struct {
		request request
		code    code
	}
	for _, c := range []struct {
		name   string
		script []exchange
		want   string // visible in the events' partition
		twice  string
		epoch  int8 // of the coordinator
		status status
	}{
		{"a transaction", []exchange{{fresh, done}, {add(0), done}, {batch(0, 0, "a"), done}, {end(0), done}, {markers, done}},
			"a", "", 0, completeCommit},
		{"committed is visible with the marker", []exchange{{fresh, done}, {add(0), done}, {batch(0, 0, "a"), done}, {end(0), done}},
			"", "", 0, prepareCommit},
		{"while markers are written", []exchange{{fresh, done}, {add(0), done}, {batch(0, 0, "a"), done}, {end(0), done},
			{end(0), concurrent}, {abort(0), invalid}, {add(0), concurrent}, {raise(0), concurrent}, {fresh, concurrent}, {batch(0, 0, "a"), done}},
			"", "", 0, prepareCommit},
		{"a commit again", []exchange{{fresh, done}, {add(0), done}, {end(0), done}, {markers, done}, {end(0), done}, {abort(0), invalid}},
			"", "", 0, completeCommit},
		{"an abort again", []exchange{{fresh, done}, {add(0), done}, {abort(0), done}, {markers, done}, {abort(0), done}, {end(0), invalid}},
			"", "", 0, completeAbort},
		{"nothing was begun", []exchange{{fresh, done}, {end(0), invalid}, {abort(0), invalid}, {batch(0, 0, "a"), invalid}},
			"", "", 0, empty},
		{"the same sequence again is dropped, whatever its data", []exchange{{fresh, done}, {add(0), done}, {batch(0, 0, "a"), done}, {batch(0, 0, "b"), done},
			{end(0), done}, {markers, done}},
			"a", "", 0, completeCommit},
		{"another sequence is another batch", []exchange{{fresh, done}, {add(0), done}, {batch(0, 0, "a"), done}, {batch(0, 1, "a"), done},
			{end(0), done}, {markers, done}},
			"a", "a", 0, completeCommit},
		{"a sequence is left out", []exchange{{fresh, done}, {add(0), done}, {batch(0, 0, "a"), done}, {batch(0, 2, "b"), outOfOrder}},
			"", "", 0, ongoing},
		{"a partition without a state takes any sequence, and a new epoch begins at 0", []exchange{{fresh, done}, {add(0), done}, {batch(0, 3, "a"), done},
			{end(0), done}, {markers, done}, {raise(0), done}, {add(1), done}, {batch(1, 1, "b"), outOfOrder}, {batch(1, 0, "b"), done}},
			"a", "", 1, ongoing},
		{"sequences of an aborted transaction are remembered", []exchange{{fresh, done}, {add(0), done}, {batch(0, 0, "a"), done}, {abort(0), done}, {markers, done},
			{add(0), done}, {batch(0, 0, "b"), done}, {end(0), done}, {markers, done}},
			"", "", 0, completeCommit},
		{"a late batch lands in the next transaction of its epoch", []exchange{{fresh, done}, {add(0), done}, {abort(0), done}, {markers, done},
			{add(0), done}, {batch(0, 0, "a"), done}, {batch(0, 0, "b"), done}, {end(0), done}, {markers, done}},
			"a", "", 0, completeCommit},
		{"a late batch of an old epoch", []exchange{{fresh, done}, {add(0), done}, {abort(0), done}, {markers, done}, {raise(0), done}, {batch(0, 0, "a"), fenced},
			{add(1), done}, {batch(0, 0, "a"), fenced}, {batch(1, 0, "b"), done}, {batch(0, 1, "a"), fenced}, {end(1), done}, {markers, done}},
			"b", "", 1, completeCommit},
		{"a late batch between end and marker shares the transaction's end", []exchange{{fresh, done}, {add(0), done}, {batch(0, 0, "a"), done}, {end(0), done},
			{batch(0, 1, "b"), done}, {markers, done}},
			"ab", "", 0, completeCommit},
		{"a late commit commits the next transaction", []exchange{{fresh, done}, {add(0), done}, {end(0), done}, {markers, done},
			{add(0), done}, {batch(0, 0, "a"), done}, {end(0), done}, {markers, done}, {abort(0), invalid}},
			"a", "", 0, completeCommit},
		{"a late abort, and a partition that is added afterwards", []exchange{{fresh, done}, {add(0), done}, {batch(0, 0, "a"), done}, {abort(0), done}, {markers, done},
			{add(0), done}, {end(0), done}, {markers, done}},
			"", "", 0, completeCommit},
		{"a late AddPartitions opens a transaction", []exchange{{fresh, done}, {add(0), done}, {end(0), done}, {markers, done}, {add(0), done}},
			"", "", 0, ongoing},
		{"late requests of an old epoch", []exchange{{fresh, done}, {add(0), done}, {end(0), done}, {markers, done}, {raise(0), done},
			{add(0), fenced}, {end(0), fenced}, {abort(0), fenced}, {add(1), done}, {end(0), fenced}, {abort(0), fenced}, {add(0), fenced}},
			"", "", 1, ongoing},
		{"a raise again gives the same epoch, and forgets the commit", []exchange{{fresh, done}, {raise(0), done}, {add(1), done}, {end(1), done}, {markers, done},
			{end(1), done}, {raise(0), done}, {end(1), invalid}},
			"", "", 1, empty},
		{"a new owner aborts what is open", []exchange{{fresh, done}, {add(0), done}, {batch(0, 0, "a"), done}, {fresh, concurrent}, {end(0), fenced}, {fresh, concurrent},
			{markers, done}, {fresh, done}, {batch(0, 1, "b"), fenced}, {add(0), fenced}, {raise(0), fenced}},
			"", "", 2, empty},
		{"a zombie's raise fences the owner and aborts its transaction", []exchange{{fresh, done}, {fresh, done}, {add(1), done}, {batch(1, 0, "a"), done},
			{raise(0), concurrent}, {markers, done}, {raise(0), fenced}, {batch(1, 1, "b"), fenced}, {add(1), fenced}, {end(1), fenced}},
			"", "", 2, completeAbort},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := newCluster()
			for i, e := range c.script {
				if e.request == markers {
					k.pending.each(k.writeMarker)
					continue
				}
				if a := k.handle(e.request, noFlaw); a.code != e.code {
					t.Fatalf("exchange %d, %v: %v, want %v", i+1, e.request, a, answer{code: e.code})
				}
			}
			if p := k.partitions[one]; p.once != setOf(c.want) || p.twice != setOf(c.twice) {
				t.Errorf("readers see %v, %v twice; want %v, %v", p.once, p.twice, setOf(c.want), setOf(c.twice))
			}
			if k.coordinator.epoch != c.epoch || k.status != c.status {
				t.Errorf("epoch %d, status %d; want %d, %d", k.coordinator.epoch, k.status, c.epoch, c.status)
			}
		})
	}
}
