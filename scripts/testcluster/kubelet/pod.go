package kubelet

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	pullRetry = 2 * time.Second // how soon a missing image is looked for again
	crashLoop = 2 * time.Second // from one crash to the next
)

// observation is what the outside world adds to a Pod.
type observation struct {
	now     time.Time
	started time.Time         // when its containers started; zero if they have not
	pulls   map[string]pulled // by image, for a Pod that has not started
	podIP   string            // to be used when it starts
	hostIP  string
}

// pulled is the result of asking for an image.
type pulled struct {
	digest string // empty for images of other registries
	err    error
}

// next works out the status that a kubelet would report for a bound Pod, and
// when to look again (0: not before the Pod changes).
func next(pod *corev1.Pod, o observation) (corev1.PodStatus, time.Duration) {
	s := *pod.Status.DeepCopy()
	s.ObservedGeneration = pod.Generation
	if s.StartTime == nil {
		now := stamp(o.now)
		s.StartTime = &now
	}
	s.HostIP, s.HostIPs = o.hostIP, []corev1.HostIP{{IP: o.hostIP}}
	what, err := outcomeOf(pod)
	if err != nil {
		return waiting(pod, s, o, "CreateContainerConfigError", func(corev1.Container) string { return err.Error() }), 0
	}
	if o.started.IsZero() {
		for _, p := range o.pulls {
			if p.err != nil {
				return waiting(pod, s, o, "ImagePullBackOff", refusal(o.pulls)), pullRetry
			}
		}
		o.started = o.now
	}
	if s.PodIP == "" {
		s.PodIP = o.podIP
		if pod.Spec.HostNetwork {
			s.PodIP = o.hostIP
		}
		s.PodIPs = []corev1.PodIP{{IP: s.PodIP}}
	}
	return run(pod, s, o, what)
}

// run is next for a Pod that has its images.
func run(pod *corev1.Pod, s corev1.PodStatus, o observation, what outcome) (corev1.PodStatus, time.Duration) {
	left := what.after - o.now.Sub(o.started)
	s.Phase = corev1.PodRunning
	s.InitContainerStatuses = initStatuses(pod, o)
	switch {
	case what.fate == crashes:
		return crash(pod, s, o, what.exitCode)
	case what.fate == ends && left <= 0:
		return end(pod, s, o, what.exitCode), 0
	}
	ready := what.fate == serves && left <= 0
	s.ContainerStatuses = containers(pod, o, func(_ corev1.Container, c *corev1.ContainerStatus) {
		c.State.Running = &corev1.ContainerStateRunning{StartedAt: stamp(o.started)}
		c.Ready = ready
	})
	s.Conditions = conditions(s.Conditions, o, ready, "ContainersNotReady", unready(pod))
	if what.fate == notReady || ready {
		return s, 0
	}
	return s, left
}

// waiting is a Pod whose containers cannot start. Those without a message of
// their own wait for the others.
func waiting(pod *corev1.Pod, s corev1.PodStatus, o observation, reason string, message func(corev1.Container) string) corev1.PodStatus {
	s.Phase = corev1.PodPending
	s.ContainerStatuses = containers(pod, o, func(spec corev1.Container, c *corev1.ContainerStatus) {
		c.State.Waiting = &corev1.ContainerStateWaiting{Reason: "ContainerCreating"}
		if text := message(spec); text != "" {
			c.State.Waiting = &corev1.ContainerStateWaiting{Reason: reason, Message: text}
		}
		c.ContainerID = ""
	})
	s.Conditions = conditions(s.Conditions, o, false, "ContainersNotReady", unready(pod))
	return s
}

func refusal(pulls map[string]pulled) func(corev1.Container) string {
	return func(c corev1.Container) string {
		err := pulls[c.Image].err
		if err == nil {
			return ""
		}
		return fmt.Sprintf("Back-off pulling image %q: ErrImagePull: %v", c.Image, err)
	}
}

// crash ends the containers once more, unless the last time is too recent.
func crash(pod *corev1.Pod, s corev1.PodStatus, o observation, exitCode int32) (corev1.PodStatus, time.Duration) {
	var crashes int32
	if len(s.ContainerStatuses) > 0 && s.ContainerStatuses[0].LastTerminationState.Terminated != nil {
		last := s.ContainerStatuses[0].LastTerminationState.Terminated.FinishedAt
		if left := last.Add(crashLoop).Sub(o.now); left > 0 {
			return s, left
		}
		crashes = s.ContainerStatuses[0].RestartCount
	}
	s.ContainerStatuses = containers(pod, o, func(spec corev1.Container, c *corev1.ContainerStatus) {
		c.RestartCount = crashes + 1
		c.LastTerminationState.Terminated = terminated(pod, spec, o, exitCode)
		c.State.Waiting = &corev1.ContainerStateWaiting{
			Reason: "CrashLoopBackOff",
			Message: fmt.Sprintf("back-off %s restarting failed container=%s pod=%s_%s(%s)",
				crashLoop, c.Name, pod.Name, pod.Namespace, pod.UID),
		}
	})
	s.Conditions = conditions(s.Conditions, o, false, "ContainersNotReady", unready(pod))
	return s, crashLoop
}

