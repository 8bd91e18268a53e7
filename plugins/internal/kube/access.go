package kube

import (
	"context"
	"fmt"
	"sync"

	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// access asks what the account may do, each question once.
type access struct {
	cluster *Cluster

	mu      sync.Mutex
	answers map[question]string
}

type question struct {
	verb, group, resource, namespace string
}

func newAccess(c *Cluster) *access {
	return &access{cluster: c, answers: make(map[question]string)}
}

// refusal says in words why a verb is not allowed; it is empty when it is.
func (a *access) refusal(ctx context.Context, verb string, r resource, namespace string) (string, error) {
	if !r.namespaced {
		namespace = ""
	}
	q := question{verb: verb, group: r.Group, resource: r.Resource, namespace: namespace}
	a.mu.Lock()
	answer, known := a.answers[q]
	a.mu.Unlock()
	if known {
		return answer, nil
	}
	review, err := a.cluster.authorization.SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{
		Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{
			Verb: verb, Group: q.group, Version: r.Version, Resource: q.resource, Namespace: namespace,
		}},
	}, metav1.CreateOptions{})
	if apierrors.IsForbidden(err) {
		return "", nil // it may not even ask: the dry run and the deploy itself will tell
	}
	if err != nil {
		return "", fmt.Errorf("ask for the permission to %s %s: %w", verb, q.resource, err)
	}
	if !review.Status.Allowed {
		answer = fmt.Sprintf("account %q may not %s %s%s", a.cluster.Account, verb, r.GroupResource(), inNamespace(namespace))
	}
	a.mu.Lock()
	a.answers[q] = answer
	a.mu.Unlock()
	return answer, nil
}

func inNamespace(namespace string) string {
	if namespace == "" {
		return ""
	}
	return " in namespace " + namespace
}
