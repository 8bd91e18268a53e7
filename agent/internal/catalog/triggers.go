package catalog

import (
	"context"
	"reflect"
	"slices"

	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/agent/internal/trigger"
	"github.com/gennaker/gennaker/api/spinnaker"
	"github.com/gennaker/gennaker/jenkins/jobname"
)

// index holds the live triggers of one generation of the store. It never changes.
type index struct {
	generation int64
	// pipelines are those that it was made of, by id.
	pipelines map[string]versioned
	armed     map[trigger.Key][]trigger.Armed
	// jobs are the names and patterns of the jobs of each master that live triggers mean, sorted.
	jobs map[string][]string
	// off are the triggers that would be live but for a switch.
	off map[trigger.Key][]trigger.Armed
}

// versioned is a pipeline in one of its versions, with what its triggers add to an index: the triggers, and where each belongs.
type versioned struct {
	version int64
	armed   []trigger.Armed
	places  []place
}

// place is where a trigger belongs in an index.
type place struct {
	key trigger.Key
	off bool
}

// Armed returns the triggers of an event's key as of the reader's state: the live ones, and those that are disabled or whose
// pipelines are. They are shared: nobody may change them.
func (c *Catalog) Armed(r store.Reader, key trigger.Key) (live, off []trigger.Armed, err error) {
	ix, err := c.indexOf(r)
	if err != nil {
		return nil, nil, err
	}
	return meant(ix.armed, key), meant(ix.off, key), nil
}

// meant are the triggers of a key, those of builds with the ones whose pattern the job fits.
func meant(triggers map[trigger.Key][]trigger.Armed, key trigger.Key) []trigger.Armed {
	all := triggers[key]
	if key.Type != trigger.Build || key.Name == "" {
		return all
	}
	for _, armed := range triggers[trigger.Key{Type: trigger.Build, Source: key.Source}] {
		if trigger.MeansJob(armed.Trigger, key.Name) {
			all = append(slices.Clip(all), armed)
		}
	}
	return all
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

// Jobs names the jobs of a master, in Igor's form, that some live trigger means; some names are patterns. The list is shared: nobody may change it.
func (c *Catalog) Jobs(ctx context.Context, master string) ([]string, error) {
	ix, err := c.current(ctx)
	if err != nil {
		return nil, err
	}
	return ix.jobs[master], nil
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

// indexOf returns the index of the reader's generation, made anew only when something has changed, and of what has changed.
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
	ix, err := newIndex(r, generation, c.committed)
	if err != nil {
		return nil, err
	}
	c.index = ix
	// What a transaction sees may be rolled back, and its versions given to something else.
	if _, writes := r.(store.Tx); !writes {
		c.committed = ix
	}
	return ix, nil
}

// newIndex makes the index of a reader's state. Pipelines that are in the same version in an earlier one are taken over.
func newIndex(r store.Reader, generation int64, earlier *index) (*index, error) {
	versions, err := r.PipelineStates()
	if err != nil {
		return nil, err
	}
	ix := &index{generation: generation, pipelines: make(map[string]versioned, len(versions)), armed: map[trigger.Key][]trigger.Armed{},
		jobs: map[string][]string{}, off: map[trigger.Key][]trigger.Armed{}}
	var read map[string]versioned
	if earlier != nil {
		read = earlier.pipelines
	} else if read, err = readAll(r, versions); err != nil {
		return nil, err
	}
	for _, v := range versions {
		found, known := read[v.ID]
		if !known || found.version != v.Version {
			p, err := r.Pipeline(v.ID)
			if err != nil {
				return nil, err
			}
			found = versionOf(p, v.Version)
		}
		ix.pipelines[v.ID] = found
		for i, at := range found.places {
			into := ix.armed
			if at.off {
				into = ix.off
			}
			// Most keys are those of one trigger, which is not stored twice.
			if others := into[at.key]; others != nil {
				into[at.key] = append(others, found.armed[i])
			} else {
				into[at.key] = found.armed[i : i+1 : i+1]
			}
		}
	}
	for key, armed := range ix.armed {
		if key.Type != trigger.Build {
			continue
		}
		if key.Name != "" && !jobname.IsPattern(key.Name) {
			ix.jobs[key.Source] = append(ix.jobs[key.Source], key.Name)
			continue
		}
		for _, a := range armed {
			if pattern := trigger.JobPattern(a.Trigger); pattern != "" {
				ix.jobs[key.Source] = append(ix.jobs[key.Source], pattern)
			}
		}
	}
	for master, names := range ix.jobs {
		slices.Sort(names)
		ix.jobs[master] = slices.Compact(names)
	}
	return ix, nil
}

// readAll reads all pipelines at once.
func readAll(r store.Reader, versions []store.PipelineState) (map[string]versioned, error) {
	pipelines, err := r.Pipelines("")
	if err != nil {
		return nil, err
	}
	read := make(map[string]versioned, len(pipelines))
	for i, p := range pipelines {
		read[p.ID] = versionOf(p, versions[i].Version)
	}
	return read, nil
}

// versionOf takes the triggers of a pipeline that some event could fire.
func versionOf(p spinnaker.Pipeline, version int64) versioned {
	v := versioned{version: version}
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
		v.armed = append(v.armed, trigger.NewArmed(p, t, name))
		v.places = append(v.places, place{key, p.Disabled || !t.Enabled()})
	}
	v.armed, v.places = slices.Clone(v.armed), slices.Clone(v.places)
	return v
}

// repeated says whether a trigger is the same as one before it in its pipeline: both together start the pipeline once.
// Different ones that have the same id are told apart by their places.
func repeated(before []spinnaker.Trigger, t spinnaker.Trigger) bool {
	return slices.ContainsFunc(before, func(earlier spinnaker.Trigger) bool { return reflect.DeepEqual(earlier, t) })
}
