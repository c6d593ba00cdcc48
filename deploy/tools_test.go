package deploy

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

const requireVariable = "ATTEMPTSTREAM_REQUIRE_TOOLS"

// lacking skips the test, or fails it where everything has to run.
func lacking(t *testing.T, what string) {
	t.Helper()
	if os.Getenv(requireVariable) == "1" {
		t.Fatalf("%s, and %s=1 says that this test has to run", what, requireVariable)
	}
	t.Skip(what)
}

// tool is the path of a program of Debian's package prometheus.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		lacking(t, name+" is not installed: apt-get install --no-install-recommends prometheus")
	}
	return path
}

// decode reads a YAML or JSON file that may have no field that v does not.
func decode(t *testing.T, path string, v any) {
	t.Helper()
	if err := yaml.UnmarshalStrict(read(t, path), v); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// runtimeVariables are read by Go's runtime, and are no settings of the program.
var runtimeVariables = []string{"GOMEMLIMIT", "GOGC", "GOMAXPROCS"}

// checkSettings lets the program judge an environment as it stands in a container, in which the given paths are files.
func checkSettings(t *testing.T, program string, env map[string]string, files map[string]string) {
	t.Helper()
	env, dir := maps.Clone(env), t.TempDir()
	for name, value := range env {
		content, mounted := files[value]
		switch {
		case strings.HasSuffix(name, "_FILE") && !mounted:
			t.Errorf("%s=%s: nothing is mounted there", name, value)
		case mounted:
			env[name] = filepath.Join(dir, name)
			write(t, env[name], content)
		}
	}
	known := settingNames(t, program, env)
	for name := range env {
		if !known[name] && !slices.Contains(runtimeVariables, name) {
			t.Errorf("%s is no setting of the program", name)
		}
	}
}

// settingNames are those that the program knows, after it has found nothing wrong with env.
func settingNames(t *testing.T, program string, env map[string]string) map[string]bool {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, "config", "--output", "json")
	cmd.Env = []string{}
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil || said.Len() > 0 {
		t.Errorf("the program does not take the settings: %v\n%s", err, &said)
	}
	var settings []struct{ Name string }
	if err := json.Unmarshal(out, &settings); err != nil {
		t.Fatalf("config --output json: %v", err)
	}
	known := map[string]bool{}
	for _, s := range settings {
		known[s.Name] = true
	}
	return known
}
