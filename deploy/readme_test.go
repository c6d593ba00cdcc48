package deploy

import (
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
