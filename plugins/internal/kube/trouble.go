package kube

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/gennaker/gennaker/plugins/internal/manifest"
)

const (
	logLines = 10
	logBytes = 4 << 10
)

// Severity says how long to put up with a Pod's problem.
type Severity int

const (
	// Passing may go away by itself, such as a Pod that finds no node.
	Passing Severity = iota
	// Lingering seldom goes away by itself, such as an image that cannot be pulled: worth a grace period.
	Lingering
	// Final never does, such as an image name that is none.
	Final
)

// Problem is what keeps a workload's Pods from running.
type Problem struct {
	Severity Severity
	// Reason is Kubernetes' word for it: ImagePullBackOff.
	Reason string
	// Message is one sentence with the container's own message.
	Message string

	pod, container string
	ended          bool // the Pod is over
	previous       bool // the container crashed: the log to look at is of the one before
}

// Problems lists what keeps the newest Pods of a workload from running, the worst first; restarts is how often a
// container may crash before that is final. Problems of several Pods with one reason are told once.
func (c *Cluster) Problems(ctx context.Context, workload *unstructured.Unstructured, restarts int) ([]Problem, error) {
	pods, err := c.newPods(ctx, workload)
	if err != nil {
		return nil, fmt.Errorf("pods of %s: %w", c.Kinds.RefOf(manifest.Object{Unstructured: workload}), err)
	}
	problems := creationProblems(workload)
	controlled := workload.GroupVersionKind() != podKind
	told := make(map[string]bool)
	for _, o := range pods {
		var pod corev1.Pod
		if err := convert(o.Object, &pod); err != nil {
			return nil, fmt.Errorf("pod %s: %w", o.GetName(), err)
		}
		for _, p := range podProblems(&pod, restarts) {
			if p.ended && controlled || p.previous && workload.GetKind() == "Job" {
				p.Severity = Passing // the controller starts another Pod; a Job counts its failures itself
			}
			if key := p.container + "/" + p.Reason; !told[key] {
				told[key] = true
				problems = append(problems, p)
			}
		}
	}
	slices.SortStableFunc(problems, func(a, b Problem) int { return cmp.Compare(b.Severity, a.Severity) })
	return problems, nil
}

// creationProblems reads from a workload that its Pods cannot even be created, for example because of a quota.
func creationProblems(workload *unstructured.Unstructured) []Problem {
	state, reason, message := fields{workload.Object}.condition("ReplicaFailure")
	if state != "True" {
		return nil
	}
	return []Problem{{Severity: Lingering, Reason: reason, Message: fmt.Sprintf("its Pods cannot be created: %s", message)}}
}

func podProblems(pod *corev1.Pod, restarts int) []Problem {
	var problems []Problem
	for _, statuses := range [][]corev1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses} {
		for _, status := range statuses {
			if p, ok := containerProblem(pod, status, restarts); ok {
				problems = append(problems, p)
			}
		}
	}
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodScheduled && condition.Status == corev1.ConditionFalse {
			problems = append(problems, Problem{
				Severity: Passing, Reason: condition.Reason, Message: fmt.Sprintf("pod %s: %s", pod.Name, condition.Message),
			})
		}
	}
	return problems
}

func containerProblem(pod *corev1.Pod, status corev1.ContainerStatus, restarts int) (Problem, bool) {
	p := Problem{pod: pod.Name, container: status.Name}
	where := fmt.Sprintf("container %s of pod %s", status.Name, pod.Name)
	if ended := status.State.Terminated; ended != nil && ended.ExitCode != 0 && pod.Status.Phase == corev1.PodFailed {
		p.Severity, p.Reason, p.ended = Final, ended.Reason, true
		p.Message = fmt.Sprintf("%s ended with exit code %d%s", where, ended.ExitCode, because(ended.Message))
		return p, true
	}
	wait := status.State.Waiting
	if wait == nil {
		return Problem{}, false
	}
	p.Reason = wait.Reason
	p.Message = fmt.Sprintf("%s: %s%s", where, wait.Reason, because(wait.Message))
	switch wait.Reason {
	case "CrashLoopBackOff":
		p.previous = true
		if ended := status.LastTerminationState.Terminated; ended != nil {
			p.Message = fmt.Sprintf("%s crashed with exit code %d (%s), restarts so far: %d%s", where, ended.ExitCode, cmp.Or(ended.Reason, "Error"), status.RestartCount, because(ended.Message))
		}
		if int(status.RestartCount) >= restarts {
			p.Severity = Final
		}
		return p, true
	case "InvalidImageName", "ErrImageNeverPull":
		p.Severity = Final
		return p, true
	case "ImagePullBackOff", "ErrImagePull", "RegistryUnavailable", "ImageInspectError", "CreateContainerConfigError", "CreateContainerError", "RunContainerError":
		if strings.Contains(wait.Reason, "Image") && !strings.Contains(wait.Message, status.Image) {
			p.Message = fmt.Sprintf("%s: %s of image %s%s", where, wait.Reason, status.Image, because(wait.Message))
		}
		p.Severity = Lingering
		return p, true
	default:
		return Problem{}, false // PodInitializing, ContainerCreating
	}
}

func because(message string) string {
	if message == "" {
		return ""
	}
	return ": " + message
}

// LastLines returns the last lines that a problem's container printed. A container that never ran has no log: that is
// an error here, and none to its user.
func (c *Cluster) LastLines(ctx context.Context, namespace string, p Problem) ([]string, error) {
	if p.pod == "" {
		return nil, nil
	}
	lines, limit := int64(logLines), int64(logBytes)
	stream, err := c.core.Pods(namespace).GetLogs(p.pod, &corev1.PodLogOptions{
		Container: p.container, Previous: p.previous, TailLines: &lines, LimitBytes: &limit,
	}).Stream(ctx)
	if err != nil {
		return nil, fmt.Errorf("log of container %s of pod %s: %w", p.container, p.pod, err)
	}
	defer stream.Close()
	text, err := io.ReadAll(io.LimitReader(stream, logBytes))
	if err != nil {
		return nil, fmt.Errorf("log of container %s of pod %s: %w", p.container, p.pod, err)
	}
	return strings.FieldsFunc(strings.TrimSpace(string(text)), func(r rune) bool { return r == '\n' || r == '\r' }), nil
}

func convert(object map[string]any, into any) error {
	return runtime.DefaultUnstructuredConverter.FromUnstructured(object, into)
}
