package doctor

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/api/spinnaker"
)

const (
	// patience is how long work may be due before a living agent ought to have done it.
	patience = 5 * time.Minute
	// page is how many rows are read at once.
	page = 500
)

// View runs read on a consistent snapshot of a store.
type View func(ctx context.Context, read func(store.Reader) error) error

// Store are the checks of what a store keeps: whether somebody sees to everything that is to be done. An agent counts as
// dead when its last sign of life is older than the lease.
func Store(view View, lease time.Duration) []Check {
	d := stored{lease}
	return []Check{
		view.check("store.agents", "the agents that use the store", d.agents),
		view.check("store.claims", "the claims of agents on stages", d.claims),
		view.check("store.leases", "the leases of agents", d.leases),
		view.check("store.executions", "that something will move on each unfinished execution", unfinished),
		view.check("store.overdue", "that due work is done", d.overdue),
		view.check("store.candidates", "that undecided starts are decided in time", d.candidates),
	}
}

// Running is the check that an agent uses the store.
func Running(view View, lease time.Duration) Check {
	return view.check("store.running", "that an agent runs", stored{lease}.running)
}

func (view View) check(id, about string, look func(store.Reader) ([]Finding, error)) Check {
	return Check{id, about, func(ctx context.Context) (found []Finding, err error) {
		err = view(ctx, func(r store.Reader) (err error) {
			found, err = look(r)
			return err
		})
		return found, err
	}}
}

// Contents are the checks that read all that a store keeps, which may take long.
func Contents(view View, open func(ctx context.Context, sha256 string) (io.ReadCloser, store.Blob, error)) []Check {
	return []Check{
		{"store.readable", "that every execution, event and pipeline can be read", func(ctx context.Context) ([]Finding, error) {
			return readable(ctx, view)
		}},
		{"store.bodies", "that every body that an execution keeps is what it was", func(ctx context.Context) ([]Finding, error) {
			return bodies(ctx, view, open)
		}},
	}
}

// stored are the checks that ask who is alive.
type stored struct{ lease time.Duration }

// living are the ids of the agents that are alive.
func (d stored) living(r store.Reader) (map[string]bool, error) {
	known, err := r.Incarnations()
	alive := map[string]bool{}
	for _, i := range known {
		if r.Now().Sub(i.RenewedAt) < d.lease {
			alive[i.ID] = true
		}
	}
	return alive, err
}

func (d stored) running(r store.Reader) ([]Finding, error) {
	alive, err := d.living(r)
	if err != nil || len(alive) > 0 {
		return nil, err
	}
	return []Finding{{Warning, "no agent uses the store now", "nothing is polled, decided or moved on until one does",
		"start `gennaker serve`; if it ought to run, its log says why it ended"}}, nil
}

func (d stored) agents(r store.Reader) ([]Finding, error) {
	known, err := r.Incarnations()
	if err != nil {
		return nil, err
	}
	var found []Finding
	versions := map[string]string{}
	for _, i := range known {
		switch silent := r.Now().Sub(i.RenewedAt); {
		case silent < -time.Minute:
			found = append(found, Finding{Error, fmt.Sprintf("agent %s on %s was last alive %s in the future", i.ID, i.Host, -silent.Round(time.Second)),
				"agents judge by this time who is dead", "set the clocks right, and restart the agent"})
		case silent < d.lease:
			versions[i.Version] = i.ID
		}
	}
	if len(versions) > 1 {
		found = append(found, Finding{Warning, fmt.Sprintf("agents of %d versions are running", len(versions)),
			"that is meant for the time of an upgrade", "finish the upgrade"})
	}
	return found, nil
}

func (d stored) claims(r store.Reader) ([]Finding, error) {
	alive, err := d.living(r)
	if err != nil || len(alive) == 0 {
		return nil, err // the next agent releases them when it starts
	}
	held, err := r.Claims()
	var found []Finding
	for _, c := range held {
		if !alive[c.Incarnation] {
			found = append(found, Finding{Error, fmt.Sprintf("stage %s of execution %s is claimed by agent %s, which is dead", c.StageID, c.ExecutionID, c.Incarnation),
				"a living agent ought to have taken it over", "look into the log of the living agent for what keeps it; restart it"})
		}
	}
	return found, err
}

func (d stored) leases(r store.Reader) ([]Finding, error) {
	alive, err := d.living(r)
	if err != nil || len(alive) == 0 {
		return nil, err
	}
	held, err := r.Leases()
	var found []Finding
	for _, l := range held {
		if !alive[l.Incarnation] {
			found = append(found, Finding{Error, fmt.Sprintf("the lease %q is held by agent %s, which is dead", l.Name, l.Incarnation),
				"nobody does what it is for, for example polling a master", "look into the log of the living agent for what keeps it; restart it"})
		}
	}
	return found, err
}

// unfinished checks rule 3 of the design: an unfinished execution has a stage that is due, claimed, or waiting for a named
// event; or it is held on purpose.
func unfinished(r store.Reader) ([]Finding, error) {
	statuses := []spinnaker.Status{spinnaker.NotStarted, spinnaker.Running, spinnaker.Paused}
	listed, err := r.Executions(store.ExecutionQuery{Statuses: statuses, Brief: true})
	if err != nil {
		return nil, err
	}
	held, err := r.Claims()
	if err != nil {
		return nil, err
	}
	claimed := map[string]bool{}
	for _, c := range held {
		claimed[c.ExecutionID] = true
	}
	var found []Finding
	for _, shown := range listed {
		if claimed[shown.ID] {
			continue
		}
		ex, err := r.Execution(shown.ID)
		if err != nil {
			return found, err
		}
		moves, err := movedOn(r, ex)
		if err != nil {
			return found, err
		}
		if !moves {
			found = append(found, Finding{Error,
				fmt.Sprintf("execution %s of %s/%s is %s, and nothing will move it on: no stage of it is due, claimed or waiting for an event", ex.ID, ex.Application, ex.Name, ex.Status),
				"it will never end by itself, and may keep others of its pipeline waiting",
				fmt.Sprintf("cancel it (PUT /pipelines/%s/cancel), and report it with the agent's log", ex.ID)})
		}
	}
	return found, nil
}

