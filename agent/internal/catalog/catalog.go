package catalog

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// Validator knows the stage types.
type Validator interface {
	// ValidateStage says whether anybody provides the stage type, and what is wrong or odd about a configuration of it.
	ValidateStage(ctx context.Context, stageType string, config map[string]any) (known bool, findings []string)
}

// Catalog keeps applications and pipelines in a store.
type Catalog struct {
	store  store.Store
	stages Validator

	mu    sync.Mutex
	index *index
}

// New makes a Catalog.
func New(s store.Store, stages Validator) *Catalog { return &Catalog{store: s, stages: stages} }

// audit records a write in its own transaction.
func audit(tx store.Tx, user, action, target string) error {
	return tx.AddAudit(store.AuditRow{At: tx.Now(), User: user, Action: action, Target: target})
}

// millis is a time stamp as applications and pipelines hold it: a text of milliseconds.
func millis(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }

func newID() string { return uuid.NewString() }

// view reads from the store and turns a missing row into the API's 404 text.
func (c *Catalog) view(ctx context.Context, read func(store.Reader) error, missing string, args ...any) error {
	err := c.store.View(ctx, read)
	if errors.Is(err, store.ErrNotFound) {
		return spinnaker.NotFound(missing, args...)
	}
	return err
}

// Applications lists all applications by name.
func (c *Catalog) Applications(ctx context.Context) (applications []spinnaker.Application, err error) {
	err = c.store.View(ctx, func(r store.Reader) (err error) {
		applications, err = r.Applications()
		return err
	})
	return applications, err
}

// Application returns an application's attributes.
func (c *Catalog) Application(ctx context.Context, name string) (application spinnaker.Application, err error) {
	err = c.view(ctx, func(r store.Reader) (err error) {
		application, err = r.Application(name)
		return err
	}, "Application not found (id: %s)", name)
	return application, err
}

// Pipelines lists the configurations of an application, or all of them when it is "". Those of one application are
// numbered from 0 in `index`: Deck saves every configuration whose index differs from its place.
func (c *Catalog) Pipelines(ctx context.Context, application string) (pipelines []spinnaker.Pipeline, err error) {
	err = c.store.View(ctx, func(r store.Reader) (err error) {
		pipelines, err = r.Pipelines(strings.ToLower(application))
		return err
	})
	if err != nil || application == "" {
		return pipelines, err
	}
	for i := range pipelines {
		if pipelines[i], err = pipelines[i].With(map[string]any{"index": i}); err != nil {
			return nil, err
		}
	}
	return pipelines, nil
}

// Pipeline finds a configuration of an application by its exact name, then by its name in another case when only one
// fits, then by its id.
func (c *Catalog) Pipeline(ctx context.Context, application, nameOrID string) (p spinnaker.Pipeline, err error) {
	err = c.store.View(ctx, func(r store.Reader) (err error) {
		p, err = find(r, application, nameOrID)
		return err
	})
	return p, err
}

func find(r store.Reader, application, nameOrID string) (spinnaker.Pipeline, error) {
	pipelines, err := r.Pipelines(strings.ToLower(application))
	if err != nil {
		return spinnaker.Pipeline{}, err
	}
	var alike []spinnaker.Pipeline
	for _, p := range pipelines {
		if p.Name == nameOrID {
			return p, nil
		}
		if strings.EqualFold(p.Name, nameOrID) {
			alike = append(alike, p)
		}
	}
	if len(alike) == 1 {
		return alike[0], nil
	}
	for _, p := range pipelines {
		if p.ID == nameOrID {
			return p, nil
		}
	}
	return spinnaker.Pipeline{}, spinnaker.NotFound("Pipeline configuration not found (nameOrId: %s in application %s)", nameOrID, application)
}

// PipelineHistory lists the versions of a configuration, newest first.
func (c *Catalog) PipelineHistory(ctx context.Context, id string, limit int) (versions []spinnaker.Pipeline, err error) {
	err = c.store.View(ctx, func(r store.Reader) (err error) {
		versions, err = r.PipelineHistory(id, limit)
		return err
	})
	return versions, err
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
	return c.store.Update(ctx, func(tx store.Tx) error {
		for id, place := range idsToIndices {
			p, err := tx.Pipeline(id)
			if errors.Is(err, store.ErrNotFound) || err == nil && p.Application != application {
				return spinnaker.NotFound("No pipeline of id %s found", id)
			}
			if err != nil {
				return err
			}
			if p, err = p.With(map[string]any{"index": place}); err != nil {
				return err
			}
			if err := tx.PutPipeline(p); err != nil {
				return fmt.Errorf("reorder pipeline %q: %w", p.Name, err)
			}
		}
		return audit(tx, user, "reorderPipelines", application)
	})
}
