package ci

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/gennaker/gennaker/plugins/sdk"
)

// state is what a step leaves for the next.
type state struct {
	// Intent is the build that was going to be asked for; without QueueItem and Number its outcome is unknown.
	Intent *intent `json:"intent,omitempty"`
	// QueueItem is Jenkins' number of the request, Number the build's.
	QueueItem int64 `json:"queueItem,omitempty"`
	Number    int64 `json:"number,omitempty"`
	// MissingSince is when the queue item or the property file was first not found.
	MissingSince time.Time `json:"missingSince,omitzero"`
	// Failures counts failed reads of the property file in a row.
	Failures int    `json:"failures,omitempty"`
	Tasks    []task `json:"tasks,omitempty"`
}

type intent struct {
	Master     string            `json:"master"`
	Job        string            `json:"job"`
	Parameters map[string]string `json:"parameters,omitempty"`
	At         time.Time         `json:"at"`
}

// task is a line of the stage's task list that has begun.
type task struct {
	Name  string    `json:"name"`
	Start time.Time `json:"start"`
	End   time.Time `json:"end,omitzero"`
}

func readState(text []byte) (state, error) {
	var s state
	if len(text) == 0 {
		return s, nil
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return s, fmt.Errorf("the stage's stored state cannot be read: %w. Restart the stage", err)
	}
	return s, nil
}

func (s *state) encode() ([]byte, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("store the stage's state: %w", err)
	}
	return text, nil
}

// begin ends the running task and starts the named one, unless it was started already. It returns when that was.
func (s *state) begin(name string, now time.Time) time.Time {
	for _, t := range s.Tasks {
		if t.Name == name {
			return t.Start
		}
	}
	if n := len(s.Tasks); n > 0 {
		s.Tasks[n-1].End = now
	}
	s.Tasks = append(s.Tasks, task{Name: name, Start: now})
	return now
}

// tasks is the stage's task list: the ones that ended succeeded, and the last one has the stage's status.
func (s *state) tasks(status sdk.Status, message string, now time.Time) []sdk.Task {
	var tasks []sdk.Task
	for i, t := range s.Tasks {
		line := sdk.Task{Name: t.Name, Status: sdk.Succeeded, Start: t.Start, End: t.End}
		if i == len(s.Tasks)-1 {
			line.Status, line.Message = status, message
			if status != sdk.Running {
				line.End = now
			}
		}
		tasks = append(tasks, line)
	}
	return tasks
}
