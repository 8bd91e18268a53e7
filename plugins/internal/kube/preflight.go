package kube

import (
	"context"
	"errors"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/gennaker/gennaker/plugins/internal/manifest"
)

// Preflight checks the objects of one deploy before the first of them is written. It writes nothing.
type Preflight struct {
	cluster *Cluster
	access  *access
	set     *manifest.Set
	defined map[string]bool // namespaces of this deploy
}

// Verdict is what Preflight says of one object.
type Verdict struct {
	// Findings are reasons not to deploy, in words.
	Findings []string
	// Warnings do not stop the deploy.
	Warnings []string
	// Unchecked says why the API server could not be asked; empty when it could.
	Unchecked string
	// Result is what applying would do; nil when the API server could not be asked or refused.
	Result *Result
}

// NewPreflight starts the check of a set.
func (c *Cluster) NewPreflight(set *manifest.Set) *Preflight {
	p := &Preflight{cluster: c, access: newAccess(c), set: set, defined: make(map[string]bool)}
	for _, item := range set.Items {
		if item.Ref.Kind == "namespace" {
			p.defined[item.Ref.Name] = true
		}
	}
	return p
}

// Check checks one object: is its namespace allowed, may the account do what is to be done, does the API server take
// the object. An error means that the question could not be put; see Judge.
func (p *Preflight) Check(ctx context.Context, item manifest.Item) (Verdict, error) {
	if err := p.cluster.Settings.Permits(item.Ref.Namespace); err != nil {
		return Verdict{Findings: []string{fmt.Sprintf("account %q: %v", p.cluster.Account, err)}}, nil
	}
	r, err := p.cluster.catalog.find(ctx, item.Object.GroupVersionKind())
	if IsNoKind(err) {
		return Verdict{Unchecked: "its definition is part of this deploy"}, nil
	}
	if err != nil {
		return Verdict{}, err
	}
	verdict, err := p.permissions(ctx, item, r)
	if err != nil || len(verdict.Findings) > 0 {
		return verdict, err
	}
	return p.dryRun(ctx, item, verdict)
}

// permissions asks for what the dry run does not show: the deletes.
func (p *Preflight) permissions(ctx context.Context, item manifest.Item, r resource) (Verdict, error) {
	var verdict Verdict
	verbs := []string{"get"}
	if item.Strategy == manifest.StrategyRecreate || p.deletesVersions(item) {
		verbs = append(verbs, "delete")
	}
	for _, verb := range verbs {
		refusal, err := p.access.refusal(ctx, verb, r, item.Ref.Namespace)
		if err != nil {
			return Verdict{}, err
		}
		if refusal != "" {
			verdict.Findings = append(verdict.Findings, refusal)
		}
	}
	return verdict, nil
}

func (p *Preflight) deletesVersions(item manifest.Item) bool {
	_, limited, err := manifest.MaxVersions(item.Object)
	return item.Artifact.Version != "" && (limited && err == nil || p.cluster.Settings.MaxVersionHistory != nil)
}

func (p *Preflight) dryRun(ctx context.Context, item manifest.Item, verdict Verdict) (Verdict, error) {
	if item.Strategy == manifest.StrategyRecreate {
		live, err := p.cluster.Get(ctx, item.Object)
		if err != nil {
			return Verdict{}, err
		}
		if live != nil {
			return p.unchecked(ctx, item, verdict, "it is there and will be deleted first")
		}
	}
	result, err := p.cluster.DryRun(ctx, item)
	verdict.Warnings = append(verdict.Warnings, result.Warnings...)
	switch {
	case err == nil:
		verdict.Result = &result
		return verdict, nil
	case Judge(err) != Refused:
		return Verdict{}, err
	case missingNamespace(err) && p.defined[item.Ref.Namespace]:
		return p.unchecked(ctx, item, verdict, "its namespace is part of this deploy")
	case missingNamespace(err):
		verdict.Findings = append(verdict.Findings, fmt.Sprintf("namespace %q does not exist: create it, or add it to the manifests", item.Ref.Namespace))
		return verdict, nil
	}
	if other, waits := p.needs(item, err); waits {
		return p.unchecked(ctx, item, verdict, "it needs "+other.String()+", which is part of this deploy")
	}
	verdict.Findings = append(verdict.Findings, p.refusals(item, result.Before, err)...)
	return verdict, nil
}

// unchecked notes that the API server could not be asked for the object, and asks at least for the permission.
func (p *Preflight) unchecked(ctx context.Context, item manifest.Item, verdict Verdict, why string) (Verdict, error) {
	r, err := p.cluster.catalog.find(ctx, item.Object.GroupVersionKind())
	if err != nil {
		return Verdict{}, err
	}
	refusal, err := p.access.refusal(ctx, "create", r, item.Ref.Namespace)
	if err != nil {
		return Verdict{}, err
	}
	if refusal != "" {
		verdict.Findings = append(verdict.Findings, refusal)
	}
	verdict.Unchecked = why
	return verdict, nil
}

// needs finds the object of this deploy that the API server missed, such as a Pod's ServiceAccount or a binding's Role.
func (p *Preflight) needs(item manifest.Item, err error) (manifest.Ref, bool) {
	if !apierrors.IsNotFound(err) && !apierrors.IsForbidden(err) {
		return manifest.Ref{}, false
	}
	text := err.Error()
	if !strings.Contains(text, "not found") && !strings.Contains(text, "was found") {
		return manifest.Ref{}, false
	}
	for _, other := range p.set.Items {
		if other.Ref != item.Ref && (strings.Contains(text, `"`+other.Ref.Name+`"`) || strings.Contains(text, "name "+other.Ref.Name+" ")) {
			return other.Ref, true
		}
	}
	return manifest.Ref{}, false
}

// refusals puts the API server's answer into words, with a way out where there is one.
func (p *Preflight) refusals(item manifest.Item, before *unstructured.Unstructured, err error) []string {
	text := shorten(p.cluster.Explain(err))
	if before != nil && immutable(err) && item.Strategy != manifest.StrategyRecreate {
		text += `; annotate it with strategy.spinnaker.io/recreate: "true" to have it deleted and created anew`
	}
	if ownedByOthers(err) {
		text += `; annotate it with strategy.spinnaker.io/server-side-apply: force-conflicts to take the fields over`
	}
	return []string{text}
}

// shorten takes the middle out of a long text: the API server prints whole Go structs when a template cannot change.
func shorten(text string) string {
	const head, tail = 400, 100
	if len(text) <= head+tail {
		return text
	}
	return strings.ToValidUTF8(text[:head], "") + " … " + strings.ToValidUTF8(text[len(text)-tail:], "")
}

// immutable reports whether an object was refused because a field cannot change.
func immutable(err error) bool {
	return apierrors.IsInvalid(err) && strings.Contains(err.Error(), "immutable")
}

// missingNamespace reports whether an object was refused because its namespace does not exist.
func missingNamespace(err error) bool {
	var answer apierrors.APIStatus
	if !apierrors.IsNotFound(err) || !errors.As(err, &answer) {
		return false
	}
	details := answer.Status().Details
	return details != nil && details.Kind == "namespaces"
}

// TooEarly reports whether a Pod was refused because its namespace is so new that the ServiceAccount is not there yet.
func TooEarly(err error) bool {
	return apierrors.IsForbidden(err) && strings.Contains(err.Error(), "error looking up service account")
}
