package catalog

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/agent/internal/trigger"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// counted is a reader that counts how often all pipelines, and each of them, are read.
type counted struct {
	store.Reader
	generation int64
	versions   map[string]int64
	all        int
	each       []string
}

func (c *counted) Generation() (int64, error) { return c.generation, nil }

func (c *counted) PipelineStates() (states []store.PipelineState, err error) {
	for _, id := range slices.Sorted(maps.Keys(c.versions)) {
		states = append(states, store.PipelineState{ID: id, Version: c.versions[id]})
	}
	return states, nil
}

func (c *counted) Pipelines(string) (pipelines []spinnaker.Pipeline, err error) {
	c.all++
	for _, id := range slices.Sorted(maps.Keys(c.versions)) {
		pipelines = append(pipelines, spinnaker.Pipeline{ID: id})
	}
	return pipelines, nil
}

func (c *counted) Pipeline(id string) (spinnaker.Pipeline, error) {
	c.each = append(c.each, id)
	if id == "broken" {
		return spinnaker.Pipeline{}, errors.New("no")
	}
	return spinnaker.Pipeline{ID: id}, nil
}

// writing is the same inside a transaction that writes.
type writing struct {
	store.Tx
	*counted
}

func (w writing) Generation() (int64, error)                       { return w.counted.Generation() }
func (w writing) PipelineStates() ([]store.PipelineState, error)   { return w.counted.PipelineStates() }
func (w writing) Pipelines(a string) ([]spinnaker.Pipeline, error) { return w.counted.Pipelines(a) }
func (w writing) Pipeline(id string) (spinnaker.Pipeline, error)   { return w.counted.Pipeline(id) }

// All pipelines are read once; from then on those that have changed, once in each generation. What a transaction saw is not
// built on: it may have been rolled back, and its versions given to something else.
func TestWhatHasChangedIsRead(t *testing.T) {
	c := New(nil, nil, "UTC")
	r := &counted{versions: map[string]int64{"a": 1, "b": 2}}
	ask := func(reader store.Reader) {
		t.Helper()
		for range 3 {
			if _, _, err := c.Armed(reader, trigger.Key{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	ask(r)
	r.generation, r.versions = 1, map[string]int64{"a": 1, "b": 3}
	ask(writing{counted: r}) // rolled back
	r.generation, r.versions = 2, map[string]int64{"a": 1, "b": 3, "c": 4}
	ask(writing{counted: r})
	r.generation = 3
	ask(r)
	r.generation, r.versions = 4, map[string]int64{"c": 5}
	ask(r)
	if want := []string{"b", "b", "c", "b", "c", "c"}; r.all != 1 || !slices.Equal(r.each, want) {
		t.Errorf("all were read %d times, each %v, want %v", r.all, r.each, want)
	}
}
