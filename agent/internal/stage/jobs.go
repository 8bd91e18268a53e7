package stage

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"

	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// Catalog keeps applications and pipelines. Its methods work in the transaction given; an error means that they have
// written nothing.
type Catalog interface {
	SaveApplication(tx store.Tx, application spinnaker.Application, user string) (previous, saved spinnaker.Application, err error)
	DeleteApplication(tx store.Tx, name, user string) error
	// SavePipeline creates or replaces a configuration and returns it as stored. With staleCheck its updateTs must be
	// the stored one's.
	SavePipeline(tx store.Tx, pipeline spinnaker.Pipeline, staleCheck bool, user string) (spinnaker.Pipeline, error)
	DeletePipeline(tx store.Tx, application, name, user string) error
}

// Jobs are the stage types of the tasks that Gate's clients submit (POST /tasks).
//
// Source: spinnaker/spinnaker orca/orca-applications, orca/orca-front50 pipeline/SavePipelineStage.java and others.
func Jobs(c Catalog) []Definition {
	own := []string{"application", "pipeline"}
	job := func(name, task string, run func(Context, Catalog) (engine.Result, error), aliases ...string) Definition {
		return Definition{
			Type: name, Aliases: aliases, Tasks: []string{task}, Own: own,
			Change: func(_ context.Context, s Context) (engine.Result, error) { return refused(run(s, c)) },
		}
	}
	return []Definition{
		job("createApplication", "upsertApplicationTask", saveApplication, "upsertApplication"),
		job("updateApplication", "upsertApplicationTask", saveApplication),
		job("deleteApplication", "deleteApplication", deleteApplication),
		job("savePipeline", "savePipeline", savePipeline),
		job("updatePipeline", "updatePipeline", savePipeline),
		job("deletePipeline", "deletePipeline", deletePipeline),
	}
}

// refused makes a refusal of the catalog the failure of the job. Any other error is the store's.
func refused(result engine.Result, err error) (engine.Result, error) {
	var refusal *spinnaker.Error
	if errors.As(err, &refusal) {
		result = failed("%s", refusal.Message)
		result.Errors = refusal.Errors
		return result, nil
	}
	return result, err
}

func saveApplication(s Context, c Catalog) (engine.Result, error) {
	application, ok := s.Stage.Context["application"].(map[string]any)
	if !ok {
		return failed("the job has no object `application` with the application's attributes"), nil
	}
	previous, saved, err := c.SaveApplication(s.Tx, spinnaker.Clone(application), s.user())
	if err != nil {
		return engine.Result{}, err
	}
	result := succeeded()
	result.Context = map[string]any{
		"notification.type": "upsertapplication", "newState": map[string]any(saved), "previousState": map[string]any{},
	}
	if previous != nil {
		result.Context["previousState"] = map[string]any(previous)
	}
	return result, nil
}

func deleteApplication(s Context, c Catalog) (engine.Result, error) {
	application, _ := s.Stage.Context["application"].(map[string]any)
	name := text(application, "name")
	if name == "" {
		return failed("the job has no application.name: which application is to be deleted?"), nil
	}
	result := succeeded()
	result.Context = map[string]any{"notification.type": "deleteapplication"}
	return result, c.DeleteApplication(s.Tx, name, s.user())
}

func savePipeline(s Context, c Catalog) (engine.Result, error) {
	pipeline, problem := s.pipeline()
	if problem != "" {
		return failed("%s", problem), nil
	}
	stale, _ := engine.Bool(s.Stage.Context["staleCheck"])
	saved, err := c.SavePipeline(s.Tx, pipeline, stale, s.user())
	result := succeeded()
	result.Context = map[string]any{
		"notification.type": "savepipeline", "application": saved.Application,
		"pipeline.name": saved.Name, "pipeline.id": saved.ID,
	}
	return result, err
}

func deletePipeline(s Context, c Catalog) (engine.Result, error) {
	pipeline, problem := s.pipeline()
	if problem != "" {
		return failed("%s", problem), nil
	}
	return succeeded(), c.DeletePipeline(s.Tx, pipeline.Application, pipeline.Name, s.user())
}

// pipeline reads the pipeline of a job: an object, or the base64 of its JSON. problem says why that is not possible.
func (c Context) pipeline() (pipeline spinnaker.Pipeline, problem string) {
	var document map[string]any
	switch given := c.Stage.Context["pipeline"].(type) {
	case map[string]any:
		document = spinnaker.Clone(given)
	case string:
		data, err := decodeBase64(given)
		if err != nil {
			return pipeline, "the job's `pipeline` is not base64: " + err.Error()
		}
		if err := spinnaker.Decode(data, &document); err != nil {
			return pipeline, "the job's `pipeline` is not the base64 of a JSON object: " + err.Error()
		}
	default:
		return pipeline, "the job has no `pipeline`: the base64 of the pipeline's JSON"
	}
	pipeline, err := spinnaker.PipelineOf(document)
	if err != nil {
		return pipeline, err.Error()
	}
	return pipeline, ""
}

// decodeBase64 reads base64 of either alphabet, padded or not.
func decodeBase64(text string) ([]byte, error) {
	text = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(strings.TrimSpace(text), "="))
	return base64.RawStdEncoding.DecodeString(text)
}

// user is as whom the stage runs.
func (c Context) user() string { return engine.User(c.Execution.Execution, c.Stage) }
