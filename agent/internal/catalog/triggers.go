package catalog

import (
	"context"
	"slices"

	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/agent/internal/trigger"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// index holds the live triggers of one generation of the store. It never changes.
type index struct {
	generation int64
	armed      map[trigger.Key][]trigger.Armed
}

// Armed returns the live triggers of a key, as of the reader's state. They are shared: nobody may change them.
func (c *Catalog) Armed(r store.Reader, key trigger.Key) ([]trigger.Armed, error) {
	ix, err := c.indexOf(r)
	if err != nil {
		return nil, err
	}
	return ix.armed[key], nil
}

// Jobs names the jobs of a master, in Igor's form, that some live trigger means.
func (c *Catalog) Jobs(ctx context.Context, master string) ([]string, error) {
	var ix *index
	err := c.store.View(ctx, func(r store.Reader) (err error) {
		ix, err = c.indexOf(r)
		return err
	})
	if err != nil {
		return nil, err
	}
	var jobs []string
	for key := range ix.armed {
		if key.Type == trigger.Build && key.Source == master {
			jobs = append(jobs, key.Name)
		}
	}
	slices.Sort(jobs)
	return jobs, nil
}

// indexOf returns the index of the reader's generation, made anew only when something has changed.
func (c *Catalog) indexOf(r store.Reader) (*index, error) {
	generation, err := r.Generation()
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.index != nil && c.index.generation == generation {
		return c.index, nil
	}
	pipelines, err := r.Pipelines("")
	if err != nil {
		return nil, err
	}
	c.index = newIndex(generation, pipelines)
	return c.index, nil
}

func newIndex(generation int64, pipelines []spinnaker.Pipeline) *index {
	ix := &index{generation, map[trigger.Key][]trigger.Armed{}}
	for _, p := range pipelines {
		if p.Disabled {
			continue
		}
		for i, t := range p.Triggers {
			key, ok := trigger.KeyOf(t)
			if !ok || !t.Enabled() {
				continue
			}
			ix.armed[key] = append(ix.armed[key], trigger.Armed{Pipeline: p, Trigger: t, Name: trigger.Name(t, i)})
		}
	}
	return ix
}
