package safeguards

// telling is the safeguards of what is said of what was read: once, as what it is, and no more than the policy allows.
func telling() []safeguard {
	const eventPkg = "internal/event"
	return []safeguard{{
		name:   "the shared second in what came back",
		breaks: "what the window before has told from the second that both show is told as come back",
		edits:  []edit{{workerPkg + "/comeback.go", "\t\tif later || !shared {\n", "\t\tif later || !shared || true {\n"}},
		fails:  []suite{tests(workerPkg, "TestBoundaries/embedded/[]")},
	}, {
		name:   "the edge between two windows in what came back",
		breaks: "what lies at an edge that the API excludes never came back",
		edits:  []edit{{workerPkg + "/comeback.go", "\t\tif later || !shared {\n", "\t\tif later || !shared && false {\n"}},
		fails:  []suite{tests(workerPkg, "TestBoundaries/embedded/(]")},
	}, {
		name:   "telling what came back",
		breaks: "the second time in a status is taken for the first",
		edits:  []edit{{workerPkg + "/judge.go", "run.Kind == schedule.Front && standing.Superseded &&", "false && standing.Superseded &&"}},
		fails:  []suite{tests(workerPkg, "TestVirtualCurrentStatusOnly", "TestVirtualAddedState/[]")},
	}, {
		name:   "asking the states that are ahead, in one that is behind",
		breaks: "a wide window shows both times in a status as one, and the second is not told",
		edits:  []edit{{workerPkg + "/judge.go", "\t\tcase hidden:\n\t\t\treturn divide", "\t\tcase hidden && false:\n\t\t\treturn divide"}},
		fails:  []suite{tests(workerPkg, "TestComeBacksInStateBehind/well")},
	}, {
		name:   "telling once what came back",
		breaks: "an answer that shows it twice has it told twice",
		edits:  []edit{{workerPkg + "/judge.go", "\t\treturned.taken(o.State, complete.IdentityOf(e))\n", ""}},
		fails:  []suite{tests(workerPkg, "TestVirtualAddedState/[]")},
	}, {
		name:   "marking what is found late",
		breaks: "an old status that is found late overwrites a new one downstream",
		edits:  []edit{{workerPkg + "/judge.go", "!standing.Told:\n\t\to.Late = true\n", "!standing.Told:\n\t\to.Late = false\n"}},
		fails:  []suite{tests(workerPkg, "TestVirtualLateByHours/[]")},
	}, {
		name:   "marking what a state that is behind tells",
		breaks: "an old status overwrites a new one downstream",
		edits:  []edit{{workerPkg + "/judge.go", "\t\to.Late = run.Lagging && standing.Others\n", ""}},
		fails:  []suite{tests(workerPkg, "TestVirtualAddedState/[]")},
	}, {
		name:   "looking in the index",
		breaks: "what two windows show is told twice",
		edits:  []edit{{workerPkg + "/judge.go", "\tcase run.Kind == schedule.Front && !standing.Told:\n", "\tcase run.Kind == schedule.Front:\n"}},
		fails:  []suite{tests(workerPkg, "TestBoundaries/embedded/[]")},
	}, {
		name:   "dead letters once",
		breaks: "what cannot be an event is told again whenever it is read",
		edits:  []edit{{workerPkg + "/judge.go", "\t\tcase s.memory.Letters.Has(hash):\n", ""}},
		fails:  []suite{tests(workerPkg, "TestOddEntries/embedded")},
	}, {
		name:   "a replay that tells once",
		breaks: "what two of its windows show is told twice",
		edits:  []edit{{workerPkg + "/replay.go", "\tif r.HasTold(e.ID, e.Status) || told", "\tif told"}},
		fails:  []suite{tests(workerPkg, "TestReplay/embedded")},
	}, {
		name:   "the policy for names and emails: drop",
		breaks: "they are told all the same",
		edits: []edit{{eventPkg + "/privacy.go", "\tif !v.Set || e.policy == Drop {\n", "\tif !v.Set {\n"},
			{eventPkg + "/privacy.go", "\tif e.policy == Plain {\n", "\tif e.policy != Hash {\n"}},
		fails: []suite{tests(eventPkg, "TestPolicy", "TestPersonalDataDoesNotLeak")},
	}, {
		name:   "the policy for names and emails: hash",
		breaks: "they are told as they came",
		edits:  []edit{{eventPkg + "/privacy.go", "\tif e.policy == Plain {\n", "\tif e.policy != Drop {\n"}},
		fails:  []suite{tests(eventPkg, "TestPolicy", "TestPersonalDataDoesNotLeak")},
	}}
}
