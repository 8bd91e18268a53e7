package transfer

import (
	"context"
	"slices"

	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/api/spinnaker"
)

func (t *transfer) applications(ctx context.Context) error {
	var all []spinnaker.Application
	err := t.from.View(ctx, func(r store.Reader) (err error) {
		all, err = r.Applications()
		return err
	})
	if err != nil {
		return err
	}
	return t.to.Update(ctx, func(tx store.Tx) error {
		for _, application := range all {
			if err := tx.PutApplication(application); err != nil {
				return err
			}
		}
		t.copied.Applications = len(all)
		return nil
	})
}

// pipelines writes all versions of all configurations in the order in which they came to be, and removes each again that is
// not the last one of a configuration that is there: what was deleted leaves its history, as it did before.
func (t *transfer) pipelines(ctx context.Context) error {
	last, err := t.lastVersions(ctx)
	if err != nil {
		return err
	}
	after := int64(0)
	return pages(ctx, t, &t.copied.PipelineVersions, func(r store.Reader) ([]store.PipelineVersion, error) {
		versions, err := r.PipelineVersions(after, page)
		if len(versions) > 0 {
			after = versions[len(versions)-1].Sequence
		}
		return versions, err
	}, func(tx store.Tx, version store.PipelineVersion) error {
		if err := tx.PutPipeline(version.Pipeline); err != nil {
			return err
		}
		if last[version.Pipeline.ID] == version.Sequence {
			return nil
		}
		return tx.DeletePipeline(version.Pipeline.ID)
	})
}

// lastVersions finds the last version of each configuration that is there.
func (t *transfer) lastVersions(ctx context.Context) (map[string]int64, error) {
	last := map[string]int64{}
	err := t.from.View(ctx, func(r store.Reader) error {
		pipelines, err := r.Pipelines("")
		if err != nil {
			return err
		}
		for _, p := range pipelines {
			last[p.ID] = 0
		}
		for after := int64(0); ; {
			versions, err := r.PipelineVersions(after, page)
			if err != nil || len(versions) == 0 {
				return err
			}
			for _, version := range versions {
				if _, there := last[version.Pipeline.ID]; there {
					last[version.Pipeline.ID] = version.Sequence
				}
				after = version.Sequence
			}
		}
	})
	return last, err
}

// received is an event with what became of it.
type received struct {
	event    store.Event
	verdicts []store.Verdict
}

func (t *transfer) events(ctx context.Context) error {
	after := ""
	return pages(ctx, t, &t.copied.Events, func(r store.Reader) ([]received, error) {
		ids, err := r.EventIDs(after, page)
		if err != nil || len(ids) == 0 {
			return nil, err
		}
		after = ids[len(ids)-1]
		rows := make([]received, len(ids))
		for i, id := range ids {
			if rows[i].event, err = r.Event(id); err != nil {
				return nil, err
			}
			if rows[i].verdicts, err = r.Verdicts(store.VerdictQuery{EventID: id}); err != nil {
				return nil, err
			}
		}
		return rows, nil
	}, func(tx store.Tx, row received) error {
		if err := tx.AddEvent(row.event); err != nil {
			return err
		}
		for _, verdict := range slices.Backward(row.verdicts) {
			if err := tx.PutVerdict(verdict); err != nil {
				return err
			}
		}
		return nil
	})
}

func (t *transfer) candidates(ctx context.Context) error {
	after := ""
	return pages(ctx, t, &t.copied.Candidates, func(r store.Reader) ([]store.Candidate, error) {
		rows, err := r.Candidates(after, page)
		if len(rows) > 0 {
			after = rows[len(rows)-1].ID
		}
		return rows, err
	}, store.Tx.AddCandidate)
}

func (t *transfer) starts(ctx context.Context) error {
	after := ""
	return pages(ctx, t, &t.copied.Starts, func(r store.Reader) ([]store.Start, error) {
		rows, err := r.Starts(after, page)
		if len(rows) > 0 {
			after = rows[len(rows)-1].Key
		}
		return rows, err
	}, func(tx store.Tx, start store.Start) error { return tx.AddStart(start.Key, start.ExecutionID) })
}

func (t *transfer) jobs(ctx context.Context) error {
	var masters []string
	err := t.from.View(ctx, func(r store.Reader) (err error) {
		masters, err = r.PolledMasters()
		return err
	})
	if err != nil {
		return err
	}
	for _, master := range masters {
		var states map[string][]byte
		err := t.from.View(ctx, func(r store.Reader) (err error) {
			states, err = r.JobStates(master)
			return err
		})
		if err != nil {
			return err
		}
		if err := t.to.Update(ctx, func(tx store.Tx) error { return tx.PutJobStates(master, states) }); err != nil {
			return err
		}
		t.copied.Jobs += len(states)
	}
	t.progress(t.copied)
	return nil
}

func (t *transfer) audit(ctx context.Context) error {
	after := int64(0)
	return pages(ctx, t, &t.copied.AuditRows, func(r store.Reader) (rows []store.AuditRow, err error) {
		rows, after, err = r.AuditAfter(after, page)
		return rows, err
	}, store.Tx.AddAudit)
}
