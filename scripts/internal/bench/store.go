package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	_ "modernc.org/sqlite" // the agent's driver, for the raw rate

	"github.com/gennaker/gennaker/api/spinnaker"
)

const (
	// alone is how many executions run one after the other, together how many at least run while atOnce are under way.
	alone    = 100
	together = 1000
	atOnce   = 32
	// commitLimit is the promise about commits for each execution, rateFloor that about executions a second under load.
	commitLimit = 5
	rateFloor   = 100
	// rawCommits is how many raw commits are timed.
	rawCommits = 300
)

// throughput measures what executions of three stages that do nothing cost: their commits, and their rate beside that of raw
// commits of the same size into the same kind of file on the same disk. What these allow is counted with the most commits
// that are promised: fewer are better, although they allow more.
func throughput(ctx context.Context) ([]row, error) {
	return withRig(ctx, func(r *rig) ([]row, error) {
		if err := r.save(ctx, object{"name": "waits", "stages": waits(3)}); err != nil {
			return nil, err
		}
		before, err := storeSize(r.storeFile())
		if err != nil {
			return nil, err
		}
		oneByOne, err := r.rate(ctx, alone, 1)
		if err != nil {
			return nil, err
		}
		manyAtOnce, err := r.rate(ctx, together, atOnce)
		if err != nil {
			return nil, err
		}
		if err := r.agent.Stop(); err != nil {
			return nil, err
		}
		after, err := storeSize(r.storeFile())
		if err != nil {
			return nil, err
		}
		size := float64(after-before) / (alone + together) / oneByOne.commits
		raw, err := rawRate(ctx, filepath.Dir(r.storeFile()), int(size))
		if err != nil {
			return nil, err
		}
		const name = "three waits of 0 through the API, "
		several := fmt.Sprintf("%d at once", atOnce)
		return []row{
			numbers(name+"one after the other: commits for each", oneByOne.commits, "", commitLimit, " at most"),
			numbers(name+several+": commits for each", manyAtOnce.commits, "", commitLimit, " at most"),
			allowed(name+"one after the other", oneByOne.perSecond, raw, oneByOne.commits, fmt.Sprintf(" of %.0f bytes", size)),
			allowed(name+several, manyAtOnce.perSecond, raw, oneByOne.commits, ""),
			allowed(name+several, manyAtOnce.perSecond, raw, commitLimit, " (promised: above 0.600)"),
			numbers(name+several, manyAtOnce.perSecond, "/s", rateFloor, " at least"),
			heldAgainst(name+several+": the agent's processor time for each", manyAtOnce.cpu, " (two cores at 100/s)", 2*time.Second/rateFloor),
		}, nil
	})
}

// numbers is a row of two numbers of a unit.
func numbers(measure string, here float64, unit string, against float64, what string) row {
	return row{measure: measure, here: fmt.Sprintf("%.3g%s", here, unit), against: fmt.Sprintf("%.3g%s%s", against, unit, what), ratio: here / against}
}

// allowed is a row of a rate of executions and of the one that raw commits allow at so many for each execution.
func allowed(measure string, perSecond, raw, commits float64, more string) row {
	return numbers(measure, perSecond, "/s", raw/commits, fmt.Sprintf(" by %.0f raw commits/s, %.3g each%s", raw, commits, more))
}

func (r *rig) storeFile() string {
	return filepath.Join(filepath.Dir(r.agent.ConfigFile()), "gennaker.db")
}

// storeSize is the size of a SQLite file with its log, in bytes.
func storeSize(file string) (total int64, err error) {
	for _, name := range []string{file, file + "-wal"} {
		info, err := os.Stat(name)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return 0, err
		}
		total += info.Size()
	}
	return total, nil
}

// cost is what executions cost: how many ended in a second, and the commits and processor time of the agent for each.
type cost struct {
	perSecond, commits float64
	cpu                time.Duration
}

// rate runs executions, so many at once. However many these are, the agent is asked for their state about once a millisecond.
func (r *rig) rate(ctx context.Context, count, atOnce int) (cost, error) {
	commits, err := r.metric(ctx, "gennaker_store_commits_total")
	if err != nil {
		return cost{}, err
	}
	cpu, err := cpuTime(r.agent.PID())
	if err != nil {
		return cost{}, err
	}
	began := time.Now()
	group, running := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for range count {
		group.Go(func() error { return r.runOnce(running, time.Duration(atOnce)*time.Millisecond) })
	}
	if err := group.Wait(); err != nil {
		return cost{}, err
	}
	took := time.Since(began)
	used, err := cpuTime(r.agent.PID())
	if err != nil {
		return cost{}, err
	}
	committed, err := r.metric(ctx, "gennaker_store_commits_total")
	return cost{float64(count) / took.Seconds(), (committed - commits) / float64(count), (used - cpu) / time.Duration(count)}, err
}

// metric reads a metric without labels.
func (r *rig) metric(ctx context.Context, name string) (value float64, err error) {
	text, err := get(ctx, r.agent.URL+"/metrics")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			_, err := fmt.Sscan(rest, &value)
			return value, err
		}
	}
	return 0, fmt.Errorf("the agent has no metric %s", name)
}

// rawRate is how many durable commits of a row of some bytes a SQLite file in a folder takes in a second.
func rawRate(ctx context.Context, folder string, size int) (rate float64, err error) {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(folder, "raw.db")+"?_pragma=journal_mode(wal)&_pragma=synchronous(full)")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(ctx, "CREATE TABLE raw (id INTEGER PRIMARY KEY, body TEXT)"); err != nil {
		return 0, err
	}
	body := strings.Repeat("x", size)
	began := time.Now()
	for range rawCommits {
		if _, err := db.ExecContext(ctx, "INSERT INTO raw (body) VALUES (?)", body); err != nil {
			return 0, err
		}
	}
	return rawCommits / time.Since(began).Seconds(), nil
}

