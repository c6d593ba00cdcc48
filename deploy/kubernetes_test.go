package deploy

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// A cluster is what kubectl apply -k hands to Kubernetes.
type cluster struct {
	Namespace      core.Namespace
	ServiceAccount core.ServiceAccount
	ConfigMap      core.ConfigMap
	Deployment     apps.Deployment
	Service        core.Service
	Budget         policy.PodDisruptionBudget
	Network        networking.NetworkPolicy
}

func (c *cluster) pod() core.PodSpec { return c.Deployment.Spec.Template.Spec }

func (c *cluster) worker(t *testing.T) core.Container {
	t.Helper()
	if n := len(c.pod().Containers); n != 1 || len(c.pod().InitContainers) > 0 {
		t.Fatalf("the pod has %d containers: want the worker alone", n)
	}
	return c.pod().Containers[0]
}

// kubernetes builds the manifests as kubectl does, and decodes them into the types of the API, which have to know every field.
func kubernetes(t *testing.T) *cluster {
	t.Helper()
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), "kubernetes")
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{}
	into := map[string]any{
		"v1 Namespace": &c.Namespace, "v1 ServiceAccount": &c.ServiceAccount, "v1 ConfigMap": &c.ConfigMap, "v1 Service": &c.Service,
		"apps/v1 Deployment": &c.Deployment, "policy/v1 PodDisruptionBudget": &c.Budget, "networking.k8s.io/v1 NetworkPolicy": &c.Network,
	}
	for _, resource := range built.Resources() {
		kind := resource.GetApiVersion() + " " + resource.GetKind()
		object, wanted := into[kind]
		if !wanted {
			t.Fatalf("%s %s: there is none, or a second one, that this test knows", kind, resource.GetName())
		}
		delete(into, kind)
		text, err := resource.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		if err := yaml.UnmarshalStrict(text, object); err != nil {
			t.Errorf("%s %s: %v", kind, resource.GetName(), err)
		}
		if namespace := resource.GetNamespace(); resource.GetKind() != "Namespace" && namespace != "attemptstream" {
			t.Errorf("%s %s is in namespace %q", kind, resource.GetName(), namespace)
		}
	}
	for kind := range into {
		t.Errorf("there is no %s", kind)
	}
	return c
}

func TestKubernetesIsDecodedStrictly(t *testing.T) {
	t.Parallel()
	wrong := strings.Replace(string(read(t, "kubernetes/deployment.yaml")), "replicas:", "replica:", 1)
	if yaml.UnmarshalStrict([]byte(wrong), &apps.Deployment{}) == nil {
		t.Error("a misspelt field was taken")
	}
}

func TestKubernetesSettingsAreTakenByTheProgram(t *testing.T) {
	t.Parallel()
	c := kubernetes(t)
	worker := c.worker(t)
	if len(worker.EnvFrom) != 1 || worker.EnvFrom[0].ConfigMapRef.Name != c.ConfigMap.Name {
		t.Fatalf("the worker's settings come from %+v: want %s", worker.EnvFrom, c.ConfigMap.Name)
	}
	if c.ConfigMap.Name == "attemptstream" {
		t.Error("the ConfigMap's name does not change with its content, so a change would start nothing again")
	}
	if len(worker.Env) > 0 {
		t.Errorf("settings stand beside settings.env: %+v", worker.Env)
	}
	files := map[string]string{}
	for name, content := range secrets(t) {
		files[secretsFolder(t, c)+"/"+name] = content
	}
	checkSettings(t, program(t), c.ConfigMap.Data, files)
	for name, value := range c.ConfigMap.Data {
		for _, secret := range []string{"IMOCHA_API_KEY", "KAFKA_SASL_PASSWORD"} {
			if name == secret {
				t.Errorf("%s=%s is for everyone to see", name, value)
			}
		}
	}
	for path := range files {
		if !slices.Contains(slices.Collect(values(c.ConfigMap.Data)), path) {
			t.Errorf("no setting names the secret %s", path)
		}
	}
}

func values(m map[string]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for _, v := range m {
			if !yield(v) {
				return
			}
		}
	}
}

// secrets are the example's, with contents that the program can read.
func secrets(t *testing.T) map[string]string {
	t.Helper()
	var secret core.Secret
	decode(t, "kubernetes/secret.example.yaml", &secret)
	contents := map[string]string{}
	for name, placeholder := range secret.StringData {
		if placeholder != "PLACEHOLDER" {
			t.Errorf("the example has something for %s", name)
		}
		contents[name] = "something"
		if strings.HasSuffix(name, ".crt") {
			contents[name] = certificate(t)
		}
	}
	return contents
}

