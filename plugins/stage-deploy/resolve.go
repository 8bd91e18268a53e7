package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/gennaker/gennaker/plugins/internal/manifest"
	"github.com/gennaker/gennaker/plugins/sdk"
)

// maxManifest bounds a manifest artifact, in bytes.
const maxManifest = 16 << 20

// resolve finds the manifest, evaluates its expressions and reads its objects
// (orca-clouddriver tasks/manifest/ManifestEvaluator.java).
func (r *deploy) resolve(ctx context.Context) error {
	objects, err := r.resolveObjects(ctx)
	if err != nil {
		return err
	}
	required, err := r.requiredArtifacts()
	if err != nil {
		return err
	}
	if r.state.Objects, err = r.store(ctx, objects); err != nil {
		return err
	}
	r.outputs["manifests"] = r.bounded("manifests", publishable(objects))
	r.outputs["requiredArtifacts"] = withoutBodies(required)
	r.outputs["optionalArtifacts"] = withoutBodies(r.req.Artifacts)
	r.context["deploy.account.name"] = r.config.account()
	r.context["deploy.server.groups"] = map[string]any{}
	r.message = count(len(objects)) + " to deploy"
	r.state.enter(phasePrepare, time.Now())
	return nil
}

func (r *deploy) resolveObjects(ctx context.Context) ([]manifest.Object, error) {
	docs, err := r.documents(ctx)
	if err != nil {
		return nil, err
	}
	if !r.config.SkipExpressionEvaluation {
		if docs, err = r.evaluate(ctx, docs); err != nil {
			return nil, err
		}
	}
	objects, err := manifest.Objects(docs)
	if err != nil {
		return nil, &failure{message: "the manifest cannot be deployed: " + firstOf(lines(err)), reasons: lines(err)}
	}
	return objects, nil
}

func (r *deploy) documents(ctx context.Context) ([]manifest.Document, error) {
	switch r.config.Source {
	case sourceText:
		return r.textDocuments()
	case sourceArtifact:
		return r.artifactDocuments(ctx)
	default:
		return nil, failed("field source: found %q, expected text or artifact", r.config.Source)
	}
}

func (r *deploy) textDocuments() ([]manifest.Document, error) {
	if r.config.Manifests == nil {
		return nil, failed("No text manifest was specified. Fill the field manifests, or set source to artifact.")
	}
	value, err := manifest.Normalize(r.config.Manifests)
	if err != nil {
		return nil, failed("field manifests: %v", err)
	}
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	docs := make([]manifest.Document, len(list))
	for i, element := range list {
		docs[i] = manifest.Document{Value: element, Origin: fmt.Sprintf("manifests[%d]", i)}
	}
	return docs, nil
}

func (r *deploy) artifactDocuments(ctx context.Context) ([]manifest.Document, error) {
	artifact, ok := r.artifact(r.config.ManifestArtifactID, r.config.ManifestArtifact)
	if !ok {
		if r.config.ManifestArtifactID != "" {
			return nil, failed("No manifest artifact was specified. The expected artifact %q is not among those bound in this execution.", r.config.ManifestArtifactID)
		}
		return nil, failed("No manifest artifact was specified. Fill manifestArtifactId or manifestArtifact.")
	}
	if r.config.ManifestArtifactAccount != "" {
		artifact.ArtifactAccount = r.config.ManifestArtifactAccount
	}
	text, err := r.host.ReadArtifact(ctx, artifact, maxManifest)
	if err != nil {
		return nil, fmt.Errorf("manifest artifact: %w", err)
	}
	docs, warnings, err := manifest.Parse(text)
	r.state.Warnings.add(warnings...)
	if err != nil {
		return nil, failed("manifest artifact %s %q: %v", artifact.Type, artifact.Name, err)
	}
	return docs, nil
}

// artifact finds the bound artifact of an expected one, nearest first, else the inline artifact.
func (r *deploy) artifact(id string, inline *sdk.Artifact) (sdk.Artifact, bool) {
	if id == "" {
		if inline == nil {
			return sdk.Artifact{}, false
		}
		return *inline, true
	}
	for _, expected := range r.req.ExpectedArtifacts {
		if expected.ID == id {
			bound := expected.Bound
			if bound.ArtifactAccount == "" {
				bound.ArtifactAccount = expected.Match.ArtifactAccount
			}
			return bound, true
		}
	}
	return sdk.Artifact{}, false
}

// evaluate evaluates expressions in documents. Those that cannot be evaluated stay as they are, with a warning, unless
// the stage wants to fail then.
func (r *deploy) evaluate(ctx context.Context, docs []manifest.Document) ([]manifest.Document, error) {
	var values []any
	var positions []int
	for i, doc := range docs {
		if hasExpression(doc.Value) {
			values = append(values, doc.Value)
			positions = append(positions, i)
		}
	}
	if len(values) == 0 {
		return docs, nil
	}
	result, err := r.host.Evaluate(ctx, values)
	if err != nil {
		return nil, err
	}
	if len(result.Summary) > 0 && bool(r.config.FailOnFailedExpressions) {
		reasons := result.Warnings
		if len(reasons) == 0 {
			reasons = []string{fmt.Sprint(result.Summary)}
		}
		return nil, &failure{message: "Failure evaluating manifest expressions: " + strings.Join(reasons, "; "), reasons: reasons}
	}
	r.state.Warnings.add(result.Warnings...)
	normal, err := manifest.Normalize(result.Document)
	if err != nil {
		return nil, failed("evaluated manifests: %v", err)
	}
	evaluated, ok := normal.([]any)
	if !ok || len(evaluated) != len(values) {
		return nil, failed("evaluating the expressions of %d manifests did not give as many", len(values))
	}
	for i, position := range positions {
		docs[position].Value = evaluated[i]
	}
	return docs, nil
}

// requiredArtifacts resolves the artifacts that must be bound.
func (r *deploy) requiredArtifacts() ([]sdk.Artifact, error) {
	var required []sdk.Artifact
	var missing []string
	find := func(id string, inline *sdk.Artifact) {
		if artifact, ok := r.artifact(id, inline); ok {
			required = append(required, artifact)
			return
		}
		missing = append(missing, fmt.Sprintf("No artifact with id %s could be found in the pipeline context.", id))
	}
	for _, id := range r.config.RequiredArtifactIDs {
		find(id, nil)
	}
	for _, entry := range r.config.RequiredArtifacts {
		find(entry.ExpectedArtifactID, entry.inline())
	}
	if len(missing) > 0 {
		return nil, &failure{message: strings.Join(missing, " "), reasons: missing}
	}
	return required, nil
}

// lines takes a joined error apart.
func lines(err error) []string {
	if err == nil {
		return nil
	}
	return strings.Split(err.Error(), "\n")
}

func firstOf(texts []string) string {
	switch len(texts) {
	case 0:
		return ""
	case 1:
		return texts[0]
	default:
		return fmt.Sprintf("%s (and %d more)", texts[0], len(texts)-1)
	}
}
