package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/gennaker/gennaker/scripts/demo/world"
)

const (
	// application is that of the measures' pipelines.
	application = "bench"
	// lookInterval is the time between two looks at something that is waited for.
	lookInterval = 20 * time.Millisecond
)

// rig is a running agent with a Jenkins double beside it, in a folder of its own.
type rig struct {
	*world.World
	agent *world.Agent
	// ready is how long the agent took from its start until it was healthy.
	ready time.Duration
}

// object is a JSON object.
type object = map[string]any

// withRig runs a measure beside a fresh agent and ends all of it.
func withRig(ctx context.Context, take func(r *rig) ([]row, error)) ([]row, error) {
	return withRigOf(ctx, nil, take)
}

// withRigOf is withRig with members added to the agent's configuration.
func withRigOf(ctx context.Context, config object, take func(r *rig) ([]row, error)) (rows []row, err error) {
	dir, err := os.MkdirTemp("", "gennaker-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	w, err := world.New(world.Options{Root: ".", Dir: dir, Say: func(string, ...any) {}})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	r := &rig{World: w}
	if r.agent, err = w.NewAgent(config); err != nil {
		return nil, err
	}
	began := time.Now()
	if err := r.agent.Start(ctx); err != nil {
		return nil, err
	}
	r.ready = time.Since(began)
	defer func() { err = errors.Join(err, r.agent.Stop()) }()
	return take(r)
}

// save creates a pipeline of the measures' application.
func (r *rig) save(ctx context.Context, pipeline object) error {
	pipeline["application"] = application
	if err := r.agent.Client.SavePipeline(ctx, pipeline); err != nil {
		return fmt.Errorf("save pipeline %q: %w", pipeline["name"], err)
	}
	return nil
}

// waits is a list of so many stages that wait for no time at all, one after the other.
func waits(count int) []object {
	stages := make([]object, count)
	for i := range stages {
		stages[i] = object{"refId": fmt.Sprint(i + 1), "type": "wait", "name": fmt.Sprint("wait ", i+1), "waitTime": 0,
			"requisiteStageRefIds": []string{}}
		if i > 0 {
			stages[i]["requisiteStageRefIds"] = []string{fmt.Sprint(i)}
		}
	}
	return stages
}

// until looks until something is so, an error, or the time is over.
func until(ctx context.Context, limit time.Duration, what string, look func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(lookInterval)
	defer tick.Stop()
	for {
		if done, err := look(); err != nil || done {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", what, ctx.Err())
		}
	}
}

// get returns the body of an answer.
func get(ctx context.Context, address string) (body string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	const most = 64 << 20
	text, err := io.ReadAll(io.LimitReader(response.Body, most))
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s: %s", address, response.Status, text)
	}
	return string(text), err
}

// pause lets a time pass, as a part of a measure.
func pause(ctx context.Context, length time.Duration) error {
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
