package stage

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/agent/spel"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// Context is what a step sees. A step changes none of it.
type Context struct {
	Execution *engine.Execution
	Stage     *spinnaker.Stage
	// Work is the engine's bookkeeping of the stage, with the stage's own state.
	Work engine.Work
	// Config is the stage's context with its expressions evaluated, all but the members that the type evaluates itself.
	Config map[string]any
	Now    time.Time
	// Expressions is the language of the stage's expressions, Env what they see.
	Expressions *spel.Engine
	Env         func() *spel.Env
	// Tx is the transaction that records the result; nil outside of it.
	Tx store.Tx
	// Start starts another execution in the transaction.
	Start func(Child) (executionID, failure string, err error)
}

// Child is an execution that a stage starts.
type Child struct {
	Pipeline spinnaker.Pipeline
	Trigger  spinnaker.Trigger
	RootID   string
}

// Definition is a stage type.
type Definition struct {
	Type    string
	Aliases []string
	// Tasks are the lines that Spinnaker's UI shows for the stage, as Orca names them.
	Tasks []string
	// Own names the members of the context whose expressions the stage evaluates itself.
	Own []string
	// Timeout is how long a stage of this type may take when the pipeline does not say; zero means no limit. A result
	// that has one of its own replaces it.
	Timeout time.Duration
	// Validate says what is wrong with a configuration that is saved, each text with the field it is about; nil when there
	// is nothing to check.
	Validate func(config map[string]any) []string
	// Outside: the steps reach something outside the agent, so that neither Run nor Cancel is inside the transaction. A
	// type with Run and Change gets Run until it has a state, and Change from then on, inside.
	Outside bool
	// Run performs a step. It changes nothing in the store, so it may run outside the transaction: it does when the stage's
	// expressions ask for something outside. Then the context has no Tx.
	Run func(context.Context, Context) engine.Result
	// Change performs a step that changes the store, always inside the transaction, in place of Run. An error undoes the
	// transaction; it is tried again later.
	Change func(context.Context, Context) (engine.Result, error)
	// Cancel cleans up, inside the transaction unless the type is Outside; nil when there is nothing to clean up.
	Cancel func(context.Context, Context) (engine.Result, error)
}

// Inside says whether the next step of the stage has to run inside the transaction, or may.
func (d Definition) Inside(s *spinnaker.Stage, w *engine.Work) bool {
	if d.Outside {
		return w.Phase != engine.PhaseCancel && d.changes(w)
	}
	return d.Change != nil || w.Phase == engine.PhaseCancel || !engine.AsksOutside(s.Context)
}

// changes says whether the next step is Change.
func (d Definition) changes(w *engine.Work) bool {
	return d.Change != nil && (d.Run == nil || len(w.State) > 0)
}

// Set is the stage types that the agent provides.
type Set struct {
	byType map[string]Definition
}

// NewSet returns a set of stage types. Two definitions of one type are an error.
func NewSet(definitions ...Definition) (*Set, error) {
	set := &Set{byType: map[string]Definition{}}
	for _, definition := range definitions {
		for _, name := range append([]string{definition.Type}, definition.Aliases...) {
			if _, taken := set.byType[name]; taken {
				return nil, fmt.Errorf("stage type %q is defined twice", name)
			}
			set.byType[name] = definition
		}
	}
	return set, nil
}

// Lookup returns the definition of a type or of one of its aliases.
func (s *Set) Lookup(stageType string) (Definition, bool) {
	definition, ok := s.byType[stageType]
	return definition, ok
}

// Types returns the names of all types, sorted.
func (s *Set) Types() []string { return slices.Sorted(maps.Keys(s.byType)) }

// Step is a step of a stage that is due.
type Step struct {
	Execution *engine.Execution
	Stage     *spinnaker.Stage
	Phase     engine.Phase
	Now       time.Time
	// Expressions is the language for the stage's context.
	Expressions *spel.Engine
	// Tx is the transaction that records the result, Start starts another execution in it. Both are nil outside of it.
	Tx    store.Tx
	Start func(Child) (executionID, failure string, err error)
}

