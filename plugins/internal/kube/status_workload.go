package kube

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func deploymentStatus(live *unstructured.Unstructured) Status {
	f := fields{live.Object}
	if !f.has("status") {
		return waiting(waitStatus)
	}
	if !f.observed() {
		return waiting(waitGeneration)
	}
	if _, reason, _ := f.condition("Progressing"); reason == "ProgressDeadlineExceeded" {
		return failed(messageDeadline)
	}
	desired, updated := f.desired(), f.int("status", "updatedReplicas")
	switch {
	case updated < desired:
		return waiting(waitUpdated)
	case f.int("status", "replicas") > updated:
		return waiting("Waiting for old replicas to finish termination")
	case f.int("status", "availableReplicas") < desired:
		return waiting(waitAvailable)
	case f.int("status", "readyReplicas") < desired:
		return waiting(waitReady)
	}
	if state, _, message := f.condition("Available"); state == "False" {
		return waiting(message)
	}
	return stable
}

func replicaSetStatus(live *unstructured.Unstructured) Status {
	f := fields{live.Object}
	if !f.has("status") {
		return waiting(waitStatus)
	}
	desired := f.desired()
	switch {
	case f.int("status", "fullyLabeledReplicas") < desired:
		return waiting("Waiting for all replicas to be fully-labeled")
	case f.int("status", "readyReplicas") < desired:
		return waiting(waitReady)
	case f.int("status", "availableReplicas") < desired:
		return waiting(waitAvailable)
	case !f.observed():
		return waiting("Waiting for replicaset spec update to be observed")
	}
	return stable
}

func statefulSetStatus(live *unstructured.Unstructured) Status {
	f := fields{live.Object}
	strategy := f.text("spec", "updateStrategy", "type")
	if strategy == "OnDelete" {
		return stable
	}
	if !f.has("status") {
		return waiting(waitStatus)
	}
	if !f.observed() {
		return waiting(waitGeneration)
	}
	desired, updated := f.desired(), f.int("status", "updatedReplicas")
	switch {
	case f.int("status", "replicas") < desired:
		return waiting("Waiting for at least the desired replica count to be met")
	case f.int("status", "readyReplicas") < desired:
		return waiting("Waiting for all updated replicas to be ready")
	}
	if _, counted := f.maybeInt("status", "updatedReplicas"); counted && strategy == "RollingUpdate" && f.has("spec", "updateStrategy", "rollingUpdate") {
		if updated < desired-f.int("spec", "updateStrategy", "rollingUpdate", "partition") {
			return waiting("Waiting for partitioned roll out to finish")
		}
		return Status{Stable: true, Message: messagePartition}
	}
	switch {
	case f.int("status", "currentReplicas") < desired:
		return waiting("Waiting for all updated replicas to be scheduled")
	case f.text("status", "currentRevision") != f.text("status", "updateRevision"):
		return waiting("Waiting for the updated revision to match the current revision")
	}
	return stable
}

func daemonSetStatus(live *unstructured.Unstructured) Status {
	f := fields{live.Object}
	if !f.has("status") {
		return waiting(waitStatus)
	}
	if !f.observed() {
		return waiting(waitGeneration)
	}
	if f.text("spec", "updateStrategy", "type") != "RollingUpdate" {
		return stable
	}
	desired := f.int("status", "desiredNumberScheduled")
	switch {
	case f.int("status", "currentNumberScheduled") < desired:
		return waiting("Waiting for all replicas to be scheduled")
	case f.int("status", "updatedNumberScheduled") < desired:
		return waiting("Waiting for all updated replicas to be scheduled")
	case f.int("status", "numberAvailable") < desired:
		return waiting(waitAvailable)
	case f.int("status", "numberReady") < desired:
		return waiting(waitReady)
	}
	return stable
}

func jobStatus(live *unstructured.Unstructured) Status {
	f := fields{live.Object}
	if state, reason, message := f.condition("Failed"); state == "True" {
		if message == "" {
			message = reason
		}
		return Status{Stable: true, Failed: true, Message: message}
	}
	if state, _, _ := f.condition("Complete"); state == "True" {
		return stable
	}
	if f.object["spec"] != nil && suspended(f) {
		return Status{Stable: true, Message: "Job is suspended"}
	}
	if !f.has("status") {
		return waiting(waitStatus)
	}
	return waiting("Waiting for jobs to finish")
}

func suspended(f fields) bool {
	value, found, err := unstructured.NestedBool(f.object, "spec", "suspend")
	return value && found && err == nil
}

// podStatus differs from Spinnaker's in that a failed Pod has failed: Spinnaker waits for it until the stage times out.
func podStatus(live *unstructured.Unstructured) Status {
	f := fields{live.Object}
	switch f.text("status", "phase") {
	case "Running", "Succeeded":
		return stable
	case "Failed":
		if message := f.text("status", "message"); message != "" {
			return failed("Pod has failed: " + message)
		}
		return failed("Pod has failed")
	case "Pending":
		return waiting("Pod is pending")
	default:
		return waiting("Pod phase is unknown")
	}
}

func autoscalerStatus(live *unstructured.Unstructured) Status {
	f := fields{live.Object}
	if !f.has("status") {
		return waiting(waitStatus)
	}
	desired, current := f.int("status", "desiredReplicas"), f.int("status", "currentReplicas")
	direction := "up"
	switch {
	case desired == current:
		return stable
	case desired < current:
		direction = "down"
	}
	return waiting(fmt.Sprintf("Waiting for HPA to complete a scale %s, current: %d desired: %d", direction, current, desired))
}
