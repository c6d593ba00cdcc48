package deploy

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	dashboardFile = "grafana/dashboards/attemptstream.json"
	// datasource is the uid of the source of data that Grafana is set up with.
	datasource = "prometheus"
)

// A board is what the tests look at of a dashboard.
type board struct {
	UID, Title  string
	Panels      []panel
	Annotations struct {
		List []struct{ Name, Expr string }
	}
	Templating struct {
		List []struct {
			Name, Type string
			AllValue   string
			Query      any
		}
	}
}

type panel struct {
	ID                       int
	Type, Title, Description string
	GridPos                  struct{ X, Y, W, H int }
	Targets                  []struct{ Expr, Format, LegendFormat string }
	Datasource               struct{ Type, UID string }
}

func readDashboard(t *testing.T) board {
	t.Helper()
	var d board
	if err := json.Unmarshal(read(t, dashboardFile), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// A query is one that the dashboard makes.
type query struct{ panel, expr string }

// queries are all of the dashboard's: of its panels, its annotations and its variables.
func queries(t *testing.T) []query {
	t.Helper()
	d := readDashboard(t)
	var all []query
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			all = append(all, query{p.Title, target.Expr})
		}
	}
	for _, a := range d.Annotations.List {
		all = append(all, query{a.Name, a.Expr})
	}
	values := regexp.MustCompile(`^label_values\((\w+), (\w+)\)$`)
	for _, v := range d.Templating.List {
		if v.Type != "query" {
			continue
		}
		parts := values.FindStringSubmatch(fmt.Sprint(v.Query.(map[string]any)["query"]))
		if parts == nil {
			t.Fatalf("the variable %s is made by %v: want label_values(metric, label)", v.Name, v.Query)
		}
		all = append(all, query{"variable " + v.Name, fmt.Sprintf("group by (%s) (%s)", parts[2], parts[1])})
	}
	return all
}

// inPrometheus is a query as Grafana sends it with everything chosen.
func (q query) inPrometheus(t *testing.T, step string) string {
	t.Helper()
	expr := strings.NewReplacer("$__rate_interval", step, "$__interval", step, "$account", ".*", "$group", ".*").Replace(q.expr)
	if strings.Contains(expr, "$") {
		t.Fatalf("%s: %s has a variable that this test does not know", q.panel, q.expr)
	}
	return expr
}

func TestDashboardIsInOrder(t *testing.T) {
	t.Parallel()
	d := readDashboard(t)
	if d.UID != "attemptstream" {
		t.Errorf("uid %q: links to the dashboard go by it", d.UID)
	}
	ids, taken := map[int]bool{}, map[[2]int]string{}
	bottom := 0
	for _, p := range d.Panels {
		if ids[p.ID] {
			t.Errorf("%s: another panel has the id %d", p.Title, p.ID)
		}
		ids[p.ID] = true
		if g := p.GridPos; g.X < 0 || g.X+g.W > 24 || g.W <= 0 || g.H <= 0 {
			t.Errorf("%s: stands at %+v, of 24 columns", p.Title, g)
		}
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" {
					t.Fatalf("%s lies over %s", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		bottom = max(bottom, p.GridPos.Y+p.GridPos.H)
		if p.Type == "row" {
			continue
		}
		if p.Title == "" || p.Description == "" || len(p.Targets) == 0 {
			t.Errorf("%q has no title, no description or no query", p.Title)
		}
		if p.Datasource.UID != "${datasource}" {
			t.Errorf("%s asks %q, whatever is chosen above", p.Title, p.Datasource.UID)
		}
	}
	if area := len(taken); area != 24*bottom {
		t.Errorf("%d of %d places are taken: there is a hole", area, 24*bottom)
	}
}

// Everything that can be chosen has an effect, and nothing else is asked for.
func TestDashboardVariables(t *testing.T) {
	t.Parallel()
	d := readDashboard(t)
	var names []string
	for _, v := range d.Templating.List {
		names = append(names, v.Name)
		if v.Type == "query" && v.AllValue != ".*" {
			t.Errorf("%s: all of them are %q: want .*", v.Name, v.AllValue)
		}
	}
	if want := []string{"datasource", "account", "group"}; !slices.Equal(names, want) {
		t.Fatalf("variables %v: want %v", names, want)
	}
	// An account that is not chosen would show up in these.
	byAccount := regexp.MustCompile(`attemptstream(_(covered|front|gap|requests|attempts|late|came|possibly|proven|answer|transactions|fences|index)|:(covered|front|gaps|requests|dead))\w*`)
	byGroup := regexp.MustCompile(`attemptstream[_:]consumer_group_(lag_events|lag_seconds|members)`)
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			if byAccount.MatchString(target.Expr) && !strings.Contains(target.Expr, `account=~"$account"`) {
				t.Errorf("%s does not follow the account: %s", p.Title, target.Expr)
			}
			if byGroup.MatchString(target.Expr) && !strings.Contains(target.Expr, `group=~"$group"`) {
				t.Errorf("%s does not follow the group: %s", p.Title, target.Expr)
			}
		}
	}
}
