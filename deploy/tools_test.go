package deploy

import (
	"bytes"
	"context"
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

// program builds attemptstream from the folder above and returns its path.
func program(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "attemptstream")
	build := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", path, "./cmd/attemptstream")
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build attemptstream: %v\n%s", err, out)
	}
	return path
}

// output runs a command and returns what it wrote to both of its outputs.
func output(ctx context.Context, cmd *exec.Cmd) (string, error) {
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() }) // it is waited for below
	err := cmd.Run()
	stop()
	return out.String(), err
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
	cmd := exec.Command(program, "config", "--output", "json")
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
	var known []struct{ Name, Value string }
	if err := json.Unmarshal(out, &known); err != nil {
		t.Fatalf("config --output json: %v", err)
	}
	for name := range env {
		is := func(s struct{ Name, Value string }) bool { return s.Name == name }
		if !slices.ContainsFunc(known, is) && !slices.Contains(runtimeVariables, name) {
			t.Errorf("%s is no setting of the program", name)
		}
	}
}
