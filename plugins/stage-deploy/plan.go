package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
	"sigs.k8s.io/yaml"

	"github.com/gennaker/gennaker/plugins/internal/kube"
	"github.com/gennaker/gennaker/plugins/internal/manifest"
	"github.com/gennaker/gennaker/plugins/sdk"
)

// Plan implements sdk.Planner: what the API server says that the deploy would change.
func (d *deployManifest) Plan(ctx context.Context, req *sdk.Request) (*sdk.Plan, error) {
	fresh := *req
	fresh.State = nil
	r, err := d.open(ctx, &fresh)
	if err != nil {
		return nil, err
	}
	plan, err := r.plan(ctx)
	if err != nil && kube.Judge(err) != kube.Refused {
		return nil, sdk.Retryable(errors.New(r.cluster.Explain(err)))
	}
	return plan, err
}

func (r *deploy) plan(ctx context.Context) (*sdk.Plan, error) {
	objects, err := r.resolveObjects(ctx)
	if err != nil {
		return nil, err
	}
	set, findings, err := r.prepareSet(ctx, objects)
	if err != nil {
		return nil, err
	}
	verdicts, err := verdicts(ctx, r.cluster.NewPreflight(set), set.Items)
	if err != nil {
		return nil, err
	}
	plan := &sdk.Plan{}
	for i, item := range set.Items {
		for _, finding := range verdicts[i].Findings {
			findings = append(findings, fmt.Sprintf("%s: %s", item.Ref, finding))
		}
		change, err := plannedChange(item, verdicts[i])
		if err != nil {
			return nil, err
		}
		plan.Changes = append(plan.Changes, change)
	}
	plan.Message = "the deploy would pass its checks"
	if len(findings) > 0 {
		plan.Message = "the deploy would stop before the first write: " + strings.Join(findings, "; ")
	}
	return plan, nil
}

func plannedChange(item manifest.Item, verdict kube.Verdict) (sdk.PlannedChange, error) {
	change := sdk.PlannedChange{Action: sdk.ActionCreate, Target: item.Ref.In()}
	var before, after string
	var err error
	if verdict.Result == nil { // what the API server was not asked for is shown as it would be sent
		after, err = shown(item.Object.Object, nil)
	} else {
		switch verdict.Result.Action {
		case kube.Unchanged:
			change.Action = sdk.ActionNone
			return change, nil
		case kube.Configured:
			change.Action = sdk.ActionUpdate
		}
		was, willBe := kube.Essence(verdict.Result.Before), kube.Essence(verdict.Result.After)
		if before, err = shown(was, nil); err != nil {
			return change, err
		}
		after, err = shown(willBe, was)
	}
	if err != nil {
		return change, err
	}
	change.Diff = string(diff.Diff("live", []byte(before), "deployed", []byte(after)))
	return change, nil
}

// shown is an object as YAML. Of a Secret's values it says only whether they differ from those of another state.
func shown(object, other map[string]any) (string, error) {
	if len(object) == 0 {
		return "", nil
	}
	if object["kind"] == "Secret" {
		object = masked(object, other)
	}
	text, err := yaml.Marshal(object)
	return string(text), err
}

func masked(secret, other map[string]any) map[string]any {
	text, err := json.Marshal(secret)
	if err != nil {
		return nil
	}
	var copied map[string]any
	if err := json.Unmarshal(text, &copied); err != nil {
		return nil
	}
	for _, field := range []string{"data", "stringData"} {
		values, _ := copied[field].(map[string]any)
		others, _ := other[field].(map[string]any)
		for key, value := range values {
			values[key] = "(secret)"
			if was, there := others[key]; there && was != value {
				values[key] = "(secret, changed)"
			}
		}
	}
	return copied
}
