package deploy

import (
	"context"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"sigs.k8s.io/yaml"
)

// compose reads compose.yaml as docker compose does: against the schema, and for consistency.
func compose(t *testing.T, env types.Mapping) *types.Project {
	t.Helper()
	project, err := loadCompose(t.Context(), read(t, "compose.yaml"), env)
	if err != nil {
		t.Fatal(err)
	}
	return project
}

func loadCompose(ctx context.Context, text []byte, env types.Mapping) (*types.Project, error) {
	dir, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	return loader.LoadWithContext(ctx, types.ConfigDetails{
		WorkingDir:  dir,
		ConfigFiles: []types.ConfigFile{{Filename: "compose.yaml", Content: text}},
		Environment: maps.Clone(env), // it adds to it
	})
}

// environment is a service's, with no variable that is taken from whoever starts it.
func environment(t *testing.T, s types.ServiceConfig) map[string]string {
	t.Helper()
	env := map[string]string{}
	for name, value := range s.Environment {
		if value == nil {
			t.Errorf("%s: %s has no value", s.Name, name)
			continue
		}
		env[name] = *value
	}
	return env
}

func TestComposeIsReadStrictly(t *testing.T) {
	t.Parallel()
	wrong := strings.Replace(string(read(t, "compose.yaml")), "restart:", "restarts:", 1)
	if _, err := loadCompose(t.Context(), []byte(wrong), nil); err == nil {
		t.Error("a misspelt key was taken")
	}
}

func TestComposeServices(t *testing.T) {
	t.Parallel()
	project := compose(t, nil)
	if got, want := project.ServiceNames(), []string{"grafana", "kafka", "prometheus", "worker"}; !slices.Equal(got, want) {
		t.Fatalf("services %v: want %v", got, want)
	}
	pinned := regexp.MustCompile(`:v?\d+\.\d+\.\d+$`)
	for name, s := range project.Services {
		if s.Build == nil && !pinned.MatchString(s.Image) {
			t.Errorf("%s: the image %s has no version", name, s.Image)
		}
		if s.Restart != "unless-stopped" {
			t.Errorf("%s: nothing starts it again", name)
		}
		// The worker's image has nothing to ask with.
		if hasCheck := s.HealthCheck != nil && len(s.HealthCheck.Test) > 0; hasCheck == (name == "worker") {
			t.Errorf("%s: healthcheck %v", name, s.HealthCheck)
		}
		for _, p := range s.Ports {
			if p.HostIP != "127.0.0.1" {
				t.Errorf("%s: port %s can be reached from other machines", name, p.Published)
			}
		}
		for _, v := range s.Volumes {
			if v.Type == types.VolumeTypeVolume && project.Volumes[v.Source].Name == "" {
				t.Errorf("%s: the volume %s is not declared", name, v.Source)
			}
			if _, err := os.Stat(v.Source); v.Type == types.VolumeTypeBind && (err != nil || !v.ReadOnly) {
				t.Errorf("%s: %s is mounted, read-only %t: %v", name, v.Source, v.ReadOnly, err)
			}
		}
	}
	if kafka := project.Services["kafka"]; !slices.ContainsFunc(kafka.Volumes, func(v types.ServiceVolumeConfig) bool {
		return v.Type == types.VolumeTypeVolume && v.Target == environment(t, kafka)["KAFKA_LOG_DIRS"]
	}) {
		t.Error("what Kafka holds is on no volume: it would be gone with the container, and the stream would begin anew")
	}
}

