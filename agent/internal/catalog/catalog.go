package catalog

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// Validator knows the stage types.
type Validator interface {
	// ValidateStage says whether anybody provides the stage type, and what is wrong or odd about a configuration of it:
	// the stage without refId, type, name and requisites.
	ValidateStage(ctx context.Context, stageType string, config map[string]any) (known bool, findings []string)
}

// Catalog keeps applications and pipelines in a store. What a caller did wrong is a *spinnaker.Error.
//
// Methods with a store.Tx take part in a transaction of the caller's; the others have their own.
type Catalog struct {
	store  store.Store
	stages Validator
	// zone is that of cron triggers that name none.
	zone string

	mu sync.Mutex
	// index is the one that was asked for last, committed the last one of a state that no rollback can undo.
	index, committed *index
}

// New makes a Catalog. zone is that of cron triggers that name none.
func New(s store.Store, stages Validator, zone string) *Catalog {
	return &Catalog{store: s, stages: stages, zone: zone}
}

// audit records a write in its own transaction.
func audit(tx store.Tx, user, action, target string) error {
	return tx.AddAudit(store.AuditRow{At: tx.Now(), User: user, Action: action, Target: target})
}

// millis is a time stamp as applications and pipelines hold it: a text of milliseconds.
func millis(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }

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
	for i, p := range pipelines {
		if p.Index != nil && *p.Index == i {
			continue
		}
		if pipelines[i], err = p.With(map[string]any{"index": i}); err != nil {
			return nil, fmt.Errorf("number pipeline %q of application %q: %w", p.Name, application, err)
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
	p, err := r.PipelineNamed(application, nameOrID)
	if errors.Is(err, store.ErrNotFound) {
		p, err = r.Pipeline(nameOrID)
	}
	if errors.Is(err, store.ErrNotFound) || err == nil && !strings.EqualFold(p.Application, application) {
		return spinnaker.Pipeline{}, spinnaker.NotFound("Pipeline configuration not found (nameOrId: %s in application %s)", nameOrID, application)
	}
	return p, err
}

// PipelineHistory lists the versions of a configuration, newest first. It outlives the configuration.
func (c *Catalog) PipelineHistory(ctx context.Context, id string, limit int) (versions []spinnaker.Pipeline, err error) {
	err = c.store.View(ctx, func(r store.Reader) (err error) {
		versions, err = r.PipelineHistory(id, limit)
		return err
	})
	if err == nil && len(versions) == 0 {
		err = spinnaker.NotFound("Pipeline configuration not found (id: %s)", id)
	}
	return versions, err
}
