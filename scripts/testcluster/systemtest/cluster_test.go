package systemtest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/gennaker/gennaker/scripts/testcluster/serving"
)

// TestCluster starts one cluster for everything that does not break it.
func TestCluster(t *testing.T) {
	c := connect(t, launch(t, "testcluster", tempDir(t)))
	for name, test := range map[string]func(*testing.T, *cluster){
		"says its version":                    testVersion,
		"rolls out and updates":               testRollout,
		"fails a rollout of a missing image":  testMissingImage,
		"follows outcomes of Deployments":     testDeploymentOutcomes,
		"follows outcomes of Jobs":            testJobOutcomes,
		"serves logs":                         testLogs,
		"pulls from ECR as a node and as Pod": testPullSecret,
		"answers the ECR SDK":                 testECR,
		"enforces RBAC":                       testRBAC,
		"leaves what does not fit pending":    testUnschedulable,
		"shows objects":                       testGet,
		"collects garbage":                    testGarbage,
		"counts allowed disruptions":          testDisruption,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, c)
		})
	}
}

func testVersion(t *testing.T, c *cluster) {
	v, err := c.client.Discovery().ServerVersion()
	if err != nil {
		t.Fatal(err)
	}
	if v.Major != "1" || v.Minor != "37" || !strings.HasPrefix(v.GitVersion, "v1.37.") {
		t.Errorf("version %s.%s (%s): the binary was built without stamps", v.Major, v.Minor, v.GitVersion)
	}
}

func testRollout(t *testing.T, c *cluster) {
	ns := c.namespace(t)
	first, digest := c.push(t, "rollout/web:1")
	c.deploy(t, ns, 3, template(first, nil))
	c.run(t, "wait", "--for=deployment/web", "-n", ns)
	pods := c.pods(t.Context(), t, ns)
	if len(pods) != 3 {
		t.Errorf("%d Pods, want 3", len(pods))
	}
	addresses := map[string]bool{}
	for _, pod := range pods {
		if id := pod.Status.ContainerStatuses[0].ImageID; !strings.HasSuffix(id, digest) {
			t.Errorf("image id %q, want digest %s", id, digest)
		}
		addresses[pod.Status.PodIP] = true
	}
	if len(addresses) != 3 {
		t.Errorf("addresses %v, want three", addresses)
	}

	second, _ := c.push(t, "rollout/web:2")
	c.setImage(t, ns, second)
	c.run(t, "wait", "--for=deployment/web", "-n", ns)
	if got := c.run(t, "get", "deployments", "-n", ns, "-o", "image"); got != "web\t"+second {
		t.Errorf("image %q, want %q", got, second)
	}
}

