package catalog

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// SavePipeline creates or replaces a configuration and returns it as stored.
func (c *Catalog) SavePipeline(tx store.Tx, p spinnaker.Pipeline, staleCheck bool, user string) (spinnaker.Pipeline, error) {
	name, application := strings.TrimSpace(p.Name), strings.ToLower(strings.TrimSpace(p.Application))
	if name == "" || application == "" {
		return p, spinnaker.Invalid("A pipeline requires name and application fields")
	}
	if err := checkGraph(p); err != nil {
		return p, err
	}
	stored, exists, err := storedPipeline(tx, p.ID)
	if err != nil {
		return p, err
	}
	if staleCheck && exists && stored.UpdateTS != p.UpdateTS {
		return p, spinnaker.Invalid("The submitted pipeline is stale.  submitted updateTs %s does not match stored updateTs %s", p.UpdateTS, stored.UpdateTS)
	}
	members := map[string]any{"name": name, "application": application, "updateTs": millis(tx.Now()), "lastModifiedBy": user,
		"createTs": millis(tx.Now()), "triggers": withCronIDs(p)}
	if p.ID == "" {
		members["id"] = newID()
	}
	if exists {
		members["createTs"] = stored.Document["createTs"]
		if p.Index == nil && stored.Index != nil {
			members["index"] = *stored.Index
		}
	}
	if p, err = p.With(members); err != nil {
		return p, spinnaker.Invalid("%v", err)
	}
	err = tx.PutPipeline(p)
	if errors.Is(err, store.ErrExists) {
		return p, spinnaker.Invalid("A pipeline with name %s already exists in application %s", name, application)
	}
	if err != nil {
		return p, fmt.Errorf("save pipeline %q of application %q: %w", name, application, err)
	}
	return p, audit(tx, user, "savePipeline", application+"/"+name)
}

func storedPipeline(tx store.Tx, id string) (p spinnaker.Pipeline, exists bool, err error) {
	if id == "" {
		return p, false, nil
	}
	p, err = tx.Pipeline(id)
	if errors.Is(err, store.ErrNotFound) {
		return p, false, nil
	}
	return p, err == nil, err
}

// withCronIDs gives cron triggers ids: those that have none, and all of them in a new configuration.
func withCronIDs(p spinnaker.Pipeline) []any {
	triggers := make([]any, len(p.Triggers))
	for i, t := range p.Triggers {
		if t.Type() == "cron" && (p.ID == "" || t.Text("id") == "") {
			t = spinnaker.Clone(t)
			t["id"] = newID()
		}
		triggers[i] = map[string]any(t)
	}
	return triggers
}

// DeletePipeline deletes a configuration by name, trimmed and in any case; an absent one is no error.
func (c *Catalog) DeletePipeline(tx store.Tx, application, name, user string) error {
	application, name = strings.ToLower(application), strings.TrimSpace(name)
	pipelines, err := tx.Pipelines(application)
	if err != nil {
		return err
	}
	for _, p := range pipelines {
		if !strings.EqualFold(p.Name, name) {
			continue
		}
		if err := tx.DeletePipeline(p.ID); err != nil {
			return fmt.Errorf("delete pipeline %q of application %q: %w", name, application, err)
		}
		return audit(tx, user, "deletePipeline", application+"/"+name)
	}
	return nil
}

// warnings are what is odd about a configuration: it is saved all the same.
func (c *Catalog) warnings(ctx context.Context, p spinnaker.Pipeline) []string {
	var out []string
	for i, stage := range p.Stages {
		where := fmt.Sprintf("stages[%d] (%s)", i, stage.Name)
		known, findings := c.stages.ValidateStage(ctx, stage.Type, stage.Context)
		if !known {
			out = append(out, fmt.Sprintf("%s: nobody provides stage type %q now: install its plugin before the pipeline runs", where, stage.Type))
		}
		for _, finding := range findings {
			out = append(out, where+": "+finding)
		}
	}
	return out
}
