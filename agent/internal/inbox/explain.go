package inbox

import (
	"context"
	"slices"

	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/agent/internal/trigger"
)

// Explained is an accepted event with the verdicts on it.
type Explained struct {
	store.Event
	Number   int64
	Verdicts []store.Verdict
}

// Explain says what became of an event.
func (i *Inbox) Explain(ctx context.Context, id string) (Explained, error) {
	var out Explained
	err := i.Store.View(ctx, func(r store.Reader) error {
		event, err := r.Event(id)
		if err != nil {
			return err
		}
		out, err = explain(r, event)
		return err
	})
	return out, err
}

// ExplainAll says what became of the newest events that the query selects; a number restricts to that build.
func (i *Inbox) ExplainAll(ctx context.Context, query store.EventQuery, number int64) ([]Explained, error) {
	limit := query.Limit
	if number != 0 {
		// The number is inside the event, so look through all that the store keeps of the job.
		query.Limit = 0
	}
	var out []Explained
	err := i.Store.View(ctx, func(r store.Reader) error {
		events, err := r.Events(query)
		if err != nil {
			return err
		}
		for _, event := range events {
			explained, err := explain(r, event)
			if err != nil {
				return err
			}
			if number == 0 || explained.Number == number {
				out = append(out, explained)
			}
		}
		return nil
	})
	if limit > 0 && len(out) > limit {
		out = slices.Clip(out[:limit])
	}
	return out, err
}

func explain(r store.Reader, row store.Event) (Explained, error) {
	out, err := known(row)
	if err != nil {
		return out, err
	}
	out.Verdicts, err = r.Verdicts(store.VerdictQuery{EventID: row.ID})
	return out, err
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

// ExplainPipeline returns the newest events that a pipeline's triggers have verdicts on, with those verdicts.
func (i *Inbox) ExplainPipeline(ctx context.Context, pipelineConfigID string, limit int) ([]Explained, error) {
	var out []Explained
	err := i.Store.View(ctx, func(r store.Reader) error {
		verdicts, err := r.Verdicts(store.VerdictQuery{PipelineConfigID: pipelineConfigID, Limit: limit})
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