func end(pod *corev1.Pod, s corev1.PodStatus, o observation, exitCode int32) corev1.PodStatus {
	reason := "PodCompleted"
	s.Phase = corev1.PodSucceeded
	if exitCode != 0 {
		reason = "PodFailed"
		s.Phase = corev1.PodFailed
	}
	s.ContainerStatuses = containers(pod, o, func(spec corev1.Container, c *corev1.ContainerStatus) {
		c.State.Terminated = terminated(pod, spec, o, exitCode)
	})
	s.Conditions = conditions(s.Conditions, o, false, reason, "")
	return s
}

func terminated(pod *corev1.Pod, c corev1.Container, o observation, exitCode int32) *corev1.ContainerStateTerminated {
	t := &corev1.ContainerStateTerminated{
		ExitCode:    exitCode,
		Reason:      "Completed",
		StartedAt:   stamp(o.started),
		FinishedAt:  stamp(o.now),
		ContainerID: containerID(pod, c.Name),
	}
	if exitCode != 0 {
		t.Reason = "Error"
		if c.TerminationMessagePolicy == corev1.TerminationMessageFallbackToLogsOnError {
			t.Message = pod.Annotations[logAnnotation]
		}
	}
	return t
}

// containers builds the statuses of a Pod's containers; set says their state.
func containers(pod *corev1.Pod, o observation, set func(corev1.Container, *corev1.ContainerStatus)) []corev1.ContainerStatus {
	old := map[string]corev1.ContainerStatus{}
	for _, c := range pod.Status.ContainerStatuses {
		old[c.Name] = c
	}
	var all []corev1.ContainerStatus
	for _, spec := range pod.Spec.Containers {
		c := newStatus(pod, spec, o, old[spec.Name])
		set(spec, &c)
		running := c.State.Running != nil
		c.Started = &running
		all = append(all, c)
	}
	return all
}

// initStatuses has the init containers done, and those that keep running ready.
func initStatuses(pod *corev1.Pod, o observation) []corev1.ContainerStatus {
	old := map[string]corev1.ContainerStatus{}
	for _, c := range pod.Status.InitContainerStatuses {
		old[c.Name] = c
	}
	var all []corev1.ContainerStatus
	for _, spec := range pod.Spec.InitContainers {
		c := newStatus(pod, spec, o, old[spec.Name])
		c.Ready = true
		sidecar := spec.RestartPolicy != nil && *spec.RestartPolicy == corev1.ContainerRestartPolicyAlways
		if sidecar {
			c.State.Running = &corev1.ContainerStateRunning{StartedAt: stamp(o.started)}
		} else {
			o := o
			o.now = o.started
			c.State.Terminated = terminated(pod, spec, o, 0)
		}
		c.Started = &sidecar
		all = append(all, c)
	}
	return all
}

func newStatus(pod *corev1.Pod, spec corev1.Container, o observation, old corev1.ContainerStatus) corev1.ContainerStatus {
	c := corev1.ContainerStatus{
		Name:                 spec.Name,
		Image:                spec.Image,
		ImageID:              old.ImageID,
		RestartCount:         old.RestartCount,
		LastTerminationState: old.LastTerminationState,
		ContainerID:          containerID(pod, spec.Name),
	}
	if p := o.pulls[spec.Image]; p.digest != "" {
		c.ImageID = p.digest
	}
	return c
}

// stamp is a time as the API keeps it: in whole seconds. Statuses are compared
// with what the API returned.
func stamp(t time.Time) metav1.Time { return metav1.NewTime(t.Truncate(time.Second)) }

func containerID(pod *corev1.Pod, container string) string {
	return fmt.Sprintf("testcluster://%s/%s", pod.UID, container)
}

func unready(pod *corev1.Pod) string {
	var names []string
	for _, c := range pod.Spec.Containers {
		names = append(names, c.Name)
	}
	return fmt.Sprintf("containers with unready status: %v", names)
}

// conditions sets what the kubelet owns and keeps the rest, such as the
// scheduler's PodScheduled. A condition keeps its time while it keeps its status.
func conditions(old []corev1.PodCondition, o observation, ready bool, reason, message string) []corev1.PodCondition {
	all := append([]corev1.PodCondition{}, old...)
	set := func(kind corev1.PodConditionType, ok bool) {
		c := corev1.PodCondition{Type: kind, Status: corev1.ConditionTrue, LastTransitionTime: stamp(o.now)}
		if !ok {
			c.Status, c.Reason, c.Message = corev1.ConditionFalse, reason, message
		}
		for i := range all {
			if all[i].Type != kind {
				continue
			}
			if all[i].Status == c.Status {
				c.LastTransitionTime = all[i].LastTransitionTime
			}
			all[i] = c
			return
		}
		all = append(all, c)
	}
	set(corev1.PodReadyToStartContainers, true)
	set(corev1.PodInitialized, true)
	set(corev1.PodReady, ready)
	set(corev1.ContainersReady, ready)
	return all
}
