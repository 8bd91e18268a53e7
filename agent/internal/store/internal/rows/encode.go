package rows

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// executionRow is an execution as its rows hold it. Two of them are compared to find out what has to be written.
type executionRow struct {
	id      string
	head    string
	order   string
	waiting bool
	parts   parts
	stages  map[string]*stageRow
}

// stageRow is a stage as its rows hold it.
type stageRow struct {
	head  string
	work  string
	state string
	phase string
	// due is in microseconds; nil when the stage is not due before an event.
	due   any
	parts parts
}

// parts are the documents of an execution or stage that may be large, by name.
type parts map[string]string

// add encodes a value unless it is empty.
func (p parts) add(name string, value any, size int) error {
	if size == 0 {
		return nil
	}
	text, err := textOf(value)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	p[name] = text
	return nil
}

// read decodes a part that is there.
func (p parts) read(name string, into any) error {
	text, there := p[name]
	if !there {
		return nil
	}
	if err := spinnaker.Decode([]byte(text), into); err != nil {
		return fmt.Errorf("read the stored %s: %w", name, err)
	}
	return nil
}

// The names of the parts.
const (
	partTrigger = "trigger"
	// partParent is the trigger's parentExecution.
	partParent  = "parent"
	partConfig  = "config"
	partContext = "context"
	partOutputs = "outputs"
)

// config is what an execution was launched with, apart from the trigger: members of the execution under their own names.
type config struct {
	InitialConfig       map[string]any `json:"initialConfig,omitempty"`
	Notifications       []any          `json:"notifications,omitempty"`
	SystemNotifications []any          `json:"systemNotifications,omitempty"`
	TemplateVariables   map[string]any `json:"templateVariables,omitempty"`
}

func (c config) size() int {
	return len(c.InitialConfig) + len(c.Notifications) + len(c.SystemNotifications) + len(c.TemplateVariables)
}

// encode turns an execution into its rows.
func encode(ex *engine.Execution) (*executionRow, error) {
	if ex.ID == "" {
		return nil, errors.New("it has no id")
	}
	row := &executionRow{id: ex.ID, waiting: ex.Waiting, parts: parts{}, stages: make(map[string]*stageRow, len(ex.Stages))}
	launched := config{ex.InitialConfig, ex.Notifications, ex.SystemNotifications, ex.TemplateVariables}
	if err := row.parts.add(partConfig, launched, launched.size()); err != nil {
		return nil, err
	}
	trigger, parent := withoutParent(ex.Trigger)
	if err := row.parts.add(partTrigger, trigger, len(trigger)); err != nil {
		return nil, err
	}
	if err := row.parts.add(partParent, parent, len(parent)); err != nil {
		return nil, err
	}
	head := *ex.Execution
	head.InitialConfig, head.Notifications, head.SystemNotifications, head.TemplateVariables = nil, nil, nil, nil
	head.Trigger, head.Stages = nil, nil
	order := make([]string, len(ex.Stages))
	var err error
	for i, stage := range ex.Stages {
		order[i] = stage.ID
		if row.stages[stage.ID] != nil {
			return nil, fmt.Errorf("two stages have the id %q", stage.ID)
		}
		if row.stages[stage.ID], err = encodeStage(stage, ex.Work[stage.ID]); err != nil {
			return nil, fmt.Errorf("stage %q: %w", stage.ID, err)
		}
	}
	if row.head, err = textOf(head); err != nil {
		return nil, err
	}
	row.order, err = textOf(order)
	return row, err
}

func encodeStage(stage *spinnaker.Stage, work *engine.Work) (*stageRow, error) {
	row := &stageRow{parts: parts{}}
	if err := row.parts.add(partContext, stage.Context, len(stage.Context)); err != nil {
		return nil, err
	}
	if err := row.parts.add(partOutputs, stage.Outputs, len(stage.Outputs)); err != nil {
		return nil, err
	}
	head := *stage
	head.Context, head.Outputs = nil, nil
	if group, there := stage.Context["group"]; there {
		// Lists of executions show it, and they do not read the context.
		head.Context = map[string]any{"group": group}
	}
	var err error
	if row.head, err = textOf(head); err != nil {
		return nil, err
	}
	var todo engine.Work
	if work != nil {
		todo = *work
	}
	if len(todo.State) > engine.MaxState {
		return nil, fmt.Errorf("its state has %d bytes, at most %d are kept", len(todo.State), engine.MaxState)
	}
	row.state, row.phase = string(todo.State), string(todo.Phase)
	if todo.Phase != engine.PhaseIdle && !todo.Due.IsZero() {
		row.due = micros(todo.Due)
	}
	todo.State = nil
	row.work, err = textOf(todo)
	return row, err
}

// decode is the reverse of encode.
func (row *executionRow) decode() (*engine.Execution, error) {
	shown, err := row.decodeShown(false)
	if err != nil {
		return nil, err
	}
	ex := &engine.Execution{Execution: shown, Waiting: row.waiting, Work: make(map[string]*engine.Work, len(row.stages))}
	for id, stage := range row.stages {
		work := new(engine.Work)
		if err := spinnaker.Decode([]byte(stage.work), work); err != nil {
			return nil, fmt.Errorf("stage %q: read the stored work: %w", id, err)
		}
		if stage.state != "" {
			work.State = []byte(stage.state)
		}
		ex.Work[id] = work
	}
	return ex, nil
}

// errTorn is the error of an execution whose stages are not those of its order.
var errTorn = errors.New("it is in the order of stages and has no row")

// decodeShown decodes the part of an execution that the API shows; brief leaves the tasks out.
func (row *executionRow) decodeShown(brief bool) (*spinnaker.Execution, error) {
	ex := new(spinnaker.Execution)
	if err := ex.UnmarshalJSON([]byte(row.head)); err != nil {
		return nil, fmt.Errorf("read the stored head: %w", err)
	}
	if err := row.parts.read(partConfig, ex); err != nil {
		return nil, err
	}
	if err := row.parts.read(partTrigger, &ex.Trigger); err != nil {
		return nil, err
	}
	var parent map[string]any
	if err := row.parts.read(partParent, &parent); err != nil {
		return nil, err
	}
	if parent != nil {
		ex.Trigger["parentExecution"] = parent
	}
	var order []string
	if err := json.Unmarshal([]byte(row.order), &order); err != nil {
		return nil, fmt.Errorf("read the stored order of stages: %w", err)
	}
	ex.Stages = slices.Grow(ex.Stages, len(order))
	for _, id := range order {
		stored := row.stages[id]
		if stored == nil {
			return nil, fmt.Errorf("stage %q: %w", id, errTorn)
		}
		stage, err := stored.decode()
		if err != nil {
			return nil, fmt.Errorf("stage %q: %w", id, err)
		}
		if brief {
			stage.Tasks = []spinnaker.Task{}
		}
		ex.Stages = append(ex.Stages, stage)
	}
	return ex, nil
}

func (row *stageRow) decode() (*spinnaker.Stage, error) {
	stage := new(spinnaker.Stage)
	if err := stage.UnmarshalJSON([]byte(row.head)); err != nil {
		return nil, fmt.Errorf("read the stored head: %w", err)
	}
	if err := row.parts.read(partContext, &stage.Context); err != nil {
		return nil, err
	}
	return stage, row.parts.read(partOutputs, &stage.Outputs)
}
