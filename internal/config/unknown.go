package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
)

// unknown warns of what looks like a setting in the environment and is none.
func unknown(env Environment) []Warning {
	known := map[string]bool{}
	for _, v := range env.vars.all() {
		known[v.name] = true
	}
	var warnings []Warning
	for _, name := range env.names {
		if known[name] || injected.MatchString(name) {
			continue
		}
		switch meant := didYouMean(env.vars, name); {
		case meant != "":
			warnings = append(warnings, Warning{name, fmt.Sprintf("is not a setting: did you mean %s?", meant)})
		case isOurs(name):
			warnings = append(warnings, Warning{name, "is not a setting: `attemptstream config` lists them"})
		}
	}
	slices.SortFunc(warnings, func(a, b Warning) int { return strings.Compare(a.Variable, b.Variable) })
	return warnings
}

// isOurs tells whether a name has a prefix that no other program's variables are expected to have.
func isOurs(name string) bool { return hasPrefix(name, "IMOCHA_", "KAFKA_", "STREAM_", "PII_") }

// hasPrefix tells whether name begins with one of the prefixes, in any case.
func hasPrefix(name string, prefixes ...string) bool {
	return slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(strings.ToUpper(name), prefix) })
}

// injected are variables with those prefixes that nobody typed: Kubernetes and Docker set them for each service that is
// called kafka, stream-… and so on; distributions of Kafka set the last ones.
var injected = regexp.MustCompile(`^[A-Z0-9_]+_SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)$` +
	`|^[A-Z0-9_]+_PORT(_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?$` +
	`|^[A-Z0-9_]+_ENV_` +
	`|^KAFKA_(HOME|VERSION|NAME|([A-Z0-9_]+_)?OPTS)$`)

// didYouMean is the setting whose name takes the fewest changes to come from name, empty if that are too many. Where one
// is the other with something left out, as in KAFKA_PASSWORD, more is not too many.
func didYouMean(vars *variables, name string) string {
	upper := strings.ToUpper(name)
	nearest, distance := "", reach(name)+1
	within, missing := "", len(name)
	for _, v := range vars.all() {
		d := levenshtein.ComputeDistance(upper, v.name)
		if d < distance {
			nearest, distance = v.name, d
		}
		if d == abs(len(v.name)-len(upper)) && d < missing {
			within, missing = v.name, d
		}
	}
	if nearest == "" && isOurs(name) {
		return within
	}
	return nearest
}

// reach is how many changes are taken for a slip. A name with one of our prefixes is meant for this program; with one of
// the others it may be; and without one only a letter can be wrong.
func reach(name string) int {
	switch {
	case isOurs(name):
		return max(3, len(name)/4)
	case hasPrefix(name, "ADMIN_", "LOG_", "DATA_"):
		return 3
	}
	return 1
}

func abs(n int) int { return max(n, -n) }
