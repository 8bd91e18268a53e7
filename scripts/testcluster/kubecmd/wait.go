package kubecmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
)

const waitPoll = 100 * time.Millisecond

// Wait is the command that waits for a workload or for the cluster itself.
func Wait() *cobra.Command {
	var to connection
	var target string
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "wait --for=KIND/NAME",
		Short: "Wait for a rollout, a Job, a Pod or the cluster",
		Long: `Wait until deployment/NAME or statefulset/NAME is rolled out, job/NAME is
complete, pod/NAME is ready, or, with --for=cluster, the cluster is usable.
Fails at once when a rollout exceeded its deadline or a Job failed.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			if target == "cluster" {
				return waitCluster(ctx, to)
			}
			return waitObject(ctx, to, target)
		},
	}
	to.register(cmd)
	cmd.Flags().StringVar(&target, "for", "", "deployment/NAME, statefulset/NAME, job/NAME, pod/NAME or cluster")
	cmd.Flags().DurationVar(&timeout, "timeout", time.Minute, "give up after this time")
	return cmd
}

// waitCluster waits for the kubeconfig, which the server writes when the
// cluster is usable, and for the API server to answer.
func waitCluster(ctx context.Context, to connection) error {
	path, err := to.path()
	if err != nil {
		return err
	}
	return poll(ctx, "cluster", func(ctx context.Context) (string, error) {
		if _, err := os.Stat(path); err != nil {
			return err.Error(), nil
		}
		config, err := to.config()
		if err != nil {
			return "", err
		}
		client, err := kubernetes.NewForConfig(config)
		if err != nil {
			return "", err
		}
		if err := client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error(); err != nil {
			return err.Error(), nil
		}
		return "", nil
	})
}

func waitObject(ctx context.Context, to connection, target string) error {
	kind, name, ok := strings.Cut(target, "/")
	check := checks()[kind]
	if !ok || check == nil {
		return fmt.Errorf("--for=%q: want deployment/NAME, statefulset/NAME, job/NAME, pod/NAME or cluster", target)
	}
	config, err := to.config()
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	return poll(ctx, target, func(ctx context.Context) (string, error) {
		return check(ctx, client, to.namespace, name)
	})
}

// poll asks until there is nothing left to wait for, and says what there was.
func poll(ctx context.Context, target string, left func(context.Context) (string, error)) error {
	var last string
	err := wait.PollUntilContextCancel(ctx, waitPoll, true, func(ctx context.Context) (done bool, err error) {
		now, err := left(ctx)
		if ctx.Err() == nil {
			last = now
		}
		return now == "", err
	})
	if errors.Is(err, context.DeadlineExceeded) && last != "" {
		return fmt.Errorf("%s: timed out: %s", target, last)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", target, err)
	}
	return nil
}

// check says what is still missing, in words; an error ends the wait.
type check func(ctx context.Context, client kubernetes.Interface, namespace, name string) (string, error)

func checks() map[string]check {
	return map[string]check{
		"deployment": func(ctx context.Context, client kubernetes.Interface, namespace, name string) (string, error) {
			d, err := client.AppsV1().Deployments(namespace).Get(ctx, name, metav1.GetOptions{})
			if err != nil {
				return "", err
			}
			return deploymentLeft(d)
		},
		"statefulset": func(ctx context.Context, client kubernetes.Interface, namespace, name string) (string, error) {
			s, err := client.AppsV1().StatefulSets(namespace).Get(ctx, name, metav1.GetOptions{})
			if err != nil {
				return "", err
			}
			return replicasLeft(*s.Spec.Replicas, s.Generation, s.Status.ObservedGeneration,
				s.Status.Replicas, s.Status.UpdatedReplicas, s.Status.AvailableReplicas), nil
		},
		"job": func(ctx context.Context, client kubernetes.Interface, namespace, name string) (string, error) {
			j, err := client.BatchV1().Jobs(namespace).Get(ctx, name, metav1.GetOptions{})
			if err != nil {
				return "", err
			}
			return jobLeft(j)
		},
		"pod": func(ctx context.Context, client kubernetes.Interface, namespace, name string) (string, error) {
			p, err := client.CoreV1().Pods(namespace).Get(ctx, name, metav1.GetOptions{})
			if err != nil {
				return "", err
			}
			return podLeft(p), nil
		},
	}
}

func deploymentLeft(d *appsv1.Deployment) (string, error) {
	if d.Generation <= d.Status.ObservedGeneration {
		for _, c := range d.Status.Conditions {
			if c.Type == appsv1.DeploymentProgressing && c.Reason == "ProgressDeadlineExceeded" {
				return "", errors.New(c.Message)
			}
		}
	}
	return replicasLeft(*d.Spec.Replicas, d.Generation, d.Status.ObservedGeneration,
		d.Status.Replicas, d.Status.UpdatedReplicas, d.Status.AvailableReplicas), nil
}

func replicasLeft(want int32, generation, observed int64, have, updated, available int32) string {
	switch {
	case observed < generation:
		return "the controller has not seen it yet"
	case updated < want:
		return fmt.Sprintf("%d of %d replicas updated", updated, want)
	case have > updated:
		return fmt.Sprintf("%d old replicas are left", have-updated)
	case available < updated:
		return fmt.Sprintf("%d of %d replicas available", available, updated)
	}
	return ""
}

func jobLeft(j *batchv1.Job) (string, error) {
	for _, c := range j.Status.Conditions {
		switch {
		case c.Status != corev1.ConditionTrue:
		case c.Type == batchv1.JobComplete:
			return "", nil
		case c.Type == batchv1.JobFailed:
			return "", fmt.Errorf("%s: %s", c.Reason, c.Message)
		}
	}
	return fmt.Sprintf("%d active, %d succeeded, %d failed", j.Status.Active, j.Status.Succeeded, j.Status.Failed), nil
}

func podLeft(p *corev1.Pod) string {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady {
			if c.Status == corev1.ConditionTrue {
				return ""
			}
			return c.Message
		}
	}
	return "phase " + string(p.Status.Phase)
}
