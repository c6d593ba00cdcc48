package deploy

import (
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A rule of Prometheus, recording or alerting.
type rule struct {
	Record, Alert, Expr, For string
	Labels, Annotations      map[string]string
}

type ruleFile struct {
	Groups []struct {
		Name  string
		Rules []rule
	}
}

var ruleFiles = []string{"prometheus/recording.rules.yml", "prometheus/alerts.rules.yml"}

// rules are those of a file, and the names of its groups.
func rules(t *testing.T, path string) (all []rule, groups []string) {
	t.Helper()
	var file ruleFile
	decode(t, path, &file)
	for _, g := range file.Groups {
		groups = append(groups, g.Name)
		all = append(all, g.Rules...)
	}
	return all, groups
}

func TestPromtool(t *testing.T) {
	t.Parallel()
	promtool := tool(t, "promtool")
	for _, args := range [][]string{
		{"check", "config", "prometheus/prometheus.yml"},
		{"check", "rules", ruleFiles[0], ruleFiles[1]},
		{"test", "rules", "prometheus/alerts.test.yml"},
	} {
		t.Run(strings.Join(args[:2], " "), func(t *testing.T) {
			t.Parallel()
			if out, err := exec.CommandContext(t.Context(), promtool, args...).CombinedOutput(); err != nil {
				t.Errorf("promtool %v: %v\n%s", args, err, out)
			}
		})
	}
}

// Every alert is tested to fire and to be quiet, after what it is made of.
func TestAlertsAreTested(t *testing.T) {
	t.Parallel()
	var tests struct {
		RuleFiles          []string `json:"rule_files"`
		EvaluationInterval string   `json:"evaluation_interval"`
		GroupEvalOrder     []string `json:"group_eval_order"`
		Tests              []struct {
			Name, Interval string
			InputSeries    []struct{ Series, Values string } `json:"input_series"`
			AlertRuleTest  []struct {
				Alertname string
				EvalTime  string `json:"eval_time"`
				ExpAlerts []any  `json:"exp_alerts"`
			} `json:"alert_rule_test"`
		}
	}
	decode(t, "prometheus/alerts.test.yml", &tests)
	fires, quiet := map[string]bool{}, map[string]bool{}
	for _, test := range tests.Tests {
		for _, check := range test.AlertRuleTest {
			fires[check.Alertname] = fires[check.Alertname] || len(check.ExpAlerts) > 0
			quiet[check.Alertname] = quiet[check.Alertname] || len(check.ExpAlerts) == 0
		}
	}
	alerts, groups := rules(t, ruleFiles[1])
	for _, a := range alerts {
		if !fires[a.Alert] || !quiet[a.Alert] {
			t.Errorf("%s: tested to fire %t, to be quiet %t", a.Alert, fires[a.Alert], quiet[a.Alert])
		}
		delete(fires, a.Alert)
	}
	for name := range fires {
		t.Errorf("%s is tested, and there is no such alert", name)
	}
	_, first := rules(t, ruleFiles[0])
	if want := append(first, groups...); !slices.Equal(tests.GroupEvalOrder, want) {
		t.Errorf("group_eval_order %v: want %v", tests.GroupEvalOrder, want)
	}
}

func TestAlertsSayWhatToDo(t *testing.T) {
	t.Parallel()
	anchors := headings(t)
	figure := regexp.MustCompile(`\{\{ \$value`)
	alerts, _ := rules(t, ruleFiles[1])
	seen := map[string]bool{}
	for _, a := range alerts {
		if seen[a.Alert] {
			t.Errorf("%s is there twice", a.Alert)
		}
		seen[a.Alert] = true
		if !slices.Contains([]string{"critical", "warning"}, a.Labels["severity"]) {
			t.Errorf("%s: severity %q", a.Alert, a.Labels["severity"])
		}
		if a.Annotations["summary"] == "" || strings.HasSuffix(a.Annotations["summary"], ".") {
			t.Errorf("%s: summary %q", a.Alert, a.Annotations["summary"])
		}
		// One that counts nothing has its figure in its words: 5 minutes.
		if d := a.Annotations["description"]; !figure.MatchString(d) && !regexp.MustCompile(`\d+ minutes`).MatchString(d) {
			t.Errorf("%s: the description has no figure: %s", a.Alert, d)
		}
		anchor := strings.ToLower(a.Alert)
		if got, want := a.Annotations["runbook_url"], "deploy/README.md#"+anchor; got != want {
			t.Errorf("%s: runbook_url %s: want %s", a.Alert, got, want)
		}
		if !anchors[anchor] {
			t.Errorf("README.md has no heading %s", a.Alert)
		}
		delete(anchors, anchor)
	}
	for anchor := range anchors {
		if strings.HasPrefix(anchor, "attemptstream") {
			t.Errorf("README.md has a heading %s, and there is no such alert", anchor)
		}
	}
}

// Every recorded series is one that an alert or the dashboard uses.
func TestRecordedSeriesAreUsed(t *testing.T) {
	t.Parallel()
	var users strings.Builder
	alerts, _ := rules(t, ruleFiles[1])
	for _, a := range alerts {
		fmt.Fprintln(&users, a.Expr)
	}
	for _, q := range queries(t) {
		fmt.Fprintln(&users, q.expr)
	}
	recorded, _ := rules(t, ruleFiles[0])
	for _, r := range recorded {
		if !regexp.MustCompile(`\b` + r.Record + `\b`).MatchString(users.String()) {
			t.Errorf("nothing uses %s", r.Record)
		}
	}
}
