package stage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// Limits of a savePipelinesFromArtifact stage.
const (
	maxPipelines      = 1000
	maxPipelinesBytes = 4 << 20
	fetchTime         = 10 * time.Minute
)

// Members of the stage's context and outputs, as Orca names them.
const (
	pipelinesToSave       = "pipelinesToSave"
	pipelinesCreated      = "pipelinesCreated"
	pipelinesUpdated      = "pipelinesUpdated"
	pipelinesFailedToSave = "pipelinesFailedToSave"
)

// OpenArtifact opens the body of an artifact. temporary says of an error that the same may succeed later.
type OpenArtifact func(ctx context.Context, a spinnaker.Artifact) (body io.ReadCloser, temporary bool, err error)

// SavePipelines is the stage type "savePipelinesFromArtifact": an artifact with configurations of pipelines, by application,
// is fetched in a step outside the transaction; the next step saves them.
//
// Source: spinnaker/spinnaker orca/orca-clouddriver clouddriver/pipeline/pipeline/SavePipelinesFromArtifactStage.java,
// clouddriver/tasks/pipeline/GetPipelinesFromArtifactTask.java, CheckPipelineResultsTask.java.
func SavePipelines(open OpenArtifact, c Catalog) Definition {
	return Definition{
		Type: "savePipelinesFromArtifact", Outside: true, Timeout: fetchTime, Own: []string{pipelinesToSave},
		Run: func(ctx context.Context, s Context) engine.Result { return fetchPipelines(ctx, s, open) },
		Change: func(_ context.Context, s Context) (engine.Result, error) {
			return saveFetched(s, c)
		},
		Validate: func(config map[string]any) []string {
			f := saving(config)
			f.object("pipelinesArtifact")
			if f.missing("pipelinesArtifactId") && f.of["pipelinesArtifact"] == nil {
				f.wrong("pipelinesArtifactId", "it is missing, and so is pipelinesArtifact: which artifact holds the pipelines?")
			}
			return *f.found
		},
	}
}

var saveTasks = []string{"getPipelinesFromArtifact", "preparePipelineToSaveTask", "savePipeline", "checkPipelineResults",
	"checkForRemainingPipelines", "savePipelinesCompleteTask"}

func fetchPipelines(ctx context.Context, c Context, open OpenArtifact) engine.Result {
	result := readPipelines(ctx, c, open)
	result.Tasks = tasksUpTo(saveTasks, 0, result.Status)
	if len(result.State) > 0 {
		result.Tasks = tasksUpTo(saveTasks, 1, result.Status)
	}
	return result
}

// readPipelines fetches the artifact and reads it.
func readPipelines(ctx context.Context, c Context, open OpenArtifact) engine.Result {
	source, err := artifactNamed(c, "pipelinesArtifactId", "pipelinesArtifact")
	if err != nil {
		return failed("%v", err)
	}
	body, temporary, err := open(ctx, source)
	var data []byte
	if err == nil {
		data, err = io.ReadAll(io.LimitReader(body, maxPipelinesBytes+1))
		err = errors.Join(err, body.Close())
		temporary = true
	}
	if err != nil && temporary {
		return engine.Result{Status: spinnaker.Running, Class: engine.ClassRetryable, Message: err.Error()}
	}
	if err != nil {
		return failed("%v", err)
	}
	if len(data) > maxPipelinesBytes {
		return failed("artifact %s %q: it has more than %d bytes of pipelines", source.Type, source.Name, maxPipelinesBytes)
	}
	list, err := pipelinesIn(data)
	if err != nil {
		return failed("artifact %s %q: %v", source.Type, source.Name, err)
	}
	return engine.Result{Status: spinnaker.Running, Context: map[string]any{pipelinesToSave: list}, State: []byte(`{"fetched":true}`)}
}