const (
	// waiting is how many executions wait for a judgment, idleLook how long the agent is watched meanwhile.
	waiting  = 10_000
	idleLook = time.Minute
	// idleCPU is the promise about the share of a processor that they cost, waitingMemory that about resident memory in MiB.
	idleCPU       = 0.01
	waitingMemory = 200
)

// waitingExecutions measures what executions cost that wait for a judgment.
func waitingExecutions(ctx context.Context) ([]row, error) {
	return withRig(ctx, func(r *rig) ([]row, error) {
		err := r.save(ctx, object{"name": "judged", "stages": []object{{"refId": "1", "type": "manualJudgment", "name": "Go?"}}})
		if err != nil {
			return nil, err
		}
		group, starting := errgroup.WithContext(ctx)
		group.SetLimit(atOnce)
		for range waiting {
			group.Go(func() error {
				_, err := r.agent.Client.Start(starting, application, "judged", spinnaker.Trigger{})
				return err
			})
		}
		if err := group.Wait(); err != nil {
			return nil, err
		}
		// What the starts left to do and to collect is over after this.
		if err := pause(ctx, idleLook/2); err != nil {
			return nil, err
		}
		before, err := cpuTime(r.agent.PID())
		if err != nil {
			return nil, err
		}
		if err := pause(ctx, idleLook); err != nil {
			return nil, err
		}
		after, err := cpuTime(r.agent.PID())
		if err != nil {
			return nil, err
		}
		_, resident, err := memory(r.agent.PID())
		if err != nil {
			return nil, err
		}
		share := float64(after-before) / float64(idleLook)
		name := fmt.Sprintf("%d waiting executions: ", waiting)
		return []row{
			{measure: name + "processor", here: fmt.Sprintf("%.2f %%", 100*share), against: fmt.Sprintf("%.0f %%", 100*idleCPU), ratio: share / idleCPU},
			{measure: name + "resident", here: fmt.Sprintf("%.1f MiB", resident), against: fmt.Sprintf("%d MiB", waitingMemory), ratio: resident / waitingMemory},
		}, nil
	})
}

const (
	// stored is how many executions the store holds; ran of them really ran, the others are copies of these.
	stored = 100_000
	ran    = 500
	// looks is how often each page is asked for, lookLimit the promise about the median.
	looks     = 200
	lookLimit = 20 * time.Millisecond
)

// manyExecutions measures how long pages of a store with many executions take.
func manyExecutions(ctx context.Context) ([]row, error) {
	return withRig(ctx, func(r *rig) ([]row, error) {
		if err := r.save(ctx, object{"name": "waits", "stages": waits(3)}); err != nil {
			return nil, err
		}
		if _, err := r.rate(ctx, ran, atOnce); err != nil {
			return nil, err
		}
		id, err := r.agent.Client.Start(ctx, application, "waits", spinnaker.Trigger{})
		if err != nil {
			return nil, err
		}
		if err := r.agent.Stop(); err != nil {
			return nil, err
		}
		if err := multiply(ctx, r.storeFile(), stored/ran-1); err != nil {
			return nil, err
		}
		if err := r.agent.Start(ctx); err != nil {
			return nil, err
		}
		var rows []row
		for _, page := range []struct{ name, path string }{
			{"list of 30, without details", "/applications/" + application + "/pipelines?limit=30&expand=false"},
			{"list of 30, whole", "/applications/" + application + "/pipelines?limit=30&expand=true"},
			{"search by trigger type and status", "/applications/" + application + "/executions/search?triggerTypes=manual&statuses=SUCCEEDED&size=30"},
			{"one execution", "/pipelines/" + id},
		} {
			var times []time.Duration
			for range looks {
				began := time.Now()
				if _, err := get(ctx, r.agent.URL+page.path); err != nil {
					return rows, err
				}
				times = append(times, time.Since(began))
			}
			rows = append(rows, heldAgainst(fmt.Sprintf("%d stored executions: %s, median", stored, page.name), quantile(times, 0.5), "", lookLimit))
		}
		return rows, nil
	})
}

// multiply adds copies of all executions to a store that no agent uses, each built an hour before the one that it was made
// of.
func multiply(ctx context.Context, file string, copies int) (err error) {
	db, err := sql.Open("sqlite", "file:"+file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	const hour = 3_600_000
	for i := range copies {
		suffix := fmt.Sprintf("-%d", i)
		for _, statement := range []string{
			`INSERT INTO execution SELECT id || $1, type, application, name, config_id, status, finished, waiting, build_time - $2,
				trigger_type, event_id, correlation_id, replace(head, id, id || $1), stage_order FROM execution WHERE id NOT LIKE '%-%'`,
			`INSERT INTO stage SELECT execution_id || $1, id, head, work, state, phase, due_at, NULL, epoch FROM stage
				WHERE execution_id NOT LIKE '%-%' AND $2 > 0`,
			`INSERT INTO part SELECT execution_id || $1, stage_id, name, document FROM part WHERE execution_id NOT LIKE '%-%' AND $2 > 0`,
		} {
			if _, err := db.ExecContext(ctx, statement, suffix, (i+1)*hour); err != nil {
				return fmt.Errorf("copy the executions: %w", err)
			}
		}
	}
	return nil
}
