package safeguards

// owning is the safeguards of who works on which accounts.
func owning() []safeguard {
	const ownershipPkg = "internal/ownership"
	decided := func(names ...string) suite { return suite{pkg: ownershipPkg, tests: names, flags: quick()} }
	return []safeguard{{
		name:   "waiting for who claims a partition",
		breaks: "two workers work on it at once, until the fence",
		edits:  []edit{{ownershipPkg + "/balance.go", "\t\tcase by != nobody && by != to:\n\t\t\tout.waiting++\n", "\t\tcase by != nobody && by != to && false:\n\t\t\tout.waiting++\n"}},
		fails:  []suite{decided("TestBalance", "TestComeAndGo/embedded")},
	}, {
		name:   "claiming what is worked on",
		breaks: "it is given to others before the work on it has ended",
		edits:  []edit{{ownershipPkg + "/member.go", "\t\t\tpartitions = append(partitions, p)\n", ""}},
		fails:  []suite{decided("TestComeAndGo/embedded")},
	}, {
		name:   "staying with who has it",
		breaks: "accounts move without need whenever a worker comes or goes",
		edits:  []edit{{ownershipPkg + "/balance.go", "\tb.keep()\n", ""}},
		fails:  []suite{decided("TestSticky")},
	}, {
		name:   "a lease that ends",
		breaks: "a worker that has been cut off goes on for as long as it is",
		edits:  []edit{{ownershipPkg + "/lease.go", "\tif !time.Now().Before(g.until) {\n\t\tg.endLease()", "\tif g.until.IsZero() {\n\t\tg.endLease()"}},
		fails:  []suite{decided("TestCutOff/embedded")},
	}, {
		name:   "letting go of everything before joining without a lease",
		breaks: "what was worked on is somebody else's, and goes on here",
		edits:  []edit{{ownershipPkg + "/member.go", "\tif g.Check() != nil {\n\t\tg.endAll()\n\t}\n", ""}},
		fails:  []suite{decided("TestNothingIsClaimedWithoutALease")},
	}, {
		name:   "work that ends with the lease",
		breaks: "a worker that has been cut off does not end its work before another one begins it",
		edits:  []edit{{ownershipPkg + "/lease.go", "\t\tt.ending = true\n\t\tt.cancel()\n\t}\n\tg.log.Warn", "\t\tt.ending = true\n\t}\n\tg.log.Warn"}},
		fails:  []suite{decided("TestCutOff/embedded")},
	}}
}
