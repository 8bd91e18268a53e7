package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/spel"
	"github.com/gennaker/gennaker/api/client"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// evaluated is what became of a text with expressions.
type evaluated struct {
	Value   json.RawMessage `json:"value"`
	Problem *problem        `json:"problem,omitempty"`
}

// problem says why a text could not be evaluated. Its value is then the text itself, as in a pipeline.
type problem struct {
	Message string `json:"message"`
	// Expression is the failing expression, Line and Column the failing step in it; zero when the position is unknown.
	Expression string `json:"expression,omitempty"`
	Line       int    `json:"line,omitempty"`
	Column     int    `json:"column,omitempty"`
	Suggestion string `json:"suggestion,omitempty"`
	detail     string
}

// evaluator evaluates the text at a place. Its error is not the expression's.
type evaluator func(context.Context, place) (evaluated, error)

// evaluateHere evaluates in this process.
func evaluateHere(ctx context.Context, engine *spel.Engine, text string, env *spel.Env) (evaluated, error) {
	value, summary := engine.EvalTemplate(ctx, text, env)
	data, err := json.Marshal(value)
	if err != nil {
		return evaluated{}, fmt.Errorf("the value is not JSON: %w", err)
	}
	return evaluated{data, problemOf(summary)}, nil
}

// problemOf is the first problem of an evaluation.
func problemOf(summary *spel.Summary) *problem {
	if summary.OK() || len(summary.Warnings) == 0 {
		return nil
	}
	return problemFrom(summary.Warnings[0].Err)
}

func problemFrom(failed *spel.Error) *problem {
	p := &problem{Message: failed.Error(), Expression: failed.Expr, Suggestion: failed.Suggestion, detail: failed.Detail()}
	p.Line, p.Column = failed.Position()
	return p
}

// refused is an expression that does not parse.
func refused(text string, err error) evaluated {
	value, _ := json.Marshal(text) // a text always has a JSON form
	if failed := (*spel.Error)(nil); errors.As(err, &failed) {
		return evaluated{value, problemFrom(failed)}
	}
	return evaluated{value, &problem{Message: err.Error(), detail: err.Error()}}
}

// remoteEvaluator has the agent evaluate as an execution sees it, or one of its stages when that is not nil.
func remoteEvaluator(agent *client.Client, local *spel.Engine, execution *spinnaker.Execution, stage *spinnaker.Stage) evaluator {
	path := "/pipelines/" + url.PathEscape(execution.ID)
	if stage != nil {
		path += "/" + url.PathEscape(stage.ID)
	}
	env := engine.Env(execution, stage)
	return func(ctx context.Context, p place) (evaluated, error) {
		var answer struct {
			Result json.RawMessage         `json:"result"`
			Detail map[string][1]spel.Note `json:"detail"`
		}
		if err := agent.Get(ctx, path+"/evaluateExpression?expression="+url.QueryEscape(p.text), &answer); err != nil {
			return evaluated{}, err
		}
		result := evaluated{Value: answer.Result}
		for _, notes := range answer.Detail { // of one text there is one at most
			_, here := local.EvalTemplate(ctx, p.text, env)
			result.Problem = explain(notes[0].Description, here)
		}
		return result, nil
	}
}

// explain describes what failed on the agent. Its answer, which is Spinnaker's, has no position; this process knows it if
// the same fails here.
func explain(description string, here *spel.Summary) *problem {
	for _, warning := range here.Warnings {
		if warning.Null || strings.Contains(description, strings.ReplaceAll(warning.Err.Error(), "$", "")) {
			return problemOf(here)
		}
	}
	return &problem{Message: description, detail: description}
}

// stageOf finds a stage by its refId or id.
func stageOf(execution *spinnaker.Execution, name string) (*spinnaker.Stage, error) {
	var refs []string
	for _, stage := range execution.Stages {
		if stage.ID == name || stage.RefID == name {
			return stage, nil
		}
		refs = append(refs, stage.RefID+" ("+stage.Name+")")
	}
	return nil, fmt.Errorf("--stage: execution %s has no stage %q; it has: %s", execution.ID, name, strings.Join(refs, ", "))
}
