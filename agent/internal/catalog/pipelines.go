package catalog

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

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
	if p, err = stamped(p, stored, application, name, user, tx.Now()); err != nil {
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

// stamped is a configuration with the members that saving sets. stored is the one that it replaces, if any.
func stamped(p, stored spinnaker.Pipeline, application, name, user string, now time.Time) (spinnaker.Pipeline, error) {
	members := map[string]any{
		"name": name, "application": application, "triggers": withCronIDs(p),
		"createTs": millis(now), "updateTs": millis(now), "lastModified": now.UnixMilli(), "lastModifiedBy": user,
	}
	if p.ID == "" {
		members["id"] = uuid.NewString()
	}
	if p.Document["schema"] == nil {
		members["schema"] = "1"
	}
	if stored.ID != "" {
		members["createTs"] = stored.Document["createTs"]
	}
	if p.Index == nil && stored.Index != nil {
		members["index"] = *stored.Index
	}
	return p.With(members)
}

// storedPipeline returns the configuration with that id, if there is one.
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
			t["id"] = uuid.NewString()
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
			return fmt.Errorf("delete pipeline %q of application %q: %w", p.Name, application, err)
		}
		return audit(tx, user, "deletePipeline", application+"/"+p.Name)
	}
	return nil
}

// update runs a change and returns what it returns.
func update[T any](ctx context.Context, s store.Store, change func(tx store.Tx) (T, error)) (T, error) {
	var value T
	err := s.Update(ctx, func(tx store.Tx) (err error) {
		value, err = change(tx)
		return err
	})
	return value, err
}

// SavePipelineNow saves a configuration in a transaction of its own and says what is odd about it.
func (c *Catalog) SavePipelineNow(ctx context.Context, user string, p spinnaker.Pipeline, staleCheck bool) (spinnaker.Pipeline, []string, error) {
	warnings := c.warnings(ctx, p)
	stored, err := update(ctx, c.store, func(tx store.Tx) (spinnaker.Pipeline, error) {
		return c.SavePipeline(tx, p, staleCheck, user)
	})
	return stored, warnings, err
}

// UpdatePipelineNow saves the configuration with that id, which must exist.
func (c *Catalog) UpdatePipelineNow(ctx context.Context, user, id string, p spinnaker.Pipeline, staleCheck bool) (spinnaker.Pipeline, []string, error) {
	if p.ID != "" && p.ID != id {
		return p, nil, spinnaker.Invalid("The provided id %s doesn't match the existing pipeline id %s", p.ID, id)
	}
	warnings := c.warnings(ctx, p)
	stored, err := update(ctx, c.store, func(tx store.Tx) (spinnaker.Pipeline, error) {
		if _, err := tx.Pipeline(id); errors.Is(err, store.ErrNotFound) {
			return p, spinnaker.Invalid("Pipeline configuration not found (id: %s)", id)
		} else if err != nil {
			return p, err
		}
		withID, err := p.With(map[string]any{"id": id})
		if err != nil {
			return p, err
		}
		return c.SavePipeline(tx, withID, staleCheck, user)
	})
	return stored, warnings, err
}

// DeletePipelineNow deletes a configuration by name in a transaction of its own.
func (c *Catalog) DeletePipelineNow(ctx context.Context, user, application, name string) error {
	return c.store.Update(ctx, func(tx store.Tx) error { return c.DeletePipeline(tx, application, name, user) })
}

// ReorderPipelines sets the places of configurations of an application.
func (c *Catalog) ReorderPipelines(ctx context.Context, user, application string, idsToIndices map[string]int) error {
	application = strings.ToLower(application)
	return c.store.Update(ctx, func(tx store.Tx) error {
		for id, place := range idsToIndices {
			if err := move(tx, application, id, place); err != nil {
				return err
			}
		}
		return audit(tx, user, "reorderPipelines", application)
	})
}

func move(tx store.Tx, application, id string, place int) error {
	p, err := tx.Pipeline(id)
	if errors.Is(err, store.ErrNotFound) || err == nil && p.Application != application {
		return spinnaker.NotFound("No pipeline of id %s found", id)
	}
	if err != nil {
		return err
	}
	if p, err = p.With(map[string]any{"index": place}); err != nil {
		return fmt.Errorf("reorder pipeline %q of application %q: %w", p.Name, application, err)
	}
	return tx.PutPipeline(p)
}