// Perform runs a step of a stage of this type, after evaluating the stage's context. An error undoes the transaction.
func (d Definition) Perform(ctx context.Context, step Step) (engine.Result, error) {
	c := Context{
		Execution: step.Execution, Stage: step.Stage, Work: *step.Execution.Work[step.Stage.ID], Config: step.Stage.Context,
		Now: step.Now, Tx: step.Tx, Start: step.Start, Expressions: step.Expressions,
		Env: func() *spel.Env { return engine.Env(step.Execution.Execution, step.Stage) },
	}
	if step.Phase == engine.PhaseCancel && d.Cancel == nil {
		return engine.Result{Status: spinnaker.Canceled}, nil
	}
	if step.Phase == engine.PhaseCancel && !d.Outside {
		return d.Cancel(ctx, c)
	}
	evaluation := engine.EvaluateContext(ctx, step.Expressions, step.Execution, step.Stage, d.Own)
	if evaluation.Context != nil {
		c.Config = evaluation.Context
	}
	if step.Phase == engine.PhaseCancel {
		return d.Cancel(ctx, c)
	}
	var result engine.Result
	var err error
	if d.changes(&c.Work) {
		result, err = d.Change(ctx, c)
	} else {
		result = d.Run(ctx, c)
	}
	if result.Timeout == 0 {
		result.Timeout = d.Timeout
	}
	result.Evaluated, result.Literals = evaluation.Context, evaluation.Literals
	if result.Tasks == nil {
		result.Tasks = d.tasks(result.Status)
	}
	return result, err
}

// tasks shows the type's tasks, all with the status of the stage.
func (d Definition) tasks(status spinnaker.Status) []spinnaker.Task {
	tasks := make([]spinnaker.Task, len(d.Tasks))
	for i, name := range d.Tasks {
		tasks[i] = spinnaker.Task{Name: name, ImplementingClass: name, Status: status}
	}
	return tasks
}

// tasksUpTo shows tasks of which the one at a position is under way, or the last one ended, with the status of the stage.
func tasksUpTo(names []string, at int, status spinnaker.Status) []spinnaker.Task {
	tasks := make([]spinnaker.Task, len(names))
	for i, name := range names {
		tasks[i] = spinnaker.Task{Name: name, ImplementingClass: name, Status: spinnaker.NotStarted}
		switch {
		case i < at || status == spinnaker.Succeeded:
			tasks[i].Status = spinnaker.Succeeded
		case i == at:
			tasks[i].Status = status
		}
	}
	return tasks
}

// succeeded is the result of a stage that has nothing to say.
func succeeded() engine.Result { return engine.Result{Status: spinnaker.Succeeded} }

// failed is the result of a stage that a person must look after.
func failed(format string, args ...any) engine.Result {
	return engine.Result{Status: spinnaker.Terminal, Class: engine.ClassFailed, Message: fmt.Sprintf(format, args...)}
}

// text reads a member of a JSON object as text; numbers and booleans as they are written.
func text(object map[string]any, key string) string {
	switch v := object[key].(type) {
	case nil:
		return ""
	case string:
		return strings.TrimSpace(v)
	default:
		return fmt.Sprint(v)
	}
}

// texts reads a member of a JSON object as a list of texts.
func texts(object map[string]any, key string) []string {
	items, _ := object[key].([]any)
	var out []string
	for _, item := range items {
		if s, ok := item.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// objects reads a member of a JSON object as a list of objects.
func objects(object map[string]any, key string) []map[string]any {
	items, _ := object[key].([]any)
	var out []map[string]any
	for _, item := range items {
		if o, ok := item.(map[string]any); ok {
			out = append(out, o)
		}
	}
	return out
}
