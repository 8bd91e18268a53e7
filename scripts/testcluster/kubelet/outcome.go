package kubelet

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Annotations of a Pod that choose what becomes of it.
const (
	outcomeAnnotation    = "testcluster/outcome"
	readyAfterAnnotation = "testcluster/ready-after"
	logAnnotation        = "testcluster/log"
)

// jobRuntime is how long the Pod of a Job runs if it does not say.
const jobRuntime = 200 * time.Millisecond

// fate is what becomes of a Pod once its images are there.
type fate int

const (
	serves   fate = iota // runs and becomes ready
	notReady             // runs and never becomes ready
	crashes              // ends and is started again, for ever
	ends                 // ends for good
)

// outcome is the fate of one Pod in detail.
type outcome struct {
	fate     fate
	exitCode int32         // when it crashes or ends
	after    time.Duration // until it is ready or ends
}

func outcomeOf(pod *corev1.Pod) (outcome, error) {
	var o outcome
	owner := metav1.GetControllerOf(pod)
	if owner != nil && owner.Kind == "Job" {
		o = outcome{fate: ends, after: jobRuntime}
	}
	if text, ok := pod.Annotations[readyAfterAnnotation]; ok {
		after, err := time.ParseDuration(text)
		if err != nil {
			return o, fmt.Errorf("annotation %s: %w", readyAfterAnnotation, err)
		}
		o.after = after
	}
	switch text := pod.Annotations[outcomeAnnotation]; {
	case text == "":
	case text == "notready":
		o.fate = notReady
	case text == "crash":
		o.fate, o.exitCode = crashes, 1
	case strings.HasPrefix(text, "exit-"):
		code, err := strconv.ParseUint(strings.TrimPrefix(text, "exit-"), 10, 8)
		if err != nil {
			return o, fmt.Errorf("annotation %s: %q: want exit-0 to exit-255", outcomeAnnotation, text)
		}
		o.fate, o.exitCode = ends, int32(code)
	default:
		return o, fmt.Errorf("annotation %s: %q: want notready, crash or exit-N", outcomeAnnotation, text)
	}
	if o.fate == ends && restarts(pod.Spec.RestartPolicy, o.exitCode) {
		o.fate = crashes
	}
	return o, nil
}

func restarts(policy corev1.RestartPolicy, exitCode int32) bool {
	switch policy {
	case corev1.RestartPolicyNever:
		return false
	case corev1.RestartPolicyOnFailure:
		return exitCode != 0
	}
	return true
}
