package deploy

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// An instruction of a Dockerfile.
type instruction struct {
	name  string
	flags map[string]string // --from=build
	args  string
}

// words are the instruction's arguments, in the form of a list or of a line.
func (i instruction) words(t *testing.T) []string {
	t.Helper()
	if !strings.HasPrefix(i.args, "[") {
		return strings.Fields(i.args)
	}
	var words []string
	if err := json.Unmarshal([]byte(i.args), &words); err != nil {
		t.Fatalf("%s %s: %v", i.name, i.args, err)
	}
	return words
}

// A stage is what one FROM begins.
type stage struct {
	base, name   string
	instructions []instruction
}

func (s stage) all(name string) []instruction {
	var all []instruction
	for _, i := range s.instructions {
		if i.name == name {
			all = append(all, i)
		}
	}
	return all
}

// only is the arguments of the single instruction of that name.
func (s stage) only(t *testing.T, name string) instruction {
	t.Helper()
	all := s.all(name)
	if len(all) != 1 {
		t.Fatalf("the stage from %s has %d %s: want 1", s.base, len(all), name)
	}
	return all[0]
}

var (
	comment      = regexp.MustCompile(`(?m)^\s*#.*\n`)
	continuation = regexp.MustCompile(`\\\n\s*`)
	form         = regexp.MustCompile(`^(FROM|WORKDIR|COPY|RUN|ARG|ENV|USER|EXPOSE|ENTRYPOINT|CMD) ((?:--\S+ )*)(.+)$`)
)

// parseDockerfile reads the instructions that our Dockerfile uses, and fails at others: what they do nobody would test.
func parseDockerfile(t *testing.T, text string) []stage {
	t.Helper()
	text = continuation.ReplaceAllString(comment.ReplaceAllString(text, ""), "")
	var stages []stage
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		parts := form.FindStringSubmatch(line)
		if parts == nil {
			t.Fatalf("no instruction that this test knows: %s", line)
		}
		i := instruction{name: parts[1], flags: map[string]string{}, args: parts[3]}
		for flag := range strings.FieldsSeq(parts[2]) {
			name, value, _ := strings.Cut(strings.TrimPrefix(flag, "--"), "=")
			i.flags[name] = value
		}
		if i.name == "FROM" {
			base, name, _ := strings.Cut(i.args, " AS ")
			stages = append(stages, stage{base: base, name: name})
			continue
		}
		if len(stages) == 0 {
			t.Fatalf("%s stands before the first FROM", line)
		}
		last := &stages[len(stages)-1]
		last.instructions = append(last.instructions, i)
	}
	return stages
}

func dockerfile(t *testing.T) (build, image stage) {
	t.Helper()
	stages := parseDockerfile(t, string(read(t, "../Dockerfile")))
	if len(stages) != 2 || stages[0].name != "build" {
		t.Fatalf("want a stage named build and the image's, got %+v", stages)
	}
	return stages[0], stages[1]
}

func TestDockerfileBuildsWithTheGoOfTheModule(t *testing.T) {
	t.Parallel()
	build, _ := dockerfile(t)
	var module string
	for line := range strings.Lines(string(read(t, "../go.mod"))) {
		if version, found := strings.CutPrefix(line, "go "); found {
			module = strings.TrimSpace(version)
		}
	}
	if want := "golang:" + module; build.base != want {
		t.Errorf("the image is built from %s: want %s, as in go.mod", build.base, want)
	}
}

func TestImageHasNobodyWithRights(t *testing.T) {
	t.Parallel()
	_, image := dockerfile(t)
	if image.base != "scratch" {
		t.Errorf("the image is made from %s: want scratch", image.base)
	}
	if uid, gid := user(t, image); uid == 0 || gid == 0 {
		t.Errorf("it runs as %d:%d", uid, gid)
	}
	if len(image.all("RUN")) > 0 {
		t.Error("nothing can run while an image from scratch is made")
	}
	for _, name := range []string{"ENTRYPOINT", "CMD"} {
		if i := image.only(t, name); !strings.HasPrefix(i.args, "[") {
			t.Errorf("%s %s needs a shell, which the image has not", name, i.args)
		}
	}
}

// user is who runs the image, by number: there is no /etc/passwd, and Kubernetes' runAsNonRoot knows no names.
func user(t *testing.T, image stage) (uid, gid uint32) {
	t.Helper()
	text := image.only(t, "USER").args
	u, g, _ := strings.Cut(text, ":")
	number := func(part string) uint32 {
		n, err := strconv.ParseUint(part, 10, 32)
		if err != nil {
			t.Fatalf("USER %s: want numbers: %v", text, err)
		}
		return uint32(n)
	}
	return number(u), number(g)
}

func TestParseDockerfile(t *testing.T) {
	t.Parallel()
	got := parseDockerfile(t, "# a comment\nFROM a AS b\nRUN one \\\n && two\nFROM scratch\nCOPY --from=b --chown=1:2 /x /y\nCMD [\"run\"]\n")
	want := []stage{
		{base: "a", name: "b", instructions: []instruction{{"RUN", map[string]string{}, "one && two"}}},
		{base: "scratch", instructions: []instruction{
			{"COPY", map[string]string{"from": "b", "chown": "1:2"}, "/x /y"},
			{"CMD", map[string]string{}, `["run"]`},
		}},
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}
