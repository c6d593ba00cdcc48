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
		nearest, distance := nearest(env.vars, name)
		switch {
		case distance <= reach(name):
			warnings = append(warnings, Warning{name, fmt.Sprintf("is not a setting: did you mean %s?", nearest)})
		case ours.MatchString(strings.ToUpper(name)):
			warnings = append(warnings, Warning{name, "is not a setting: `attemptstream config` lists them"})
		}
	}
	slices.SortFunc(warnings, func(a, b Warning) int { return strings.Compare(a.Variable, b.Variable) })
	return warnings
}

// ours are the prefixes that no other program's variables are expected to have.
var ours = regexp.MustCompile(`^(IMOCHA|KAFKA|STREAM|PII)_`)

// injected are variables with those prefixes that nobody typed: Kubernetes and Docker set them for each service that is
// called kafka, stream-… and so on; distributions of Kafka set the last ones.
var injected = regexp.MustCompile(`^[A-Z0-9_]+_SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)$` +
	`|^[A-Z0-9_]+_PORT(_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?$` +
	`|^[A-Z0-9_]+_ENV_` +
	`|^KAFKA_(HOME|VERSION|NAME|([A-Z0-9_]+_)?OPTS)$`)

// nearest is the setting whose name takes the fewest changes to come from name.
func nearest(vars *variables, name string) (nearest string, distance int) {
	distance = len(name) + 1
	for _, v := range vars.all() {
		if d := levenshtein.ComputeDistance(strings.ToUpper(name), v.name); d < distance {
			nearest, distance = v.name, d
		}
	}
	return nearest, distance
}

// reach is how many changes are taken for a slip. A name with one of our prefixes is meant for this program; with one of
// the others it may be; and without one only a letter can be wrong.
func reach(name string) int {
	name = strings.ToUpper(name)
	switch {
	case ours.MatchString(name):
		return max(3, len(name)/4)
	case regexp.MustCompile(`^(ADMIN|LOG|DATA)_`).MatchString(name):
		return 3
	}
	return 1
}
