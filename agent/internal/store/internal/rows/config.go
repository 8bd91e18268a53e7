package rows

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// Application implements store.Reader.
func (r *Reader) Application(name string) (spinnaker.Application, error) {
	return one(&r.scope, notFound("application", name), scanApplication,
		"SELECT attributes FROM application WHERE name = $1"+r.share, strings.ToLower(name))
}

// Applications implements store.Reader.
func (r *Reader) Applications() ([]spinnaker.Application, error) {
	return list(&r.scope, scanApplication, "SELECT attributes FROM application ORDER BY name")
}

func scanApplication(rows Rows) (spinnaker.Application, error) {
	var text []byte
	if err := rows.Scan(&text); err != nil {
		return nil, err
	}
	var application spinnaker.Application
	if err := spinnaker.Decode(text, &application); err != nil {
		return nil, fmt.Errorf("read a stored application: %w", err)
	}
	return application, nil
}

// Pipeline implements store.Reader.
func (r *Reader) Pipeline(id string) (spinnaker.Pipeline, error) {
	return one(&r.scope, notFound("pipeline", id), scanPipeline, "SELECT document FROM pipeline WHERE id = $1"+r.share, id)
}

// PipelineNamed implements store.Reader.
func (r *Reader) PipelineNamed(application, name string) (spinnaker.Pipeline, error) {
	return one(&r.scope, notFound("pipeline", name), scanPipeline,
		"SELECT document FROM pipeline WHERE application = $1 AND name = $2"+r.share, strings.ToLower(application), strings.ToLower(name))
}

// Pipelines implements store.Reader.
func (r *Reader) Pipelines(application string) ([]spinnaker.Pipeline, error) {
	if application == "" {
		return list(&r.scope, scanPipeline,
			"SELECT document FROM pipeline ORDER BY application, position IS NULL, position, name")
	}
	return list(&r.scope, scanPipeline,
		"SELECT document FROM pipeline WHERE application = $1 ORDER BY position IS NULL, position, name",
		strings.ToLower(application))
}

// PipelineStates implements store.Reader.
func (r *Reader) PipelineStates() ([]store.PipelineState, error) {
	return list(&r.scope, func(rows Rows) (v store.PipelineState, err error) {
		err = rows.Scan(&v.ID, &v.Version)
		return v, err
	}, `SELECT id, COALESCE((SELECT MAX(seq) FROM pipeline_version WHERE pipeline_id = pipeline.id), 0)
		FROM pipeline ORDER BY application, position IS NULL, position, name`)
}

// PipelineHistory implements store.Reader.
func (r *Reader) PipelineHistory(id string, limit int) ([]spinnaker.Pipeline, error) {
	return list(&r.scope, scanPipeline,
		"SELECT document FROM pipeline_version WHERE pipeline_id = $1 ORDER BY seq DESC LIMIT $2", id, limited(limit))
}

func scanPipeline(rows Rows) (spinnaker.Pipeline, error) {
	var text []byte
	if err := rows.Scan(&text); err != nil {
		return spinnaker.Pipeline{}, err
	}
	return pipelineOf(text)
}

func pipelineOf(text []byte) (spinnaker.Pipeline, error) {
	var p spinnaker.Pipeline
	if err := p.UnmarshalJSON(text); err != nil {
		return spinnaker.Pipeline{}, fmt.Errorf("read a stored pipeline: %w", err)
	}
	return p, nil
}

// Generation implements store.Reader.
func (r *Reader) Generation() (int64, error) {
	return one(&r.scope, errors.New("the generation's row is gone"), scanned[int64],
		"SELECT value FROM counter WHERE name = 'generation'")
}

// changed says that applications or pipelines are no longer what they were.
func (t *Tx) changed() error {
	generation, err := t.generation()
	if err != nil {
		return err
	}
	return t.queue("UPDATE counter SET value = $1 WHERE name = 'generation'", generation)
}

// PutApplication implements store.Tx.
func (t *Tx) PutApplication(application spinnaker.Application) error {
	if application.Name() == "" {
		return errors.New("save an application: it has no name")
	}
	text, err := textOf(application)
	if err == nil {
		_, err = t.exec(`INSERT INTO application (name, attributes) VALUES ($1, $2)
			ON CONFLICT (name) DO UPDATE SET attributes = excluded.attributes`, application.Name(), text)
	}
	if err != nil {
		return fmt.Errorf("save application %q: %w", application.Name(), err)
	}
	return t.changed()
}

// DeleteApplication implements store.Tx.
func (t *Tx) DeleteApplication(name string) error {
	name = strings.ToLower(name)
	if _, err := t.exec("DELETE FROM pipeline WHERE application = $1", name); err != nil {
		return fmt.Errorf("delete the pipelines of application %q: %w", name, err)
	}
	if _, err := t.exec("DELETE FROM application WHERE name = $1", name); err != nil {
		return fmt.Errorf("delete application %q: %w", name, err)
	}
	return t.changed()
}

// PutPipeline implements store.Tx.
func (t *Tx) PutPipeline(p spinnaker.Pipeline) error {
	if p.ID == "" || p.Application == "" || p.Name == "" {
		return fmt.Errorf("save pipeline %q (id %q) of application %q: it needs id, name and application", p.Name, p.ID, p.Application)
	}
	if err := t.putPipeline(p); err != nil {
		return fmt.Errorf("save pipeline %q of application %q: %w", p.Name, p.Application, err)
	}
	return t.changed()
}

func (t *Tx) putPipeline(p spinnaker.Pipeline) error {
	application, name := strings.ToLower(p.Application), strings.ToLower(p.Name)
	other, err := list(&t.scope, scanned[string],
		"SELECT id FROM pipeline WHERE application = $1 AND name = $2 AND id <> $3", application, name, p.ID)
	if err != nil {
		return err
	}
	if len(other) > 0 {
		return fmt.Errorf("a pipeline of that name (id %q): %w", other[0], store.ErrExists)
	}
	text, err := textOf(p)
	if err != nil {
		return err
	}
	_, err = t.exec(`INSERT INTO pipeline (id, application, name, position, document) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (id) DO UPDATE SET application = excluded.application, name = excluded.name,
			position = excluded.position, document = excluded.document`, p.ID, application, name, p.Index, text)
	if err != nil {
		return err
	}
	_, err = t.exec("INSERT INTO pipeline_version (pipeline_id, document) VALUES ($1, $2)", p.ID, text)
	return err
}

// DeletePipeline implements store.Tx.
func (t *Tx) DeletePipeline(id string) error {
	if _, err := t.exec("DELETE FROM pipeline WHERE id = $1", id); err != nil {
		return fmt.Errorf("delete pipeline %q: %w", id, err)
	}
	return t.changed()
}
