package deploy

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// What README.md tells an operator to type is there.
func TestReadmeCommands(t *testing.T) {
	t.Parallel()
	bin := program(t)
	help := map[string]string{}
	command := regexp.MustCompile("`attemptstream ([a-z]+)([^`]*)`")
	for _, parts := range command.FindAllStringSubmatch(string(read(t, "README.md")), -1) {
		name := parts[1]
		if _, asked := help[name]; !asked {
			out, err := exec.CommandContext(t.Context(), bin, name, "--help").CombinedOutput()
			if err != nil {
				t.Errorf("attemptstream %s: %v\n%s", name, err, out)
			}
			help[name] = string(out)
		}
		for flag := range strings.FieldsSeq(parts[2]) {
			if strings.HasPrefix(flag, "--") && !strings.Contains(help[name], flag+" ") {
				t.Errorf("attemptstream %s has no flag %s", name, flag)
			}
		}
	}
	if len(help) == 0 {
		t.Error("README.md has no command")
	}
}

// Settings that README.md names are known to the program.
func TestReadmeSettings(t *testing.T) {
	t.Parallel()
	env := map[string]string{"KAFKA_BROKERS": "kafka:9092", "IMOCHA_API_KEY": "key"}
	known := settingNames(t, program(t), env)
	setting := regexp.MustCompile("`((?:IMOCHA|KAFKA|STREAM|PII|ADMIN|LOG)_[A-Z_]+[A-Z])[`=]")
	for _, parts := range setting.FindAllStringSubmatch(string(read(t, "README.md")), -1) {
		if !known[parts[1]] {
			t.Errorf("%s is no setting of the program", parts[1])
		}
	}
}

func TestReadmeLinks(t *testing.T) {
	t.Parallel()
	anchors := headings(t)
	for _, link := range regexp.MustCompile(`\]\(([^)]+)\)`).FindAllStringSubmatch(string(read(t, "README.md")), -1) {
		path, anchor, _ := strings.Cut(link[1], "#")
		if path == "" && !anchors[anchor] {
			t.Errorf("a link leads to #%s, where nothing is", anchor)
		}
		if _, err := os.Stat(path); path != "" && err != nil {
			t.Errorf("a link leads nowhere: %v", err)
		}
	}
}

// headings are the anchors of README.md's headings, as they are made where Markdown is shown.
func headings(t *testing.T) map[string]bool {
	t.Helper()
	anchors := map[string]bool{}
	dropped := regexp.MustCompile(`[^\p{L}\p{N} _-]`)
	fenced := false
	for line := range strings.Lines(string(read(t, "README.md"))) {
		if strings.HasPrefix(line, "```") {
			fenced = !fenced
		}
		if title := strings.TrimLeft(line, "#"); title != line && !fenced {
			anchors[strings.ReplaceAll(dropped.ReplaceAllString(strings.ToLower(strings.TrimSpace(title)), ""), " ", "-")] = true
		}
	}
	return anchors
}
