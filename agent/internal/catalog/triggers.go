package catalog

import (
	"context"
	"reflect"
	"slices"

	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/agent/internal/trigger"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// index holds the live triggers of one generation of the store. It never changes.
type index struct {
	generation int64
	armed      map[trigger.Key][]trigger.Armed
	// off are the triggers that would be live but for a switch.
	off map[trigger.Key][]trigger.Armed
}

// Armed returns the live triggers of a key, as of the reader's state. They are shared: nobody may change them.
func (c *Catalog) Armed(r store.Reader, key trigger.Key) ([]trigger.Armed, error) {
	ix, err := c.indexOf(r)
	if err != nil {
		return nil, err
	}
	return ix.armed[key], nil
}

// Off returns the triggers of a key that are disabled, or whose pipelines are, as of the reader's state. They are shared too.
func (c *Catalog) Off(r store.Reader, key trigger.Key) ([]trigger.Armed, error) {
	ix, err := c.indexOf(r)
	if err != nil {
		return nil, err
	}
	return ix.off[key], nil
}

// Crons returns the live cron triggers.
func (c *Catalog) Crons(r store.Reader) ([]trigger.Armed, error) {
	ix, err := c.indexOf(r)
	if err != nil {
		return nil, err
	}
	var crons []trigger.Armed
	for key, armed := range ix.armed {
		if key.Type == trigger.Cron {
			crons = append(crons, armed...)
		}
	}
	return crons, nil
}

// Jobs names the jobs of a master, in Igor's form, that some live trigger means.
func (c *Catalog) Jobs(ctx context.Context, master string) ([]string, error) {
	ix, err := c.current(ctx)
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

// Meaning returns the live triggers that mean events of a type from a source, whatever those are about. They are shared:
// nobody may change them.
func (c *Catalog) Meaning(ctx context.Context, eventType, source string) ([]trigger.Armed, error) {
	ix, err := c.current(ctx)
	if err != nil {
		return nil, err
	}
	var meaning []trigger.Armed
	for key, armed := range ix.armed {
		if key.Type == eventType && key.Source == source {
			meaning = append(meaning, armed...)
		}
	}
	return meaning, nil
}

// current returns the index of the store's present state.
func (c *Catalog) current(ctx context.Context) (*index, error) {
	var ix *index
	err := c.store.View(ctx, func(r store.Reader) (err error) {
		ix, err = c.indexOf(r)
		return err
	})
	return ix, err
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
	ix := &index{generation, map[trigger.Key][]trigger.Armed{}, map[trigger.Key][]trigger.Armed{}}
	for _, p := range pipelines {
		named := map[string]bool{}
		for i, t := range p.Triggers {
			key, ok := trigger.KeyOf(t)
			if !ok || repeated(p.Triggers[:i], t) {
				continue
			}
			name := trigger.Name(t, i)
			if named[name] {
				name = trigger.Name(nil, i)
			}
			named[name] = true
			into := ix.armed
			if p.Disabled || !t.Enabled() {
				into = ix.off
			}
			into[key] = append(into[key], trigger.Armed{Pipeline: p, Trigger: t, Name: name})
		}
	}
	return ix
}

// repeated says whether a trigger is the same as one before it in its pipeline: both together start the pipeline once.
// Different ones that have the same id are told apart by their places.
func repeated(before []spinnaker.Trigger, t spinnaker.Trigger) bool {
	return slices.ContainsFunc(before, func(earlier spinnaker.Trigger) bool { return reflect.DeepEqual(earlier, t) })
}
