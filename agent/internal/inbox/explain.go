package inbox

import (
	"context"
	"slices"

	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/agent/internal/trigger"
)

// listedVerdicts is how many verdicts on each of several events are listed.
const listedVerdicts = 100

// Explained is an accepted event with the verdicts on it.
type Explained struct {
	store.Event
	Number   int64
	Verdicts []store.Verdict
	// More says that there are more verdicts than these.
	More bool
}

// Page is a part of a list: Limit from the one after Offset. A Limit of 0 has no bound.
type Page struct{ Offset, Limit int }

// Explain says what became of an event; the page is one of its verdicts.
func (i *Inbox) Explain(ctx context.Context, id string, page Page) (Explained, error) {
	var out Explained
	err := i.Store.View(ctx, func(r store.Reader) error {
		event, err := r.Event(id)
		if err != nil {
			return err
		}
		if out, err = known(event); err != nil {
			return err
		}
		return out.read(r, page)
	})
	return out, err
}

// ExplainAll says what became of the newest events that the query selects, with up to a hundred verdicts on each. A number
// restricts to that build.
func (i *Inbox) ExplainAll(ctx context.Context, query store.EventQuery, number int64) ([]Explained, error) {
	page := Page{query.Offset, query.Limit}
	query.BodiesOf = trigger.Build
	if number != 0 {
		// The number is inside the event, so look through all that the store keeps of the job.
		query.Offset, query.Limit = 0, 0
	}
	var out []Explained
	err := i.Store.View(ctx, func(r store.Reader) error {
		events, err := r.Events(query)
		if err != nil {
			return err
		}
		for _, event := range events {
			explained, err := known(event)
			if err != nil {
				return err
			}
			if number == 0 || explained.Number == number {
				out = append(out, explained)
			}
		}
		if number != 0 {
			out = page.of(out)
		}
		for n := range out {
			if err := out[n].read(r, Page{Limit: listedVerdicts}); err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

// of is the page of a list.
func (p Page) of(all []Explained) []Explained {
	all = all[min(p.Offset, len(all)):]
	if p.Limit > 0 && len(all) > p.Limit {
		all = slices.Clip(all[:p.Limit])
	}
	return all
}

// read adds a page of the verdicts.
func (e *Explained) read(r store.Reader, page Page) (err error) {
	query := store.VerdictQuery{EventID: e.ID, Offset: page.Offset}
	if page.Limit > 0 {
		query.Limit = page.Limit + 1
	}
	if e.Verdicts, err = r.Verdicts(query); err != nil {
		return err
	}
	if e.More = page.Limit > 0 && len(e.Verdicts) > page.Limit; e.More {
		e.Verdicts = e.Verdicts[:page.Limit]
	}
	return nil
}

// known is an event yet without verdicts.
func known(row store.Event) (Explained, error) {
	out := Explained{Event: row}
	if row.Type != trigger.Build {
		return out, nil
	}
	event, err := decodeEvent(row.Body)
	if err == nil {
		out.Number = event.Build.Number
	}
	return out, err
}

// ExplainPipeline returns the newest events that a pipeline's triggers have verdicts on, with those verdicts, which the page
// counts.
func (i *Inbox) ExplainPipeline(ctx context.Context, pipelineConfigID string, page Page) ([]Explained, error) {
	var out []Explained
	err := i.Store.View(ctx, func(r store.Reader) error {
		verdicts, err := r.Verdicts(store.VerdictQuery{PipelineConfigID: pipelineConfigID, Offset: page.Offset, Limit: page.Limit})
		if err != nil {
			return err
		}
		places := map[string]int{}
		for _, verdict := range verdicts {
			at, seen := places[verdict.EventID]
			if !seen {
				row, err := r.Event(verdict.EventID)
				if err != nil {
					return err
				}
				explained, err := known(row)
				if err != nil {
					return err
				}
				at, places[verdict.EventID] = len(out), len(out)
				out = append(out, explained)
			}
			out[at].Verdicts = append(out[at].Verdicts, verdict)
		}
		return nil
	})
	return out, err
}