// movedOn says whether something will move an execution on.
func movedOn(r store.Reader, ex *engine.Execution) (bool, error) {
	if ex.Status == spinnaker.Paused {
		return true, nil
	}
	if events, err := r.ExecutionEvents(ex.ID); err != nil || len(events) > 0 {
		return true, err
	}
	if ex.Waiting {
		return slotTaken(r, ex)
	}
	for _, w := range ex.Work {
		if w.Awaits != "" || w.Phase != engine.PhaseIdle && !w.Due.IsZero() {
			return true, nil
		}
	}
	return false, nil
}

// slotTaken says whether another execution holds the slot that an execution waits for.
func slotTaken(r store.Reader, ex *engine.Execution) (bool, error) {
	slots, err := r.Slots(ex.PipelineConfigID)
	for _, slot := range slots {
		if !slot.Waiting && slot.ExecutionID != ex.ID {
			return true, nil
		}
	}
	return false, err
}

func (d stored) overdue(r store.Reader) ([]Finding, error) {
	alive, err := d.living(r)
	if err != nil || len(alive) == 0 {
		return nil, err
	}
	due, err := r.DueStages(r.Now().Add(-patience), mostFindings)
	var found []Finding
	for _, ref := range due {
		found = append(found, Finding{Error, fmt.Sprintf("stage %s of execution %s has been due for more than %s", ref.StageID, ref.ExecutionID, patience),
			"the execution stands still though an agent is running", "look into the agent's log for this execution; raise runner.parallel if the agent is only busy"})
	}
	return found, err
}

func (d stored) candidates(r store.Reader) ([]Finding, error) {
	alive, err := d.living(r)
	if err != nil || len(alive) == 0 {
		return nil, err
	}
	var found []Finding
	for after := ""; ; {
		rows, err := r.Candidates(after, page)
		if err != nil || len(rows) == 0 {
			return found, err
		}
		for _, c := range rows {
			after = c.ID
			if late := r.Now().Sub(c.Deadline); late > patience {
				found = append(found, Finding{Error, fmt.Sprintf("the start of pipeline %s by event %s should have been decided %s ago", c.PipelineConfigID, c.EventID, late.Round(time.Second)),
					"the build starts nothing, and later builds of that job wait for it", "look into the agent's log for this candidate: " + c.LastError})
			}
		}
	}
}

// broken is a finding about a row that cannot be read.
func broken(what string, err error) Finding {
	return Finding{Error, fmt.Sprintf("%s cannot be read: %v", what, err), "it is lost for the API and the engine", "restore a backup from before the damage"}
}

func readable(ctx context.Context, view View) ([]Finding, error) {
	var found []Finding
	look := func(what string, err error) {
		if err != nil {
			found = append(found, broken(what, err))
		}
	}
	err := view(ctx, func(r store.Reader) error {
		_, err := r.Applications()
		look("an application", err)
		_, err = r.Pipelines("")
		look("a pipeline", err)
		return nil
	})
	return found, errors.Join(err,
		eachID(ctx, view, store.Reader.EventIDs, func(r store.Reader, id string) error {
			_, err := r.Event(id)
			look(fmt.Sprintf("event %q", id), err)
			return nil
		}),
		eachID(ctx, view, store.Reader.ExecutionIDs, func(r store.Reader, id string) error {
			_, err := r.Execution(id)
			look(fmt.Sprintf("execution %q", id), err)
			return nil
		}))
}

// eachID visits all ids, a page on each snapshot.
func eachID(ctx context.Context, view View, list func(r store.Reader, after string, limit int) ([]string, error), visit func(r store.Reader, id string) error) error {
	for after := ""; ; {
		more := false
		err := view(ctx, func(r store.Reader) error {
			ids, err := list(r, after, page)
			more = len(ids) > 0
			for _, id := range ids {
				if err := errors.Join(visit(r, id), ctx.Err()); err != nil {
					return err
				}
				after = id
			}
			return err
		})
		if err != nil || !more {
			return err
		}
	}
}

func bodies(ctx context.Context, view View, open func(context.Context, string) (io.ReadCloser, store.Blob, error)) ([]Finding, error) {
	keepers := map[string]string{}
	err := eachID(ctx, view, store.Reader.ExecutionIDs, func(r store.Reader, id string) error {
		kept, err := r.KeptBlobs(id)
		for _, k := range kept {
			keepers[k.SHA256] = id
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	var found []Finding
	for _, name := range slices.Sorted(maps.Keys(keepers)) {
		if err := soundBody(ctx, name, open); ctx.Err() != nil {
			return found, ctx.Err()
		} else if err != nil {
			found = append(found, broken(fmt.Sprintf("body %s of execution %q", name, keepers[name]), err))
		}
	}
	return found, nil
}

func soundBody(ctx context.Context, name string, open func(context.Context, string) (io.ReadCloser, store.Blob, error)) (err error) {
	stream, _, err := open(ctx, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stream.Close()) }()
	hash := sha256.New()
	if _, err := io.Copy(hash, stream); err != nil {
		return err
	}
	if sum := hex.EncodeToString(hash.Sum(nil)); sum != name {
		return fmt.Errorf("it is %s now", sum)
	}
	return nil
}
