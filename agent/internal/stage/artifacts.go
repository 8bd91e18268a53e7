package stage

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/gennaker/gennaker/agent/internal/artifact"
	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// FindArtifacts is the stage type "findArtifactFromExecution": it takes artifacts over from the newest execution of a
// pipeline that has one of the statuses asked for.
//
// Source: spinnaker/spinnaker orca/orca-core pipeline/FindArtifactFromExecutionStage.java.
func FindArtifacts() Definition {
	return Definition{
		Type: "findArtifactFromExecution", Tasks: []string{"findArtifactFromExecution"},
		Change: func(_ context.Context, c Context) (engine.Result, error) { return findArtifacts(c) },
		Validate: func(config map[string]any) []string {
			f := saving(config)
			if f.missing("pipeline") {
				f.wrong("pipeline", "it is missing: the artifacts of which pipeline are to be found? It is named by its id")
			}
			if len(f.objects("expectedArtifacts")) == 0 && f.of["expectedArtifact"] == nil && !isExpression(f.of["expectedArtifacts"]) {
				f.wrong("expectedArtifacts", "it is missing: which artifacts are to be found?")
			}
			options := f.object("executionOptions")
			for _, key := range []string{"succeeded", "successful", "terminal", "running"} {
				options.flag(key)
			}
			return *f.found
		},
	}
}

func findArtifacts(c Context) (engine.Result, error) {
	expected, err := expectedOf(c.Config)
	if err != nil {
		return failed("%v", err), nil
	}
	pipelineID, statuses := text(c.Config, "pipeline"), wantedStatuses(c.Config)
	if pipelineID == "" {
		return failed("the stage names no pipeline: set its field pipeline to the id of one"), nil
	}
	run, err := NewestRun(c.Tx, pipelineID, statuses...)
	if err != nil {
		return engine.Result{}, err
	}
	var artifacts []spinnaker.Artifact
	switch {
	case run == nil:
	case run.ID == c.Execution.ID: // what is stored of it is older
		artifacts = engine.AllArtifacts(c.Execution.Execution, c.Stage.RefID)
	case pipelineID == c.Execution.PipelineConfigID:
		artifacts = engine.AllArtifacts(run, c.Stage.RefID)
	default:
		artifacts = engine.AllArtifacts(run, "")
	}
	bound, err := artifact.Bind(expected, artifacts)
	if err != nil && run == nil {
		return failed("no execution of pipeline %s of application %q has %s: run it first, or allow more statuses in the stage's executionOptions",
			pipelineID, text(c.Config, "application"), oneOf(statuses)), nil
	}
	if err != nil {
		return failed("%v", engine.Explained(err)), nil
	}
	resolved, err := spinnaker.Plain(bound)
	if err != nil {
		return engine.Result{}, fmt.Errorf("keep the artifacts found: %w", err)
	}
	result := succeeded()
	result.Outputs = map[string]any{"resolvedExpectedArtifacts": resolved}
	for _, one := range bound {
		result.Artifacts = append(result.Artifacts, *one.BoundArtifact)
	}
	return result, nil
}

// NewestRun returns the execution of a pipeline that has started last, of those with one of some statuses if there are any;
// nil when there is none. Those that have not started come last.
//
// Source: spinnaker/spinnaker orca/orca-core pipeline/util/ArtifactUtils.java, getExecutionForPipelineId.
func NewestRun(tx store.Tx, pipelineID string, statuses ...spinnaker.Status) (*spinnaker.Execution, error) {
	const look = 20 // a restart makes an older one the last to start
	query := store.ExecutionQuery{Type: spinnaker.PipelineExecution, PipelineConfigIDs: []string{pipelineID}, Statuses: statuses, Limit: look, Brief: true}
	runs, err := tx.Executions(query)
	if err != nil || len(runs) == 0 {
		return nil, err
	}
	newest := slices.MaxFunc(runs, func(a, b *spinnaker.Execution) int { return cmp.Compare(a.StartTime, b.StartTime) })
	whole, err := tx.Executions(store.ExecutionQuery{IDs: []string{newest.ID}})
	if err != nil || len(whole) == 0 {
		return nil, err
	}
	return whole[0], nil
}

