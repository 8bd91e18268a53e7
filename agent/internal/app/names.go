package app

import (
	"context"
	"errors"
	"net/http"

	"github.com/gennaker/gennaker/agent/internal/catalog"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// names are the applications and pipelines that expressions may ask for.
type names struct{ catalog *catalog.Catalog }

// PipelineID implements spel.Catalog.
func (n names) PipelineID(ctx context.Context, application, name string) (string, error) {
	p, err := n.catalog.Pipeline(ctx, application, name)
	return p.ID, unlessMissing(err)
}

// Application implements spel.Catalog.
func (n names) Application(ctx context.Context, name string) (map[string]any, error) {
	application, err := n.catalog.Application(ctx, name)
	return application, unlessMissing(err)
}

// unlessMissing drops the error of a thing that is not there.
func unlessMissing(err error) error {
	if answer := (*spinnaker.Error)(nil); errors.As(err, &answer) && answer.Status == http.StatusNotFound {
		return nil
	}
	return err
}
