package kube

import (
	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/gennaker/gennaker/plugins/internal/manifest"
)

// Status says how far a live object has come.
type Status struct {
	// Stable means that there is nothing more to wait for.
	Stable bool
	// Failed means that it will not become stable by itself. An object can be stable and failed: a Job that is done
	// and has failed.
	Failed bool
	// Message says what it waits for, or why it failed.
	Message string
}

func waiting(message string) Status { return Status{Message: message} }

func failed(message string) Status { return Status{Failed: true, Message: message} }

var stable = Status{Stable: true}

const (
	waitGeneration   = "Waiting for status generation to match updated object generation"
	waitUpdated      = "Waiting for all replicas to be updated"
	waitAvailable    = "Waiting for all replicas to be available"
	waitReady        = "Waiting for all replicas to be ready"
	waitStatus       = "No status reported yet"
	messageDeadline  = "Deployment exceeded its progress deadline"
	messagePartition = "Partitioned roll out complete"
)

// StatusOf judges a live object by Spinnaker's rules and words (clouddriver-kubernetes op/handler/*#status), by
// kstatus' rules for definitions and custom resources.
func (c *Cluster) StatusOf(live *unstructured.Unstructured) Status {
	switch c.Kinds.RefOf(manifest.Object{Unstructured: live}).Kind {
	case "deployment":
		return deploymentStatus(live)
	case "replicaSet":
		return replicaSetStatus(live)
	case "statefulSet":
		return statefulSetStatus(live)
	case "daemonSet":
		return daemonSetStatus(live)
	case "job":
		return jobStatus(live)
	case "pod":
		return podStatus(live)
	case "horizontalpodautoscaler":
		return autoscalerStatus(live)
	}
	if c.Kinds.Native(live.GroupVersionKind()) && live.GetKind() != "CustomResourceDefinition" {
		return stable
	}
	return generalStatus(live)
}

// generalStatus reads the conditions that custom resources have by custom. A status of another form says nothing.
func generalStatus(live *unstructured.Unstructured) Status {
	result, err := status.Compute(live)
	if err != nil {
		return Status{Stable: true, Message: "its status has no form that is known"}
	}
	switch result.Status {
	case status.CurrentStatus:
		return stable
	case status.FailedStatus:
		return failed(result.Message)
	default:
		return waiting(result.Message)
	}
}

// fields reads numbers and texts of an object; what is missing is zero.
type fields struct{ object map[string]any }

func (f fields) int(path ...string) int64 {
	n, _ := f.maybeInt(path...)
	return n
}

func (f fields) maybeInt(path ...string) (int64, bool) {
	n, found, err := unstructured.NestedInt64(f.object, path...)
	return n, found && err == nil
}

func (f fields) text(path ...string) string {
	text, _, err := unstructured.NestedString(f.object, path...)
	if err != nil {
		return ""
	}
	return text
}

func (f fields) has(path ...string) bool {
	_, found, err := unstructured.NestedFieldNoCopy(f.object, path...)
	return found && err == nil
}

// desired is a replica count that is 1 where nothing is said.
func (f fields) desired() int64 {
	if n, ok := f.maybeInt("spec", "replicas"); ok {
		return n
	}
	return 1
}

// observed reports whether the controller has seen the latest specification.
func (f fields) observed() bool {
	seen, ok := f.maybeInt("status", "observedGeneration")
	return ok && seen == f.int("metadata", "generation")
}

// condition returns a condition's status, reason and message.
func (f fields) condition(kind string) (state, reason, message string) {
	conditions, _, err := unstructured.NestedSlice(f.object, "status", "conditions")
	if err != nil {
		return "", "", ""
	}
	for _, element := range conditions {
		if condition, ok := element.(map[string]any); ok && condition["type"] == kind {
			c := fields{condition}
			return c.text("status"), c.text("reason"), c.text("message")
		}
	}
	return "", "", ""
}