func testMissingImage(t *testing.T, c *cluster) {
	ns := c.namespace(t)
	first, _ := c.push(t, "missing/web:1")
	c.deploy(t, ns, 2, template(first, nil))
	c.run(t, "wait", "--for=deployment/web", "-n", ns)

	missing := c.at.Registry + "/missing/web:2"
	c.setImage(t, ns, missing)
	if _, err := c.try(t, "wait", "--for=deployment/web", "-n", ns); err == nil || !strings.Contains(err.Error(), "has timed out progressing") {
		t.Errorf("wait for a missing image: %v, want that the deadline is exceeded", err)
	}
	if message := c.waitReason(t, ns, "ImagePullBackOff"); !strings.Contains(message, missing) || !strings.Contains(message, "404 Not Found") {
		t.Errorf("message %q does not name the image and the reason", message)
	}
	eventually(t, func(ctx context.Context) string {
		events, err := c.client.CoreV1().Events(ns).List(ctx, metav1.ListOptions{FieldSelector: "reason=Failed"})
		if err != nil || len(events.Items) == 0 {
			return fmt.Sprintf("no event says so (%v)", err)
		}
		return ""
	})
	d, err := c.client.AppsV1().Deployments(ns).Get(t.Context(), "web", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if d.Status.AvailableReplicas != 2 {
		t.Errorf("%d old replicas serve, want 2", d.Status.AvailableReplicas)
	}

	c.push(t, "missing/web:2") // heals it
	eventually(t, func(ctx context.Context) string {
		_, err := c.try(t, "wait", "--for=deployment/web", "-n", ns)
		return errText(err)
	})
}

func testDeploymentOutcomes(t *testing.T, c *cluster) {
	t.Run("notready", func(t *testing.T) {
		ns := c.namespace(t)
		c.deploy(t, ns, 1, template("example.com/web:1", map[string]string{"testcluster/outcome": "notready"}))
		if _, err := c.try(t, "wait", "--for=deployment/web", "-n", ns); err == nil {
			t.Error("the Deployment became available")
		}
		pod := c.pods(t.Context(), t, ns)[0]
		if pod.Status.Phase != corev1.PodRunning || pod.Status.ContainerStatuses[0].Ready {
			t.Errorf("status %+v, want Running and not ready", pod.Status)
		}
	})
	t.Run("crash", func(t *testing.T) {
		ns := c.namespace(t)
		pod := template("example.com/web:1", map[string]string{"testcluster/outcome": "crash", "testcluster/log": "no database"})
		pod.Spec.Containers[0].TerminationMessagePolicy = corev1.TerminationMessageFallbackToLogsOnError
		c.deploy(t, ns, 1, pod)
		c.waitReason(t, ns, "CrashLoopBackOff")
		eventually(t, func(ctx context.Context) string {
			s := c.pods(ctx, t, ns)[0].Status.ContainerStatuses[0]
			if last := s.LastTerminationState.Terminated; s.RestartCount < 2 || last.ExitCode != 1 || last.Message != "no database" {
				return fmt.Sprintf("status %+v, want more restarts with exit code 1 and the log", s)
			}
			return ""
		})
	})
	t.Run("ready-after", func(t *testing.T) {
		ns := c.namespace(t)
		begin := time.Now()
		c.deploy(t, ns, 1, template("example.com/web:1", map[string]string{"testcluster/ready-after": "1500ms"}))
		c.run(t, "wait", "--for=deployment/web", "-n", ns)
		if took := time.Since(begin); took < 1500*time.Millisecond {
			t.Errorf("ready after %s, want 1.5s", took)
		}
	})
	t.Run("unknown", func(t *testing.T) {
		ns := c.namespace(t)
		c.deploy(t, ns, 1, template("example.com/web:1", map[string]string{"testcluster/outcome": "explode"}))
		if message := c.waitReason(t, ns, "CreateContainerConfigError"); !strings.Contains(message, "explode") {
			t.Errorf("message %q does not name the outcome", message)
		}
	})
}

func testJobOutcomes(t *testing.T, c *cluster) {
	for outcome, want := range map[string]string{
		"":        "",
		"exit-0":  "",
		"exit-3":  "BackoffLimitExceeded",
		"exit-xy": "timed out",
	} {
		ns := c.namespace(t)
		c.startJob(t, ns, map[string]string{"testcluster/outcome": outcome})
		timeout := waitTimeout.String()
		if want == "timed out" {
			timeout = "2s"
		}
		_, err := c.try(t, "wait", "--for=job/once", "-n", ns, "--timeout", timeout)
		if (err == nil) != (want == "") || !strings.Contains(errText(err), want) {
			t.Errorf("outcome %q: %v, want %q", outcome, err, want)
		}
		if outcome == "exit-3" {
			if code := c.pods(t.Context(), t, ns)[0].Status.ContainerStatuses[0].State.Terminated.ExitCode; code != 3 {
				t.Errorf("exit code %d, want 3", code)
			}
		}
	}
}

func testLogs(t *testing.T, c *cluster) {
	ns := c.namespace(t)
	c.startJob(t, ns, map[string]string{"testcluster/log": "one\ntwo\nthree", "testcluster/ready-after": "1s"})
	eventually(t, func(ctx context.Context) string {
		if pods := c.pods(ctx, t, ns); len(pods) != 1 || pods[0].Status.Phase != corev1.PodRunning {
			return "no Pod runs"
		}
		return ""
	})
	pod := c.pods(t.Context(), t, ns)[0].Name
	two := int64(2)
	for want, options := range map[string]corev1.PodLogOptions{
		"one\ntwo\nthree\n": {Follow: true}, // until the Pod has ended
		"two\nthree\n":      {TailLines: &two},
		"on":                {LimitBytes: &two},
	} {
		stream, err := c.client.CoreV1().Pods(ns).GetLogs(pod, &options).Stream(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(stream)
		if err != nil || string(got) != want {
			t.Errorf("log %q, %v; want %q", got, err, want)
		}
		if options.Follow {
			if phase := c.pods(t.Context(), t, ns)[0].Status.Phase; phase != corev1.PodSucceeded {
				t.Errorf("the followed log ended while the Pod was %s", phase)
			}
		}
	}
}

func testPullSecret(t *testing.T, c *cluster) {
	host := strings.TrimPrefix(c.at.ECR, "http://")
	c.push(t, "private/web:1")
	image := host + "/private/web:1"

	node := c.namespace(t)
	c.deploy(t, node, 1, template(image, nil))
	c.run(t, "wait", "--for=deployment/web", "-n", node)

	ns := c.namespace(t)
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "ecr"},
		Type:       corev1.SecretTypeDockerConfigJson,
		StringData: map[string]string{corev1.DockerConfigJsonKey: dockerConfig(t, host, "expired")},
	}
	if _, err := c.client.CoreV1().Secrets(ns).Create(t.Context(), secret, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	pod := template(image, nil)
	pod.Spec.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "ecr"}}
	c.deploy(t, ns, 1, pod)
	if message := c.waitReason(t, ns, "ImagePullBackOff"); !strings.Contains(message, "401") {
		t.Errorf("message %q, want 401 in it", message)
	}
	secret.StringData[corev1.DockerConfigJsonKey] = dockerConfig(t, host, issueToken(t, c.at))
	if _, err := c.client.CoreV1().Secrets(ns).Update(t.Context(), secret, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, func(context.Context) string {
		_, err := c.try(t, "wait", "--for=deployment/web", "-n", ns)
		return errText(err)
	})
}

