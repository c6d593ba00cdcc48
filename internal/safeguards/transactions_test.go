package safeguards

// Folders that many lines name.
const (
	kafkatxPkg = "internal/kafkatx"
	workerPkg  = "internal/worker"
	statePkg   = "internal/state"
)

// transactions are the safeguards of a transaction, of who may write one, and of reading what was written.
func transactions() []safeguard {
	return []safeguard{{
		name:   "a new epoch after an abort",
		breaks: "the broker waits for ever for the sequence numbers of what was given up",
		edits: []edit{{kafkatxPkg + "/producer.go", "\tp.tainted = true\n\t_, _, err := p.ask(ctx, stageAbort", "\t_, _, err := p.ask(ctx, stageAbort"},
			{kafkatxPkg + "/transaction.go", "func (p *Producer) giveUp(cause error) error {\n\tp.tainted = true\n", "func (p *Producer) giveUp(cause error) error {\n"}},
		fails: []suite{tests(kafkatxPkg, "TestCommitAfterAnAnsweredAbort/kfake")},
		first: true,
	}, {
		name:   "a new epoch after a request without an answer",
		breaks: "the request arrives late, and commits, or stands in the place of, what is not its own",
		edits: []edit{{kafkatxPkg + "/producer.go", "p.tainted, inDoubt = true, true", "inDoubt = true"},
			{kafkatxPkg + "/produce.go", "piece.p.tainted, b.loose = true, true", "b.loose = true"}},
		fails: []suite{tests(kafkatxPkg, "TestLateCommit/kfake", "TestLostRequestOrAnswer/kfake/Produce answer", "TestLostRequestOrAnswer/kfake/EndTxn(commit) answer")},
		first: true,
	}, {
		name:   "any new epoch within a producer's life",
		breaks: "late commits, aborts and batches are taken for the next transaction's",
		edits:  []edit{{kafkatxPkg + "/producer.go", "\tif p.tainted {\n", "\tif false {\n"}},
		fails:  []suite{tests(kafkatxPkg, "TestLateCommit/kfake", "TestLateAbort/kfake", "TestLateProduce/kfake")},
	}, {
		name:   "a fence at takeover",
		breaks: "a worker that was taken for dead goes on beside its successor",
		edits:  []edit{{kafkatxPkg + "/producer.go", "id: cfg.TransactionalID,", "id: fmt.Sprintf(\"%s-%p\", cfg.TransactionalID, c),"}},
		fails: []suite{tests(kafkatxPkg, "TestCrash/kfake/AddPartitionsToTxn delivered true"),
			tests(workerPkg, "TestCrashAndTakeover/embedded/committed, before memory changes")},
		first: true,
	}, {
		name:   "heeding the fence",
		breaks: "a worker that was fenced takes it for an abort, and goes on",
		edits: []edit{{kafkatxPkg + "/classify.go", "// not for the producer to do.\n\t\treturn ruling{verdict: verdictFenced}",
			"// not for the producer to do.\n\t\treturn ruling{verdict: verdictAbort}"}},
		fails: []suite{tests(kafkatxPkg, "TestClassify", "TestCrash/kfake/AddPartitionsToTxn delivered false"),
			tests(workerPkg, "TestCrashAndTakeover/embedded/committed, before memory changes")},
	}, {
		name:   "asking the lease before each request",
		breaks: "a worker that was frozen for longer than its session goes on with its transaction when it wakes up",
		edits:  []edit{{kafkatxPkg + "/producer.go", "\terr := p.guard()\n", "\tvar err error\n"}},
		fails:  []suite{tests(workerPkg, "TestFrozenLongerThanSession/embedded/before AddPartitionsToTxn", "TestFrozenLongerThanSession/embedded/before the second EndTxn")},
	}, {
		name:   "silence after a fence",
		breaks: "a producer that was fenced goes on asking as if it owned its name",
		edits:  []edit{{kafkatxPkg + "/transaction.go", "\t\treturn fmt.Errorf(\"%w before: call Init if this is still the owner\", ErrFenced)\n", ""}},
		fails:  []suite{tests(kafkatxPkg, "TestCrash/kfake/AddPartitionsToTxn delivered true")},
	}, {
		name:   "doubt about a commit without an answer",
		breaks: "it is taken for aborted, and told again",
		edits: []edit{{kafkatxPkg + "/transaction.go", "\t\tif p.state != stateFenced {\n\t\t\tp.state = stateUnknown\n\t\t}\n\t\treturn joined(ErrUnknownOutcome, err)",
			"\t\tp.open = false\n\t\treturn joined(ErrAborted, err)"}},
		fails: []suite{tests(kafkatxPkg, "TestUnknownOutcome/kfake/delivered true"),
			tests(workerPkg, "TestLostRequestsAndAnswers/embedded/outcome unknown, committed")},
	}, {
		name:   "doubt about a commit that is refused when it is repeated",
		breaks: "a late raise of the epoch makes the coordinator forget the commit, and it is told again",
		edits:  []edit{{kafkatxPkg + "/transaction.go", "errors.Is(err, kafka.InvalidTransactionState) && !inDoubt", "errors.Is(err, kafka.InvalidTransactionState)"}},
		fails:  []suite{tests(kafkatxPkg, "TestLateRaiseAfterCommit/kafka")},
	}, {
		name:   "waiting for a commit's answer when the worker is told to stop",
		breaks: "what was committed is not known to be",
		edits:  []edit{{kafkatxPkg + "/transaction.go", "context.WithoutCancel(ctx), p.timeout, &deadlineError{\"commit\"", "ctx, p.timeout, &deadlineError{\"commit\""}},
		fails:  []suite{tests(kafkatxPkg, "TestCanceled/kfake/EndTxn(commit)#01")},
	}, {
		name:   "the same bytes when a batch is sent again",
		breaks: "a batch whose answer was lost is in the log twice",
		edits: []edit{{kafkatxPkg + "/produce.go", "\tcase verdictSoon, verdictAgain:\n",
			"\tcase verdictSoon, verdictAgain:\n\t\tw.sequence, b.wire = nextSequence(w.sequence, b.to-b.from), nil\n"}},
		fails: []suite{tests(kafkatxPkg, "TestLostRequestOrAnswer/kfake/Produce answer", "TestLostRequestOrAnswer/kfake/Produce request")},
	}, {
		name:   "the end of a transaction with the piece that failed",
		breaks: "the pieces after it are committed without it",
		edits:  []edit{{kafkatxPkg + "/transaction.go", "\tif err != nil && t.ended == nil {\n", "\tif err != nil {\n\t\tt.until = time.Time{}\n\t\treturn err\n\t}\n\tif false {\n"}},
		fails:  []suite{tests(kafkatxPkg, "TestPieceFails/kfake")},
	}, {
		name:   "committing before the API is asked",
		breaks: "consumers wait for a slow API, and the transaction is ended for its age",
		edits:  []edit{{workerPkg + "/ahead.go", "\tif s.ahead.open() {\n\t\treturn errOpen\n", "\tif false {\n\t\treturn errOpen\n"}},
		fails:  []suite{tests(workerPkg, "TestVirtualNothingStaysOpen")},
	}, {
		name:   "giving up at the end what has been written ahead",
		breaks: "consumers wait for the transaction timeout",
		edits:  []edit{{workerPkg + "/session.go", "\tdefer s.abandon()\n", ""}},
		fails:  []suite{tests(workerPkg, "TestVirtualWrittenAheadAtTheEnd/while nothing is on its way")},
	}, {
		name:   "giving up a transaction that the failure never came to",
		breaks: "what was written of it waits for the transaction timeout, if the worker ends while the next piece waits for its turn",
		edits:  []edit{{workerPkg + "/ahead.go", "\t\ts.ahead.tx.Abort()\n", ""}},
		fails:  []suite{tests(workerPkg, "TestVirtualWrittenAheadAtTheEnd/while the next piece waits for this one")},
	}, {
		name:   "acknowledgment by all replicas",
		breaks: "what is committed is lost with the broker that alone has it",
		edits:  []edit{{kafkatxPkg + "/send.go", "Acks:            acksAll,", "Acks:            1,"}},
		fails:  []suite{tests(kafkatxPkg, "TestAllReplicasAcknowledge")},
	}, {
		name:   "leaving out aborted batches",
		breaks: "what was given up is read as if it had been told",
		edits:  []edit{{kafkatxPkg + "/reader.go", "\treturn batch.transactional() && r.aborted[batch.producerID()], nil", "\treturn false, nil"}},
		fails: []suite{tests(kafkatxPkg, "TestReadScripts/an aborted transaction, then a committed one of the same producer", "TestReadLikeFranz/kfake"),
			tests(workerPkg, "TestCrashAndTakeover/embedded/before the third EndTxn")},
	}, {
		name:   "stopping at the last stable offset",
		breaks: "what may still be aborted is read",
		edits: []edit{{kafkatxPkg + "/fetch.go", "\tb = append(b, readCommitted)\n", "\tb = append(b, 0)\n"},
			{kafkatxPkg + "/fetch.go", "\t\t\td.int64() // high watermark\n\t\t\tp.lastStableOffset = d.int64()\n", "\t\t\tp.lastStableOffset = d.int64()\n\t\t\td.int64()\n"}},
		fails: []suite{tests(kafkatxPkg, "TestFetchOnTheWire", "TestReadLikeFranz/kfake")},
	}, {
		name:   "passing over control batches",
		breaks: "transaction markers are taken for records",
		edits:  []edit{{kafkatxPkg + "/reader.go", "\t\treturn true, err\n", "\t\treturn false, err\n"}},
		fails:  []suite{tests(kafkatxPkg, "TestReadScripts/a committed transaction", "TestReadLikeFranz/kfake")},
	}, {
		name:   "the checksum of batches",
		breaks: "bits that were turned over on a disk are taken for what was told",
		edits:  []edit{{kafkatxPkg + "/reader.go", "\t\tif err := batch.check(); err != nil {\n", "\t\tif err := batch.check(); err != nil && false {\n"}},
		fails:  []suite{tests(kafkatxPkg, "TestReadCorrupt/bit rot")},
	}}
}