// artifactNamed is the artifact that a stage names by the id of an expected one, or holds itself.
//
// Source: spinnaker/spinnaker orca/orca-core pipeline/util/ArtifactUtils.java, getBoundArtifactForStage.
func artifactNamed(c Context, idKey, inlineKey string) (spinnaker.Artifact, error) {
	id := text(c.Config, idKey)
	for _, expected := range engine.ResolvedArtifacts(c.Execution.Execution, c.Stage) {
		if expected.ID != id || expected.BoundArtifact == nil {
			continue
		}
		bound := *expected.BoundArtifact
		if bound.ArtifactAccount == "" && expected.MatchArtifact != nil {
			bound.ArtifactAccount = expected.MatchArtifact.ArtifactAccount
		}
		return bound, nil
	}
	if id != "" {
		return spinnaker.Artifact{}, fmt.Errorf("No artifact could be bound to '%s'", id) //lint:ignore ST1005 Spinnaker's users know this text
	}
	inline, err := json.Marshal(c.Config[inlineKey])
	if err != nil {
		return spinnaker.Artifact{}, err
	}
	var a spinnaker.Artifact
	if err := spinnaker.Decode(inline, &a); err != nil {
		return a, fmt.Errorf("%s: %w", inlineKey, err)
	}
	if a.Type == "" {
		return a, fmt.Errorf("%s and %s are missing: which artifact holds the pipelines?", idKey, inlineKey)
	}
	return a, nil
}

// pipelinesIn reads the configurations in an artifact, by application, and puts them into one list.
func pipelinesIn(data []byte) ([]any, error) {
	var byApplication map[string][]map[string]any
	if err := spinnaker.Decode(data, &byApplication); err != nil {
		return nil, fmt.Errorf(`it is no JSON object of the form {"application": [pipelines]}: %w`, err)
	}
	list := []any{}
	for _, application := range slices.Sorted(maps.Keys(byApplication)) {
		for _, pipeline := range byApplication[application] {
			if len(pipeline) == 0 {
				continue
			}
			pipeline["application"] = application
			list = append(list, pipeline)
		}
	}
	if len(list) == 0 {
		return nil, errors.New("it has no pipelines to save")
	}
	if len(list) > maxPipelines {
		return nil, fmt.Errorf("it has %d pipelines; at most %d are saved at once", len(list), maxPipelines)
	}
	return list, nil
}

// saveFetched saves the pipelines that were fetched. One that is refused fails the stage in the end, and no other one.
func saveFetched(s Context, c Catalog) (engine.Result, error) {
	created, updated, refusals := []any{}, []any{}, []any{}
	var said []string
	for _, document := range objects(s.Stage.Context, pipelinesToSave) {
		saved, existed, err := saveOne(s, c, document)
		reference := map[string]any{"application": document["application"], "name": document["name"], "id": saved.ID}
		var refusal *spinnaker.Error
		switch {
		case errors.As(err, &refusal):
			reference["id"] = document["id"]
			refusals = append(refusals, reference)
			said = append(said, fmt.Sprintf("pipeline %q of application %q was not saved: %s", text(document, "name"), text(document, "application"), refusal.Message))
		case err != nil:
			return engine.Result{}, err
		case existed:
			updated = append(updated, reference)
		default:
			created = append(created, reference)
		}
	}
	result := succeeded()
	if len(said) > 0 {
		result = failed("%s", said[0])
		result.Errors = said[1:]
	}
	result.Outputs = map[string]any{pipelinesCreated: created, pipelinesUpdated: updated, pipelinesFailedToSave: refusals}
	result.Context = maps.Clone(result.Outputs)
	result.Context[pipelinesToSave] = []any{}
	result.Tasks = tasksUpTo(saveTasks, len(saveTasks)-1, result.Status)
	return result, nil
}

// saveOne saves a pipeline in place of the one of its name, if there is one.
func saveOne(s Context, c Catalog, document map[string]any) (saved spinnaker.Pipeline, existed bool, err error) {
	stored, existed, err := pipelineNamed(s.Tx, text(document, "application"), text(document, "name"))
	if err != nil {
		return saved, existed, err
	}
	document = spinnaker.Clone(document)
	if existed {
		document["id"] = stored.ID
	}
	pipeline, err := spinnaker.PipelineOf(document)
	if err != nil {
		return saved, existed, spinnaker.Invalid("%v", err)
	}
	saved, err = c.SavePipeline(s.Tx, pipeline, false, s.user())
	return saved, existed, err
}

// pipelineNamed finds a pipeline of an application by its name.
func pipelineNamed(tx store.Tx, application, name string) (spinnaker.Pipeline, bool, error) {
	pipelines, err := tx.Pipelines(strings.ToLower(application))
	if err != nil {
		return spinnaker.Pipeline{}, false, err
	}
	for _, p := range pipelines {
		if p.Name == name {
			return p, true, nil
		}
	}
	return spinnaker.Pipeline{}, false, nil
}