func dockerConfig(t *testing.T, host, password string) string {
	t.Helper()
	text, err := json.Marshal(map[string]any{"auths": map[string]any{
		host: map[string]string{"username": "AWS", "password": password}}})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func issueToken(t *testing.T, at serving.Endpoints) string {
	t.Helper()
	answer, err := http.Post(at.Admin+"/token", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close() //nolint:errcheck // read to its end
	var token struct{ Password string }
	if err := json.NewDecoder(answer.Body).Decode(&token); err != nil {
		t.Fatal(err)
	}
	return token.Password
}

func testECR(t *testing.T, c *cluster) {
	_, digest := c.push(t, "sdk/web:1")
	client := ecr.New(ecr.Options{
		Region:       "eu-central-1",
		BaseEndpoint: aws.String(c.at.ECR),
		Credentials:  credentials.NewStaticCredentialsProvider("AKIATEST", "secret", ""),
	})
	describe := func() (*ecr.DescribeImagesOutput, error) {
		return client.DescribeImages(t.Context(), &ecr.DescribeImagesInput{RepositoryName: aws.String("sdk/web")})
	}
	out, err := describe()
	if err != nil {
		t.Fatal(err)
	}
	if len(out.ImageDetails) != 1 || *out.ImageDetails[0].ImageDigest != digest {
		t.Errorf("images %v, want the one with digest %s", out.ImageDetails, digest)
	}
	c.run(t, "fault", "ecr", "access-denied", "--operation", "DescribeImages")
	if _, err := describe(); err == nil || !strings.Contains(err.Error(), "AccessDeniedException") {
		t.Errorf("with a fault: %v, want AccessDeniedException", err)
	}
	if list := c.run(t, "fault"); !strings.Contains(list, "access-denied") {
		t.Errorf("faults:\n%s", list)
	}
	c.run(t, "fault", "clear")
	if _, err := describe(); err != nil {
		t.Errorf("after the fault: %v", err)
	}
}

func testRBAC(t *testing.T, c *cluster) {
	ns := c.namespace(t)
	if _, err := c.client.RbacV1().RoleBindings(ns).Create(t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "view"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "view"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: "default", Namespace: ns}},
	}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	token, err := c.client.CoreV1().ServiceAccounts(ns).CreateToken(t.Context(), "default", &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	config := rest.AnonymousClientConfig(c.config)
	config.BearerToken = token.Status.Token
	viewer, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, func(ctx context.Context) string {
		_, err := viewer.CoreV1().Pods(ns).List(ctx, metav1.ListOptions{})
		return errText(err)
	})
	if _, err := viewer.CoreV1().Secrets(ns).List(t.Context(), metav1.ListOptions{}); !apierrors.IsForbidden(err) {
		t.Errorf("a viewer lists Secrets: %v, want that it is forbidden", err)
	}
}

