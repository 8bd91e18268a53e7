package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/gennaker/gennaker/api/spinnaker"
)

const (
	// pollInterval is the time between two looks at a running execution, lookTimeout bounds one of them.
	pollInterval = time.Second
	lookTimeout  = 20 * time.Second
	// patience is how long a follower goes on without an answer of the agent, which may be restarting.
	patience = 2 * time.Minute
)

// executions is where a follower looks.
type executions interface {
	Execution(ctx context.Context, id string) (*spinnaker.Execution, error)
}

// follower prints the progress of an execution.
type follower struct {
	agent              executions
	id                 string
	out, notes         io.Writer
	interval, patience time.Duration
	// shown are the lines printed last, by stage; the execution's own has the key "".
	shown map[string]string
}

// follow prints what changes until the execution is complete. While the agent does not answer it asks again, until its
// patience ends.
func (f *follower) follow(ctx context.Context) (*spinnaker.Execution, error) {
	f.shown = map[string]string{}
	ticker := time.NewTicker(f.interval)
	defer ticker.Stop()
	var awaySince time.Time
	for {
		execution, err := f.look(ctx)
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err == nil:
			if !awaySince.IsZero() {
				fmt.Fprintf(f.notes, "%s  the agent answers again\n", clock())
				awaySince = time.Time{}
			}
			f.print(execution)
			if execution.Status.Complete() {
				return execution, nil
			}
		case final(err):
			return nil, err
		case awaySince.IsZero():
			awaySince = time.Now()
			fmt.Fprintf(f.notes, "%s  the agent does not answer, trying again for %v: %v\n", clock(), f.patience, err)
		case time.Since(awaySince) > f.patience:
			return nil, fmt.Errorf("the agent has not answered for %v: %w", f.patience, err)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-ticker.C:
		}
	}
}

func (f *follower) look(ctx context.Context) (*spinnaker.Execution, error) {
	ctx, stop := context.WithTimeout(ctx, lookTimeout)
	defer stop()
	return f.agent.Execution(ctx, f.id)
}

// final says whether asking again is in vain: the agent has answered that it will not.
func final(err error) bool {
	answer := (*spinnaker.Error)(nil)
	return errors.As(err, &answer) && answer.Status < http.StatusInternalServerError && answer.Status != http.StatusTooManyRequests
}

// print prints the stages whose status or message is new, and what the execution as a whole waits for.
func (f *follower) print(execution *spinnaker.Execution) {
	for _, stage := range execution.Stages {
		if stage.Status != spinnaker.NotStarted {
			f.line(stage.ID, stage.Name, stage.Progress())
		}
	}
	if execution.Status != spinnaker.Running {
		f.line("", execution.Name, string(execution.Status))
	}
}

// line prints what is not what was printed last of the same key.
func (f *follower) line(key, name, text string) {
	if f.shown[key] == text {
		return
	}
	f.shown[key] = text
	fmt.Fprintf(f.out, "%s  %-20s %s\n", clock(), name, text)
}

// clock is the time of a line.
func clock() string { return time.Now().Format(time.TimeOnly) }
