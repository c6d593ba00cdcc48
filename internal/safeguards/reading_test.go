package safeguards

// reading is the safeguards of complete reading: the rules of DESIGN for an API without pages, cursors and promises.
func reading() []safeguard {
	const (
		imochaPkg   = "internal/imocha"
		schedulePkg = "internal/schedule"
		completePkg = "internal/complete"
	)
	planned := func(names ...string) suite { return suite{pkg: schedulePkg, tests: names, flags: quick()} }
	return []safeguard{{
		name:   "answers that come to their end",
		breaks: "half of an answer is taken for the whole",
		edits:  []edit{{imochaPkg + "/answer.go", "\tif err == nil {\n\t\treturn nil, nil\n", "\tif err == nil || errors.Is(err, io.ErrUnexpectedEOF) {\n\t\treturn nil, nil\n"}},
		fails:  []suite{tests(imochaPkg, "TestCutAnswers"), tests(workerPkg, "TestUnreadableAnswers/cut length")},
	}, {
		name:   "the second that two windows share",
		breaks: "an API that excludes the ends of a window never shows the second between two",
		edits:  []edit{{schedulePkg + "/span.go", "Start: s.From.Add(-attempt.Overlap), End", "Start: s.From, End"}},
		fails:  []suite{planned("TestNothingFallsBetweenTwoWindows"), tests(workerPkg, "TestBoundaries/embedded/()")},
	}, {
		name:   "the proof by halves",
		breaks: "an answer that the API has cut is taken for whole",
		edits:  []edit{{completePkg + "/reader.go", "r.Trust.complete(a.Length)", "r.Trust.complete(0)"}},
		fails:  []suite{tests(workerPkg, "TestCaps/embedded/50 newest false", "TestCaps/embedded/50 newest true")},
	}, {
		name:   "the proof of a single second by the halves of its window",
		breaks: "a second that lies beside bursts is cut, and nobody doubts it",
		edits:  []edit{{completePkg + "/reader.go", "\t\treturn r.second(ctx, state, span, a)\n", "\t\treturn a, Whole, nil\n"}},
		fails:  []suite{tests(completePkg, "TestSecondBesideOthers")},
	}, {
		name:   "less trust after a cut answer",
		breaks: "what was proven before the API began to cut its answers is believed for ever",
		edits:  []edit{{schedulePkg + "/trust.go", "\tt.Proven = min(t.Proven, n)\n", ""}},
		fails:  []suite{planned("TestTrustAfterACut")},
	}, {
		name:   "narrower windows after a cut answer",
		breaks: "each window is read in vain first, and then in halves",
		edits:  []edit{{schedulePkg + "/trust.go", "wanted = min(wanted, t.Cap/2)", "wanted = min(wanted, t.Cap*2)"}},
		fails:  []suite{planned("TestTrust")},
	}, {
		name:   "gaps that are remembered",
		breaks: "what could not be read counts as covered, and nobody tries it again",
		edits:  []edit{{schedulePkg + "/coverage.go", "\tc.Gaps = join(c.Gaps, s)\n", ""}},
		fails:  []suite{planned("TestCoverageIsWhatWasShown"), tests(workerPkg, "TestVirtualPoisonedSeconds/[]")},
	}, {
		name:   "covered through that stops at the oldest gap",
		breaks: "people believe to have what is missing",
		edits:  []edit{{schedulePkg + "/coverage.go", "\tif len(c.Gaps) > 0 {\n", "\tif len(c.Gaps) < 0 {\n"}},
		fails:  []suite{planned("TestThrough")},
	}, {
		name:   "a probe before a gap",
		breaks: "an API that is down leaves one long gap behind it",
		edits:  []edit{{schedulePkg + "/failure.go", "\tcase s.Smallest() && r.Kind == Front:\n\t\treturn Probe\n", "\tcase s.Smallest() && r.Kind == Front:\n\t\tr.Probed(s, states)\n\t\treturn Again\n"}},
		fails:  []suite{planned("TestStateThatIsDownGoesOnItsOwn")},
	}, {
		name:   "gaps that are tried again",
		breaks: "a second that could not be read once is never told",
		edits:  []edit{{schedulePkg + "/planner.go", "\t\tp.passes = append(p.passes, pass{kind: Gap, state: state, due: now})\n", ""}},
		fails:  []suite{planned("TestGapsAreTriedAgain"), tests(workerPkg, "TestVirtualPoisonedSeconds/[]")},
	}, {
		name:   "reading covered time again",
		breaks: "what the API shows hours later is missing",
		edits:  []edit{{schedulePkg + "/planner.go", "tiers:      tiers(settings.Lookback, settings.LookbackInterval),", "tiers:      nil,"}},
		fails:  []suite{tests(workerPkg, "TestVirtualLateByHours/[]", "TestVirtualLateByDays")},
	}, {
		name:   "tiers that reach back to their last pass",
		breaks: "what leaves the last tier between two passes is not looked for once more",
		edits:  []edit{{schedulePkg + "/lookback.go", "now.Add(-t.older - min(elapsed, t.older))", "now.Add(-t.older - 0*elapsed)"}},
		fails:  []suite{planned("TestNothingSlipsThroughBetweenTwoPasses")},
	}, {
		name:   "nothing younger than the settle delay",
		breaks: "a second is covered before all of it can be seen",
		edits:  []edit{{schedulePkg + "/planner.go", "attempt.InstantOf(now.Add(-p.settings.SettleDelay))", "attempt.InstantOf(now)"}},
		fails:  []suite{planned("TestNothingIsAskedForBeforeItHasSettled")},
	}, {
		name:   "states that go together",
		breaks: "an invitation's events come in another order than what happened",
		edits:  []edit{{schedulePkg + "/run.go", "return &Run{Kind: Front, States: lane, Lagging", "return &Run{Kind: Front, States: lane[:1], Lagging"}},
		fails:  []suite{planned("TestScatteredFailuresDoNotPartStates"), tests(workerPkg, "TestBoundaries/embedded/[]")},
	}, {
		name:   "narrower windows where an invitation has two statuses",
		breaks: "which of the two came first is a guess",
		edits:  []edit{{workerPkg + "/judge.go", "twice != nil && !span.Smallest() {\n\t\t\treturn divide", "twice != nil && !span.Smallest() && false {\n\t\t\treturn divide"}},
		fails:  []suite{tests(workerPkg, "TestBoundaries/embedded/[]")},
	}, {
		name:   "asking for the two seconds of the smallest window apart",
		breaks: "two statuses within two seconds are told in the order of their names",
		edits:  []edit{{workerPkg + "/judge.go", "\tif twice != nil {\n\t\torder = phases{}\n", "\tif twice != nil && false {\n\t\torder = phases{}\n"}},
		fails:  []suite{tests(workerPkg, "TestBoundaries/embedded/[]")},
	}}
}