func testUnschedulable(t *testing.T, c *cluster) {
	ns := c.namespace(t)
	pod := template("example.com/web:1", nil)
	pod.Spec.Containers[0].Resources.Requests = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("64")}
	c.deploy(t, ns, 1, pod)
	eventually(t, func(ctx context.Context) string {
		for _, pod := range c.pods(ctx, t, ns) {
			for _, condition := range pod.Status.Conditions {
				if condition.Reason == corev1.PodReasonUnschedulable && strings.Contains(condition.Message, "2 Insufficient cpu") {
					return ""
				}
			}
		}
		return "no Pod is unschedulable for lack of CPUs"
	})
}

func testGet(t *testing.T, c *cluster) {
	ns := c.namespace(t)
	c.deploy(t, ns, 1, template("example.com/web:1", nil))
	c.run(t, "wait", "--for=deployment/web", "-n", ns)
	for _, test := range []struct {
		args string
		want string
	}{
		{"deploy", "NAME   READY"},
		{"deployments.apps -o name", "web"},
		{"deployment web -o image", "example.com/web:1"},
		{"deployment web -o jsonpath={.status.readyReplicas}", "1"},
		{"po -o image", "\texample.com/web:1"},
		{"nodes -o name", "node-1\nnode-2"},
		{"namespace " + ns + " -o json", `"kind":"Namespace"`},
	} {
		if got := c.run(t, append([]string{"get", "-n", ns}, strings.Fields(test.args)...)...); !strings.Contains(got, test.want) {
			t.Errorf("get %s: %q, want %q in it", test.args, got, test.want)
		}
	}
	if _, err := c.try(t, "get", "unicorns"); err == nil || !strings.Contains(err.Error(), "unicorns") {
		t.Errorf("get unicorns: %v, want that there is no such resource", err)
	}
}

func testGarbage(t *testing.T, c *cluster) {
	ns := c.namespace(t)
	c.deploy(t, ns, 2, template("example.com/web:1", nil))
	c.run(t, "wait", "--for=deployment/web", "-n", ns)
	if err := c.client.AppsV1().Deployments(ns).Delete(t.Context(), "web", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, func(ctx context.Context) string {
		if left := c.pods(ctx, t, ns); len(left) > 0 {
			return fmt.Sprintf("%d Pods are left of a deleted Deployment", len(left))
		}
		return ""
	})
}

func testDisruption(t *testing.T, c *cluster) {
	ns := c.namespace(t)
	one := intstr.FromInt32(1)
	budget := &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: policyv1.PodDisruptionBudgetSpec{
			MinAvailable: &one,
			Selector:     &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}},
		},
	}
	if _, err := c.client.PolicyV1().PodDisruptionBudgets(ns).Create(t.Context(), budget, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	c.deploy(t, ns, 3, template("example.com/web:1", nil))
	eventually(t, func(ctx context.Context) string {
		budget, err := c.client.PolicyV1().PodDisruptionBudgets(ns).Get(ctx, "web", metav1.GetOptions{})
		if err != nil || budget.Status.DisruptionsAllowed != 2 {
			return fmt.Sprintf("budget %+v, %v; want 2 disruptions allowed", budget.Status, err)
		}
		return ""
	})
}
