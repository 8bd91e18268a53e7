package runner_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/internal/runner"
	"github.com/gennaker/gennaker/agent/internal/stage"
	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// shelf is the smallest catalog: what it is given goes to the store.
type shelf struct {
	// failing makes that many calls fail as a store does.
	failing atomic.Int32
}

var errAway = errors.New("the disk is away")

func (s *shelf) SaveApplication(tx store.Tx, application spinnaker.Application, user string) (previous, saved spinnaker.Application, err error) {
	if s.failing.Add(-1) >= 0 {
		return nil, nil, errAway
	}
	if application["email"] == nil {
		return nil, nil, spinnaker.Invalid("Application must have a non-empty email")
	}
	previous, err = tx.Application(application.Name())
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, nil, err
	}
	application["user"] = user
	return previous, application, tx.PutApplication(application)
}

func (s *shelf) DeleteApplication(tx store.Tx, name, _ string) error {
	return tx.DeleteApplication(name)
}

func (s *shelf) SavePipeline(tx store.Tx, p spinnaker.Pipeline, stale bool, _ string) (spinnaker.Pipeline, error) {
	if stale {
		return p, spinnaker.Invalid("The submitted pipeline is stale.")
	}
	if p.Name == "bad" {
		return p, spinnaker.Invalid("it is bad")
	}
	if p.ID == "" {
		var err error
		if p, err = p.With(map[string]any{"id": "new-" + p.Application + "-" + p.Name}); err != nil {
			return p, err
		}
	}
	return p, tx.PutPipeline(p)
}

func (s *shelf) DeletePipeline(tx store.Tx, _, name, _ string) error { return tx.DeletePipeline(name) }

// TestTasks runs the jobs of POST /tasks.
func TestTasks(t *testing.T) {
	catalog := &shelf{}
	set, err := stage.NewSet(stage.Jobs(catalog)...)
	if err != nil {
		t.Fatal(err)
	}
	b := start(t, openStore(t), &plugins{}, func(o *runner.Options) { o.Stages = set; o.Grace = 1 })
	encoded := base64.StdEncoding.EncodeToString([]byte(`{"application":"shop","name":"p","id":"p","stages":[]}`))
	app := map[string]any{"name": "shop", "email": "ann@example.com"}
	for _, test := range []struct {
		name     string
		jobs     []map[string]any
		statuses string
		failure  string
	}{
		{"create an application", []map[string]any{{"type": "createApplication", "application": app}}, "SUCCEEDED 0=SUCCEEDED", ""},
		{"update it", []map[string]any{{"type": "updateApplication", "application": app}}, "SUCCEEDED 0=SUCCEEDED", ""},
		{"without an email", []map[string]any{{"type": "createApplication", "application": map[string]any{"name": "x"}}},
			"TERMINAL 0=TERMINAL", "Application must have a non-empty email"},
		{"without an application", []map[string]any{{"type": "createApplication"}},
			"TERMINAL 0=TERMINAL", "the job has no object `application` with the application's attributes"},
		{"save a pipeline, then another job", []map[string]any{{"type": "savePipeline", "pipeline": encoded}, {"type": "updateApplication", "application": app}},
			"SUCCEEDED 0=SUCCEEDED 1=SUCCEEDED", ""},
		{"a stale pipeline", []map[string]any{{"type": "savePipeline", "pipeline": encoded, "staleCheck": true}, {"type": "updateApplication", "application": app}},
			"TERMINAL 0=TERMINAL 1=NOT_STARTED", "The submitted pipeline is stale."},
		{"no base64", []map[string]any{{"type": "savePipeline", "pipeline": "{}"}},
			"TERMINAL 0=TERMINAL", "the job's `pipeline` is not base64: illegal base64 data at input byte 0"},
		{"no pipeline", []map[string]any{{"type": "deletePipeline"}},
			"TERMINAL 0=TERMINAL", "the job has no `pipeline`: the base64 of the pipeline's JSON"},
		{"delete a pipeline", []map[string]any{{"type": "deletePipeline", "pipeline": encoded}}, "SUCCEEDED 0=SUCCEEDED", ""},
		{"delete the application", []map[string]any{{"type": "deleteApplication", "application": map[string]any{"name": "shop"}}}, "SUCCEEDED 0=SUCCEEDED", ""},
		{"delete nothing", []map[string]any{{"type": "deleteApplication"}},
			"TERMINAL 0=TERMINAL", "the job has no application.name: which application is to be deleted?"},
	} {
		ex := b.ended(b.submit(test.jobs))
		expect(t, test.name, statuses(ex), test.statuses)
		if test.failure != "" {
			expect(t, test.name, strings.Join(engine.Errors(ex.Stages[0]), "|"), test.failure)
		}
	}

	// A failure of the store is not the job's: the task is not accepted then, and may be submitted again.
	create := []map[string]any{{"type": "createApplication", "application": app}}
	catalog.failing.Store(1)
	if _, err := b.trySubmit(create); !errors.Is(err, errAway) {
		t.Errorf("a task whose job the store could not keep: %v, expected %v", err, errAway)
	}
	ex := b.ended(b.submit(create))
	expect(t, "after a failure of the store", statuses(ex), "SUCCEEDED 0=SUCCEEDED")
	expect(t, "user", fmt.Sprint(ex.Stages[0].Context["newState"].(map[string]any)["user"]), "ann")
	expect(t, "task", ex.Stages[0].Tasks[0].Name+" "+string(ex.Stages[0].Tasks[0].Status), "upsertApplicationTask SUCCEEDED")
}

func (b *bench) submit(jobs []map[string]any) string {
	b.t.Helper()
	id, err := b.trySubmit(jobs)
	if err != nil {
		b.t.Fatal(err)
	}
	return id
}

func (b *bench) trySubmit(jobs []map[string]any) (id string, err error) {
	err = b.store.Update(b.t.Context(), func(tx store.Tx) (err error) {
		id, err = b.runner.StartTask(tx, "shop", "a task", jobs, "ann")
		return err
	})
	return id, err
}
