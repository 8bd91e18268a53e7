package systemtest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// namespace makes a namespace in which Pods can be created.
func (c *cluster) namespace(t *testing.T) string {
	t.Helper()
	ns, err := c.client.CoreV1().Namespaces().Create(t.Context(),
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, func(ctx context.Context) string {
		_, err := c.client.CoreV1().ServiceAccounts(ns.Name).Get(ctx, "default", metav1.GetOptions{})
		return errText(err)
	})
	return ns.Name
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// template is a Pod with one container.
func template(image string, annotations map[string]string) corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "web"}, Annotations: annotations},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: image}}},
	}
}

// deploy makes Deployment web with the replicas, and a short deadline.
func (c *cluster) deploy(t *testing.T, namespace string, replicas int32, pod corev1.PodTemplateSpec) {
	t.Helper()
	deadline := int32(3)
	_, err := c.client.AppsV1().Deployments(namespace).Create(t.Context(), &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: appsv1.DeploymentSpec{
			Replicas:                &replicas,
			ProgressDeadlineSeconds: &deadline,
			Selector:                &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}},
			Template:                pod,
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

// setImage updates Deployment web.
func (c *cluster) setImage(t *testing.T, namespace, image string) {
	t.Helper()
	patch := fmt.Sprintf(`{"spec":{"template":{"spec":{"containers":[{"name":"app","image":%q}]}}}}`, image)
	if _, err := c.client.AppsV1().Deployments(namespace).Patch(t.Context(), "web",
		types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
}

// startJob makes Job once, which does not retry.
func (c *cluster) startJob(t *testing.T, namespace string, annotations map[string]string) {
	t.Helper()
	pod := template("example.com/tool:1", annotations)
	pod.Spec.RestartPolicy = corev1.RestartPolicyNever
	noRetry := int32(0)
	_, err := c.client.BatchV1().Jobs(namespace).Create(t.Context(), &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Name: "once"},
		Spec:       batchv1.JobSpec{BackoffLimit: &noRetry, Template: pod},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

// push pushes an image and returns its name in the anonymous registry.
func (c *cluster) push(t *testing.T, image string) (full, digest string) {
	t.Helper()
	full, digest, _ = strings.Cut(c.run(t, "push", image), " ")
	return full, digest
}

// pods are those of the namespace.
func (c *cluster) pods(ctx context.Context, t *testing.T, namespace string) []corev1.Pod {
	t.Helper()
	list, err := c.client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return list.Items
}

// waitReason waits until a container of the namespace waits for a reason, and
// returns its message.
func (c *cluster) waitReason(t *testing.T, namespace, reason string) string {
	t.Helper()
	var message string
	eventually(t, func(ctx context.Context) string {
		for _, pod := range c.pods(ctx, t, namespace) {
			for _, s := range pod.Status.ContainerStatuses {
				if w := s.State.Waiting; w != nil && w.Reason == reason {
					message = w.Message
					return ""
				}
			}
		}
		return "no container waits with " + reason
	})
	return message
}