// oneOf says which statuses an execution was to have.
func oneOf(statuses []spinnaker.Status) string {
	if len(statuses) == 0 {
		return "been made yet"
	}
	words := make([]string, len(statuses))
	for i, status := range statuses {
		words[i] = string(status)
	}
	return "the status " + strings.Join(words, " or ")
}

// wantedStatuses are the statuses that the stage's options name; none when they name none.
func wantedStatuses(config map[string]any) []spinnaker.Status {
	options, _ := config["executionOptions"].(map[string]any)
	var statuses []spinnaker.Status
	for _, option := range []struct {
		key    string
		status spinnaker.Status
	}{
		{"succeeded", spinnaker.Succeeded}, {"successful", spinnaker.Succeeded},
		{"terminal", spinnaker.Terminal}, {"running", spinnaker.Running},
	} {
		if wanted, _ := engine.Bool(options[option.key]); wanted && !slices.Contains(statuses, option.status) {
			statuses = append(statuses, option.status)
		}
	}
	return statuses
}

// expectedOf reads what a stage expects: a list, or in old pipelines a single one.
func expectedOf(config map[string]any) ([]spinnaker.ExpectedArtifact, error) {
	given := config["expectedArtifacts"]
	if one, ok := config["expectedArtifact"]; ok && given == nil {
		given = []any{one}
	}
	data, err := json.Marshal(given)
	if err != nil {
		return nil, err
	}
	var expected []spinnaker.ExpectedArtifact
	if err := spinnaker.Decode(data, &expected); err != nil {
		return nil, fmt.Errorf("expectedArtifacts: %w", err)
	}
	return expected, nil
}

// contentsKey is the member of an evaluateArtifacts stage that holds the texts.
const contentsKey = "artifactContents"

// EvaluateArtifacts is the stage type "evaluateArtifacts": texts with expressions become artifacts that hold them. Later
// ones see earlier ones under their names.
//
// Source: spinnaker/spinnaker orca/orca-core pipeline/EvaluateArtifactsStage.java.
func EvaluateArtifacts() Definition {
	return Definition{
		Type: "evaluateArtifacts", Tasks: []string{"evaluateArtifacts", "bindArtifacts"}, Own: []string{contentsKey},
		Run: evaluateArtifacts,
		Validate: func(config map[string]any) []string {
			f := saving(config)
			for _, content := range f.objects(contentsKey) {
				if content.missing("name") {
					content.wrong("name", "it is missing: what is the artifact called?")
				}
			}
			return *f.found
		},
	}
}

func evaluateArtifacts(ctx context.Context, c Context) engine.Result {
	result := succeeded()
	names := map[string]any{}
	left := unevaluatedIn(c.Config, contentsKey)
	for i, content := range objects(c.Config, contentsKey) {
		if content["contents"] == nil {
			continue
		}
		env := c.Env()
		env.Root = names
		evaluated, outcome := c.Expressions.EvalDocument(ctx, content["contents"], env)
		left.add(fmt.Sprintf("%s[%d].contents", contentsKey, i), outcome)
		if !outcome.OK() {
			evaluated = content["contents"]
		}
		body, isText := evaluated.(string)
		if !isText {
			data, err := json.Marshal(evaluated)
			if err != nil {
				return failed("%s: %q: %v", contentsKey, text(content, "name"), err)
			}
			body = string(data)
		}
		name := text(content, "name")
		if name != "" && outcome.OK() {
			names[name] = evaluated
		}
		if body == "" {
			continue
		}
		result.Artifacts = append(result.Artifacts, spinnaker.Artifact{
			Type: artifact.Embedded, ArtifactAccount: artifact.EmbeddedAccount, Name: name, UUID: text(content, "id"),
			Reference: base64.StdEncoding.EncodeToString([]byte(body)),
		})
	}
	left.keep(&result)
	return result
}
