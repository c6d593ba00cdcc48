package model

import "testing"

// A fact is what Kafka does with some requests. An explorer proves nothing if its Kafka is kinder than the real one, so both
// are held to the same facts.
type fact struct {
	name   string
	script []exchange

	visible, twice string // in the events' partition
	epoch          int8   // of the coordinator
	status         status

	// fleeting: it is so only until the markers are written, and a real Kafka writes them when it likes.
	fleeting bool
}

type exchange struct {
	request request
	code    code
}

// markers stands for the time in which all markers are written.
var markers = request{}

func facts() []fact {
	fresh := request{kind: initFresh}
	raise := func(epoch int8) request { return request{kind: initRaise, epoch: epoch} }
	add := func(epoch int8) request {
		return request{kind: addPartitions, epoch: epoch, parts: partsOf(statePartition) | partsOf(eventsPartition)}
	}
	end := func(epoch int8) request { return request{kind: endCommit, epoch: epoch} }
	abort := func(epoch int8) request { return request{kind: endAbort, epoch: epoch} }
	batch := func(epoch int8, sequence uint8, letters string) request {
		return request{kind: produce, epoch: epoch, partition: eventsPartition, sequence: sequence, batch: batch{events: setOf(letters)}}
	}
	return []fact{
		{"a transaction", []exchange{{fresh, done}, {add(0), done}, {batch(0, 0, "a"), done}, {end(0), done}, {markers, done}},
			"a", "", 0, completeCommit, false},
		{"committed is visible with the marker", []exchange{{fresh, done}, {add(0), done}, {batch(0, 0, "a"), done}, {end(0), done}},
			"", "", 0, prepareCommit, true},
		{"while markers are written", []exchange{{fresh, done}, {add(0), done}, {batch(0, 0, "a"), done}, {end(0), done},
			{end(0), concurrent}, {abort(0), invalid}, {add(0), concurrent}, {raise(0), concurrent}, {fresh, concurrent}, {batch(0, 0, "a"), done}},
			"", "", 0, prepareCommit, true},
		{"a commit again", []exchange{{fresh, done}, {add(0), done}, {end(0), done}, {markers, done}, {end(0), done}, {abort(0), invalid}},
			"", "", 0, completeCommit, false},
		{"an abort again", []exchange{{fresh, done}, {add(0), done}, {abort(0), done}, {markers, done}, {abort(0), done}, {end(0), invalid}},
			"", "", 0, completeAbort, false},
		{"nothing was begun", []exchange{{fresh, done}, {end(0), invalid}, {abort(0), invalid}, {batch(0, 0, "a"), invalid}},
			"", "", 0, empty, false},
		{"the same sequence again is dropped, whatever its data", []exchange{{fresh, done}, {add(0), done}, {batch(0, 0, "a"), done}, {batch(0, 0, "b"), done},
			{end(0), done}, {markers, done}},
			"a", "", 0, completeCommit, false},
		{"another sequence is another batch", []exchange{{fresh, done}, {add(0), done}, {batch(0, 0, "a"), done}, {batch(0, 1, "a"), done},
			{end(0), done}, {markers, done}},
			"a", "a", 0, completeCommit, false},
		{"a sequence is left out", []exchange{{fresh, done}, {add(0), done}, {batch(0, 0, "a"), done}, {batch(0, 2, "b"), outOfOrder}},
			"", "", 0, ongoing, false},
		{"a partition without a state takes any sequence, and a new epoch begins at 0", []exchange{{fresh, done}, {add(0), done}, {batch(0, 3, "a"), done},
			{end(0), done}, {markers, done}, {raise(0), done}, {add(1), done}, {batch(1, 1, "b"), outOfOrder}, {batch(1, 0, "b"), done}},
			"a", "", 1, ongoing, false},
		{"sequences of an aborted transaction are remembered", []exchange{{fresh, done}, {add(0), done}, {batch(0, 0, "a"), done}, {abort(0), done}, {markers, done},
			{add(0), done}, {batch(0, 0, "b"), done}, {end(0), done}, {markers, done}},
			"", "", 0, completeCommit, false},
		{"a late batch lands in the next transaction of its epoch", []exchange{{fresh, done}, {add(0), done}, {abort(0), done}, {markers, done},
			{add(0), done}, {batch(0, 0, "a"), done}, {batch(0, 0, "b"), done}, {end(0), done}, {markers, done}},
			"a", "", 0, completeCommit, false},
		{"a late batch of an old epoch", []exchange{{fresh, done}, {add(0), done}, {abort(0), done}, {markers, done}, {raise(0), done}, {batch(0, 0, "a"), fenced},
			{add(1), done}, {batch(0, 0, "a"), fenced}, {batch(1, 0, "b"), done}, {batch(0, 1, "a"), fenced}, {end(1), done}, {markers, done}},
			"b", "", 1, completeCommit, false},
		{"a late batch between end and marker shares the transaction's end", []exchange{{fresh, done}, {add(0), done}, {batch(0, 0, "a"), done}, {end(0), done},
			{batch(0, 1, "b"), done}, {markers, done}},
			"ab", "", 0, completeCommit, true},
		{"a late commit commits the next transaction", []exchange{{fresh, done}, {add(0), done}, {end(0), done}, {markers, done},
			{add(0), done}, {batch(0, 0, "a"), done}, {end(0), done}, {markers, done}, {abort(0), invalid}},
			"a", "", 0, completeCommit, false},
		{"a late abort, and a partition that is added afterwards", []exchange{{fresh, done}, {add(0), done}, {batch(0, 0, "a"), done}, {abort(0), done}, {markers, done},
			{add(0), done}, {end(0), done}, {markers, done}},
			"", "", 0, completeCommit, false},
		{"a late AddPartitions opens a transaction", []exchange{{fresh, done}, {add(0), done}, {end(0), done}, {markers, done}, {add(0), done}},
			"", "", 0, ongoing, false},
		{"late requests of an old epoch", []exchange{{fresh, done}, {add(0), done}, {end(0), done}, {markers, done}, {raise(0), done},
			{add(0), fenced}, {end(0), fenced}, {abort(0), fenced}, {add(1), done}, {end(0), fenced}, {abort(0), fenced}, {add(0), fenced}},
			"", "", 1, ongoing, false},
		{"a raise again gives the same epoch, and forgets the commit", []exchange{{fresh, done}, {raise(0), done}, {add(1), done}, {end(1), done}, {markers, done},
			{end(1), done}, {raise(0), done}, {end(1), invalid}},
			"", "", 1, empty, false},
		{"a new owner aborts what is open", []exchange{{fresh, done}, {add(0), done}, {batch(0, 0, "a"), done}, {fresh, concurrent}, {end(0), fenced},
			{markers, done}, {fresh, done}, {batch(0, 1, "b"), fenced}, {add(0), fenced}, {raise(0), fenced}},
			"", "", 2, empty, false},
		{"a zombie's raise fences the owner and aborts its transaction", []exchange{{fresh, done}, {fresh, done}, {add(1), done}, {batch(1, 0, "a"), done},
			{raise(0), concurrent}, {markers, done}, {raise(0), fenced}, {batch(1, 1, "b"), fenced}, {add(1), fenced}, {end(1), fenced}},
			"", "", 2, completeAbort, false},
	}
}

// The model's Kafka.
func TestFacts(t *testing.T) {
	for _, f := range facts() {
		t.Run(f.name, func(t *testing.T) {
			k := newCluster()
			for i, e := range f.script {
				if e.request == markers {
					k.pending.each(k.writeMarker)
					continue
				}
				if a := k.handle(e.request, noFlaw); a.code != e.code {
					t.Fatalf("exchange %d, %v: %v, want %v", i+1, e.request, a, answer{code: e.code})
				}
			}
			p := k.partitions[eventsPartition]
			f.compare(t, p.once, p.twice, k.coordinator.epoch, k.status)
		})
	}
}

func (f *fact) compare(t *testing.T, once, twice events, epoch int8, status status) {
	t.Helper()
	if once != setOf(f.visible) || twice != setOf(f.twice) {
		t.Errorf("readers see %v, %v twice; want %v, %v", once, twice, setOf(f.visible), setOf(f.twice))
	}
	if epoch != f.epoch || status != f.status {
		t.Errorf("epoch %d, status %d; want %d, %d", epoch, status, f.epoch, f.status)
	}
}