func certificate(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// secretsFolder is where the Secret is mounted, as a folder that follows its changes.
func secretsFolder(t *testing.T, c *cluster) string {
	t.Helper()
	var example core.Secret
	decode(t, "kubernetes/secret.example.yaml", &example)
	pod, worker := c.pod(), c.worker(t)
	if len(pod.Volumes) != 1 || len(worker.VolumeMounts) != 1 {
		t.Fatalf("volumes %+v, mounted %+v: want the secrets alone", pod.Volumes, worker.VolumeMounts)
	}
	volume, mount := pod.Volumes[0], worker.VolumeMounts[0]
	if volume.Secret == nil || volume.Secret.SecretName != example.Name || example.Namespace != c.Deployment.Namespace {
		t.Fatalf("the volume is %+v: want the Secret %s", volume, example.Name)
	}
	if mount.Name != volume.Name || mount.SubPath != "" || !mount.ReadOnly {
		t.Errorf("mounted %+v: want the whole volume, or a new key would not be seen; and read-only", mount)
	}
	if mode := volume.Secret.DefaultMode; mode == nil || *mode&0o337 != 0 || *mode&0o040 == 0 {
		t.Errorf("mode of the secrets %v: want them to be read by the group alone", mode)
	}
	return mount.MountPath
}

func TestKubernetesPodHasNoRights(t *testing.T) {
	t.Parallel()
	c := kubernetes(t)
	pod, worker := c.pod(), c.worker(t)
	_, img := dockerfile(t)
	uid, gid := user(t, img)
	ps, ws := pod.SecurityContext, worker.SecurityContext
	if ps == nil || ws == nil {
		t.Fatal("there is no security context")
	}
	for what, ok := range map[string]bool{
		"non-root":                       isTrue(ps.RunAsNonRoot),
		"the image's user":               ps.RunAsUser != nil && *ps.RunAsUser == int64(uid) && ps.RunAsGroup != nil && *ps.RunAsGroup == int64(gid),
		"the secrets' group":             ps.FSGroup != nil && *ps.FSGroup == int64(gid),
		"seccomp":                        ps.SeccompProfile != nil && ps.SeccompProfile.Type == core.SeccompProfileTypeRuntimeDefault,
		"read-only root file system":     isTrue(ws.ReadOnlyRootFilesystem),
		"no escalation":                  ws.AllowPrivilegeEscalation != nil && !*ws.AllowPrivilegeEscalation,
		"no capabilities":                ws.Capabilities != nil && slices.Equal(ws.Capabilities.Drop, []core.Capability{"ALL"}) && len(ws.Capabilities.Add) == 0,
		"no token of the cluster":        pod.AutomountServiceAccountToken != nil && !*pod.AutomountServiceAccountToken,
		"its own account":                pod.ServiceAccountName == c.ServiceAccount.Name,
		"no variables of other services": pod.EnableServiceLinks != nil && !*pod.EnableServiceLinks,
		"nothing of the host":            !pod.HostNetwork && !pod.HostPID && !pod.HostIPC,
		"a restricted namespace":         c.Namespace.Labels["pod-security.kubernetes.io/enforce"] == "restricted",
	} {
		if !ok {
			t.Errorf("not so: %s", what)
		}
	}
}

func isTrue(b *bool) bool { return b != nil && *b }

func TestKubernetesProbesAndPorts(t *testing.T) {
	t.Parallel()
	c := kubernetes(t)
	worker := c.worker(t)
	_, served, err := net.SplitHostPort(c.ConfigMap.Data["ADMIN_ADDR"])
	if err != nil {
		t.Fatal(err)
	}
	if len(worker.Ports) != 1 || fmt.Sprint(worker.Ports[0].ContainerPort) != served {
		t.Fatalf("ADMIN_ADDR serves %s, the container has %+v", served, worker.Ports)
	}
	port := intstr.FromString(worker.Ports[0].Name)
	probes := map[string]*core.Probe{"/healthz": worker.LivenessProbe, "/readyz": worker.ReadinessProbe}
	for path, probe := range probes {
		if probe == nil || probe.HTTPGet == nil || probe.HTTPGet.Path != path || probe.HTTPGet.Port != port {
			t.Errorf("the probe of %s is %+v", path, probe)
		}
	}
	// A worker that makes no progress is not helped by a start: liveness may not ask for it.
	if worker.StartupProbe != nil && worker.StartupProbe.HTTPGet.Path != "/healthz" {
		t.Errorf("a start that waits for %s ends in a restart", worker.StartupProbe.HTTPGet.Path)
	}
	if p := c.Service.Spec.Ports; len(p) != 1 || p[0].TargetPort != port || fmt.Sprint(p[0].Port) != served || !c.Service.Spec.PublishNotReadyAddresses {
		t.Errorf("the Service's ports %+v, also while not ready %t", p, c.Service.Spec.PublishNotReadyAddresses)
	}
	if p := c.Network.Spec.Ingress; len(p) != 1 || len(p[0].From) != 1 || len(p[0].Ports) != 1 || *p[0].Ports[0].Port != port {
		t.Errorf("what may come in: %+v", p)
	}
}

func TestKubernetesSelectorsFindThePod(t *testing.T) {
	t.Parallel()
	c := kubernetes(t)
	pod := labels.Set(c.Deployment.Spec.Template.Labels)
	for what, selector := range map[string]*meta.LabelSelector{
		"Deployment":          c.Deployment.Spec.Selector,
		"PodDisruptionBudget": c.Budget.Spec.Selector,
		"NetworkPolicy":       &c.Network.Spec.PodSelector,
		"Service":             {MatchLabels: c.Service.Spec.Selector},
	} {
		s, err := meta.LabelSelectorAsSelector(selector)
		if err != nil || s.Empty() || !s.Matches(pod) {
			t.Errorf("%s selects %s, and the pod has %s: %v", what, s, pod, err)
		}
	}
}

// One worker stays, whatever is updated or drained, and the budget lets the others be moved.
func TestKubernetesKeepsAWorker(t *testing.T) {
	t.Parallel()
	c := kubernetes(t)
	spec := c.Deployment.Spec
	if rolling := spec.Strategy.RollingUpdate; spec.Replicas == nil || *spec.Replicas != 2 || rolling == nil || rolling.MaxUnavailable.IntValue() != 0 {
		t.Errorf("replicas %v, strategy %+v: want 2, none of which goes before a new one is ready", spec.Replicas, spec.Strategy)
	}
	if b := c.Budget.Spec; b.MinAvailable == nil || b.MinAvailable.IntValue() != 1 || b.MaxUnavailable != nil {
		t.Errorf("the budget is %+v: want one worker to stay, and a node to be drained", b)
	}
	if grace := c.pod().TerminationGracePeriodSeconds; grace == nil || *grace <= 10 {
		t.Errorf("it may take 10 s to end, and has %v", grace)
	}
	resources := c.worker(t).Resources
	if resources.Requests.Cpu().IsZero() || resources.Requests.Memory().IsZero() || resources.Limits.Memory().IsZero() || !resources.Limits.Cpu().IsZero() {
		t.Errorf("resources %+v", resources)
	}
	// The collector works harder before the kernel ends the process.
	soft, found := strings.CutSuffix(c.ConfigMap.Data["GOMEMLIMIT"], "MiB")
	if limit := resources.Limits.Memory().Value() >> 20; !found || fmt.Sprint(limit) <= soft || len(fmt.Sprint(limit)) != len(soft) {
		t.Errorf("GOMEMLIMIT is %s MiB of %d", soft, limit)
	}
}

func TestKubernetesNetworkLetsOutWhatIsNeeded(t *testing.T) {
	t.Parallel()
	c := kubernetes(t)
	if got := c.Network.Spec.PolicyTypes; !slices.Equal(got, []networking.PolicyType{"Ingress", "Egress"}) {
		t.Fatalf("policy types %v", got)
	}
	allowed := map[string]bool{}
	for _, rule := range c.Network.Spec.Egress {
		for _, p := range rule.Ports {
			allowed[fmt.Sprint(*p.Protocol, " ", p.Port)] = true
		}
		if len(rule.To) == 0 || len(rule.Ports) == 0 {
			t.Error("a rule lets everything out")
		}
	}
	_, kafka, err := net.SplitHostPort(c.ConfigMap.Data["KAFKA_BROKERS"])
	if err != nil {
		t.Fatal(err)
	}
	for _, needed := range []string{"UDP 53", "TCP 53", "TCP 443", "TCP " + kafka} {
		if !allowed[needed] {
			t.Errorf("%s is not let out: %v", needed, allowed)
		}
	}
}
