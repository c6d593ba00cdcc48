package safeguards

// memory is the safeguards of what is remembered: that it changes with what is told, and comes back whole.
func memory() []safeguard {
	const dedupePkg = "internal/dedupe"
	aborted := tests(workerPkg, "TestLostRequestsAndAnswers/embedded/aborted, since produce requests stay out")
	return []safeguard{{
		name:   "an index that changes when the transaction has committed",
		breaks: "what was aborted counts as told, and is never told again",
		edits: []edit{{workerPkg + "/pipeline.go", "\ttx := s.begin()\n\terr = q.during(", "\ts.memory.Commit()\n\ttx := s.begin()\n\terr = q.during("},
			{workerPkg + "/pipeline.go", "\ts.memory.Commit()\n\ts.told =", "\ts.told ="}},
		fails: []suite{aborted},
		first: true,
	}, {
		name:   "taking the index back after an abort",
		breaks: "what was aborted counts as told",
		edits:  []edit{{statePkg + "/account.go", "\ta.Index.Rollback()\n", ""}},
		fails:  []suite{tests(statePkg, "TestChangedAndRollback"), aborted},
	}, {
		name:   "taking the dead letters back after an abort",
		breaks: "dead letters that were aborted are never told",
		edits:  []edit{{statePkg + "/account.go", "\ta.Letters.Rollback()\n", ""}},
		fails:  []suite{tests(statePkg, "TestChangedAndRollback")},
	}, {
		name:   "taking all of the memory back after an abort",
		breaks: "windows and events of the aborted transaction count as told",
		edits:  []edit{{workerPkg + "/session.go", "\tif err := s.memory.Rollback(); err != nil {\n\t\treturn err\n\t}\n", ""}},
		fails:  []suite{aborted},
	}, {
		name:   "events and checkpoint in one transaction",
		breaks: "the checkpoint covers events that are not told, and nobody will tell them",
		edits: []edit{{workerPkg + "/pipeline.go", "return s.worker.gate.Turn(ctx, func() error { return tx.Commit(ctx, &s.batch.piece) })",
			"state := s.batch.state\n\t\tif err := tx.Commit(ctx, kafkatx.List(state)); err != nil {\n\t\t\treturn err\n\t\t}\n\t\ts.batch.state = nil\n\t\treturn s.producer.Begin().Commit(ctx, &s.batch.piece)"},
			{workerPkg + "/pipeline.go", "\t\"attemptstream/internal/complete\"\n", "\t\"attemptstream/internal/complete\"\n\t\"attemptstream/internal/kafkatx\"\n"}},
		fails: []suite{tests(workerPkg, "TestCrashAndTakeover/embedded/EndTxn sent, under way")},
		first: true,
	}, {
		name:   "a front that goes back after an abort",
		breaks: "the next transaction covers windows whose events were in none",
		edits:  []edit{{statePkg + "/account.go", "\ta.Checkpoint, a.next = checkpoint, nil\n", "\t_, a.next = checkpoint, nil\n"}},
		fails:  []suite{tests(statePkg, "TestChangedAndRollback"), aborted},
	}, {
		name:   "a front that moves when its window is staged",
		breaks: "a transaction covers a window that has to be read in parts, and does not hold its events",
		edits: []edit{{workerPkg + "/pipeline.go", "\tverdict, state, err := s.judge(", "\trun.Read(r.span, longest(answers), s.worker.now())\n\tverdict, state, err := s.judge("},
			{workerPkg + "/pipeline.go", "\tcase told:\n\t\trun.Read(r.span, longest(answers), now)\n", ""}},
		fails: []suite{tests(workerPkg, "TestBoundaries/embedded/[]")},
	}, {
		name:   "a front that waits for a judgment",
		breaks: "a transaction covers a window that could not be judged, and does not hold its events",
		edits:  []edit{{workerPkg + "/pipeline.go", "\t\trun.Failed(r.span, []attempt.State{state}, now)\n", "\t\trun.Read(r.span, longest(answers), now)\n"}},
		fails:  []suite{tests(workerPkg, "TestWindowThatCannotBeJudged")},
	}, {
		name:   "recovery to the end of the log",
		breaks: "another account's open transaction hides what was told, and it is told again",
		edits:  []edit{{statePkg + "/read.go", "\t\tcase next >= end:\n", "\t\tcase true:\n"}},
		fails:  []suite{tests(statePkg, "TestRecoverWaitsForOthersTransactions/embedded")},
	}, {
		name:   "counting what was recovered",
		breaks: "blocks that the topic has lost are not missed, and what was in them is told again",
		edits:  []edit{{statePkg + "/recover.go", "told < r.Checkpoint.Told || dead < r.Checkpoint.Dead {", "false && told < int64(dead) {"}},
		fails:  []suite{tests(statePkg, "TestLostRecords")},
	}, {
		name:   "missing the checkpoint",
		breaks: "an account whose checkpoint was deleted begins anew, and tells all again",
		edits:  []edit{{statePkg + "/recover.go", "r.Index.Told() > 0 || r.Letters.Len() > 0 || len(r.progress) > 0 || len(r.failed) > 0:", "false:"}},
		fails:  []suite{tests(statePkg, "TestMissingCheckpoint")},
	}, {
		name:   "refusing a memory that knows less than before",
		breaks: "a state topic that was deleted and created again makes everything be told again",
		edits:  []edit{{workerPkg + "/ending.go", "told < a.told {", "told < 0 {"}},
		fails:  []suite{tests(workerPkg, "TestStateTopicCreatedAgain/embedded")},
	}, {
		name:   "looking for the account in other partitions",
		breaks: "a state topic with more partitions than before makes everything be told again",
		edits:  []edit{{workerPkg + "/elsewhere.go", "ok && found != a.at.Partition {", "ok && found < 0 {"}},
		fails:  []suite{tests(workerPkg, "TestStateMoved/embedded")},
	}, {
		name:   "a status that is no longer superseded when it comes back",
		breaks: "an invitation that has come back once is told anew in each window that shows it",
		edits: []edit{{dedupePkg + "/block.go", "b.entries[i] = makeEntry(offset, own, own != c)", "b.entries[i] = makeEntry(offset, own, own != c || b.entries[i].superseded())"},
			{dedupePkg + "/block.go", "\t\t\td.superseded.remove(offset)\n", ""}},
		fails: []suite{tests(dedupePkg, "TestComeBack/1", "TestComeBack/20", "TestComeBack/2000")},
	}, {
		name:   "refusing blocks of a newer version",
		breaks: "what they say is guessed at, or is damage that it is not",
		edits:  []edit{{dedupePkg + "/decode.go", "\tcase version > recordVersion:\n", "\tcase false:\n"}},
		fails:  []suite{tests(dedupePkg, "TestLoadRefuses")},
	}}
}

// quick keeps rapid from looking for the smallest example, and from writing it into the tree.
func quick() []string { return []string{"-rapid.nofailfile", "-rapid.shrinktime=1ms"} }