func TestComposeKeepsSecretsInFiles(t *testing.T) {
	t.Parallel()
	project := compose(t, nil)
	secret := regexp.MustCompile(`PASSWORD|SECRET|TOKEN|API_KEY`)
	for name, s := range project.Services {
		mounted := map[string]bool{}
		for _, attached := range s.Secrets {
			mounted["/run/secrets/"+attached.Source] = true
		}
		for variable, value := range environment(t, s) {
			if secret.MatchString(variable) && (!strings.HasSuffix(variable, "_FILE") || !mounted[value]) {
				t.Errorf("%s: %s=%s: want the file of a secret", name, variable, value)
			}
		}
	}
	for name, s := range project.Secrets {
		if s.File == "" {
			t.Errorf("the secret %s is no file", name)
			continue
		}
		// 0: ignored.
		if out, err := exec.Command("git", "check-ignore", "--no-index", "-q", s.File).CombinedOutput(); err != nil {
			t.Errorf("git would take %s: %v %s", s.File, err, out)
		}
		relative, err := filepath.Rel(project.WorkingDir, s.File)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(read(t, "README.md")), relative) {
			t.Errorf("README.md does not say how %s is made", relative)
		}
	}
}

func TestComposeWorkerIsTakenByTheProgram(t *testing.T) {
	t.Parallel()
	bin := program(t)
	for _, env := range []types.Mapping{nil, {"STREAM_START_AT": "2026-01-01", "IMOCHA_BASE_URL": "https://imocha.example.com"}} {
		worker := compose(t, env).Services["worker"]
		files := map[string]string{}
		for _, attached := range worker.Secrets {
			files["/run/secrets/"+attached.Source] = "something"
		}
		settings := environment(t, worker)
		checkSettings(t, bin, settings, files)
		for name, value := range env {
			if settings[name] != value {
				t.Errorf("%s=%s does not reach the worker", name, value)
			}
		}
	}
}

// What one service calls another has to be there.
func TestComposeServicesFindEachOther(t *testing.T) {
	t.Parallel()
	project := compose(t, nil)
	worker := environment(t, project.Services["worker"])
	kafka := environment(t, project.Services["kafka"])
	if !strings.Contains(kafka["KAFKA_ADVERTISED_LISTENERS"], "://"+worker["KAFKA_BROKERS"]) {
		t.Errorf("the worker looks for Kafka at %s, which advertises %s", worker["KAFKA_BROKERS"], kafka["KAFKA_ADVERTISED_LISTENERS"])
	}
	_, port, err := net.SplitHostPort(worker["ADMIN_ADDR"])
	if err != nil {
		t.Fatal(err)
	}
	if ports := project.Services["worker"].Ports; len(ports) != 1 || fmt.Sprint(ports[0].Target) != port {
		t.Errorf("the worker serves %s, and %v is published", worker["ADMIN_ADDR"], ports)
	}
	if expose := exposed(t); expose != port {
		t.Errorf("the worker serves %s, and the image exposes %s", worker["ADMIN_ADDR"], expose)
	}
	if prometheus := string(read(t, "prometheus/prometheus.yml")); !strings.Contains(prometheus, `targets: ["worker:`+port+`"]`) {
		t.Error("Prometheus does not look for the worker where it is")
	}

	var source struct {
		Datasources []struct{ UID, URL string }
	}
	if err := yaml.Unmarshal(read(t, "grafana/provisioning/datasources/prometheus.yaml"), &source); err != nil {
		t.Fatal(err)
	}
	if len(source.Datasources) != 1 || source.Datasources[0].URL != "http://prometheus:9090" || source.Datasources[0].UID != datasource {
		t.Errorf("Grafana's sources of data: %+v", source.Datasources)
	}

	var provider struct {
		Providers []struct{ Options struct{ Path string } }
	}
	if err := yaml.Unmarshal(read(t, "grafana/provisioning/dashboards/attemptstream.yaml"), &provider); err != nil {
		t.Fatal(err)
	}
	grafana := project.Services["grafana"]
	dashboards := provider.Providers[0].Options.Path
	if !slices.ContainsFunc(grafana.Volumes, func(v types.ServiceVolumeConfig) bool { return v.Target == dashboards }) {
		t.Errorf("Grafana looks for dashboards in %s, where nothing is mounted", dashboards)
	}
	home := environment(t, grafana)["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
	if path.Dir(home) != dashboards {
		t.Errorf("the first dashboard is %s", home)
	}
	read(t, filepath.Join("grafana/dashboards", path.Base(home)))
}

func exposed(t *testing.T) string {
	t.Helper()
	_, image := dockerfile(t)
	return image.only(t, "EXPOSE").args
}
