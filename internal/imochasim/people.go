package imochasim

// All names are invented. Some are beyond ASCII, one beyond the first plane of Unicode.

func firstNames() []string {
	return []string{"May", "Ada", "Zoë", "Jürgen", "Łucja", "Søren", "Nguyễn", "李娜", "Олег", "नेहा", "محمد", "Ian", "Grace", "Tomás", "Aiko", "𝒜lex"}
}

func lastNames() []string {
	return []string{"Example", "Sample", "O'Test", "Müster", "Doe", "Ejemplo", "Voorbeeld", "Beispiel-Example", "van der Test", "示例"}
}

// extras are members that the API does not document.
func extras() []string {
	return []string{
		`"score":87.50,"percentile":99`,
		`"attemptGuid":"6f1c1d9e-0000-4000-8000-000000000001","reportUrl":"https://example.com/r?id=1&v=2"`,
		`"sections":[{"name":"Go","score":12,"of":20},{"name":"SQL","score":null,"of":15}],"proctoring":{"flags":{"tabSwitches":3},"violations":[]}`,
		`"bigNumber":9223372036854775807,"biggerNumber":123456789012345678901234567890,"tiny":1.50e-7`,
		`"tags":["a","","ü"],"nothing":null,"yes":true`,
	}
}

// malformedForms are entries that cannot be attempts; %d is a number that makes them different.
func malformedForms() []string {
	return []string{
		`{"testId":292930,"name":"May","testStatus":"Completed","ref":%d}`,
		`{"testInvitationId":null,"testStatus":"Expired","ref":%d}`,
		`{"testInvitationId":"x%d","testStatus":"Completed"}`,
		`{"testInvitationId":%d.5,"testStatus":"Completed"}`,
		`{"testInvitationId":%d}`,
		`{"testInvitationId":%d,"testStatus":null}`,
		`{"testInvitationId":%d,"testStatus":7}`,
		`{"testInvitationId":99999999999999999999%d,"testStatus":"Completed"}`,
		`["not","an","object",%d]`,
		`"just text %d"`,
		`%d`,
		`[{"testInvitationId":%d,"testStatus":"Completed"}]`,
	}
}
