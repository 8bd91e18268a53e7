package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/gennaker/gennaker/api/spinnaker"
)

const (
	// fleetMasters and fleetJobs are how many masters there are, and jobs on each; triggersEach is how many of the triggers on
	// them a pipeline has.
	fleetMasters = 30
	fleetJobs    = 500
	triggersEach = 10
	// fleetInterval is the masters' poll interval; fleetAllowance what a start may take on top of it.
	fleetInterval  = 10 * time.Second
	fleetAllowance = time.Second
	// fleetSeconds is how long each part is looked at, fleetRate how many builds finish per second, brokenMasters on how many
	// masters something is wrong in the last part.
	fleetSeconds  = 60
	fleetRate     = 50
	brokenMasters = 3
	// fleetMemory, in MiB, and fleetCPU, of one core, are the promises about the agent.
	fleetMemory = 150
	fleetCPU    = 0.5
	// igorPerBuild are Igor's requests for a finished build whose job was quiet, beside the list: the job's builds, and, when a
	// trigger names the job, the build, its changes, and for the property file the build and the file.
	igorPerBuild = 5
	// fewJobs are the jobs of a master that triggers name in the part in which they name few.
	fewJobs = 20
	// page is how many executions are read at once.
	page = 500
)

// manyMasters measures what the agent does for many masters with many jobs: while nothing happens, while builds finish, and
// while some masters fail.
func manyMasters(ctx context.Context) (rows []row, err error) {
	masters, err := startDoubles()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, masters.stop()) }()
	started, err := masters.do(order{Do: "start", Masters: fleetMasters, Jobs: fleetJobs})
	if err != nil {
		return nil, err
	}
	var configured []object
	for i, m := range started.Masters {
		configured = append(configured, object{"name": masterName(i), "address": m.URL, "username": m.User, "password": m.Token,
			"pollInterval": fleetInterval.String()})
	}
	config := object{"jenkins": object{"masters": configured}}
	return withRigOf(ctx, config, func(r *rig) ([]row, error) {
		f := &fleetRig{rig: r, masters: masters, igorBytes: started.IgorBytes, seen: map[string]bool{}}
		return f.take(ctx)
	})
}

func masterName(i int) string { return fmt.Sprintf("ci-%02d", i) }

// fleetRig is an agent beside many masters.
type fleetRig struct {
	*rig
	masters   *doubles
	igorBytes int
	// seen are the executions that were counted.
	seen map[string]bool
}

// part is what the agent used in a part of the measure.
type part struct {
	report
	cpu, resident float64
	load          string
}

func (f *fleetRig) take(ctx context.Context) ([]row, error) {
	rows, err := f.fewNamed(ctx)
	if err != nil {
		return rows, err
	}
	if err := f.savePipelines(ctx, fewJobs, fleetJobs); err != nil {
		return rows, err
	}
	if err := f.lookedAtAll(ctx); err != nil {
		return rows, err
	}
	quiet, err := f.during(func() error { return pause(ctx, fleetSeconds*time.Second) })
	if err != nil {
		return rows, err
	}
	rows = append(append(rows, quiet.rows("nothing happens")...), f.quietRows(quiet)...)

	o := order{Do: "finish", Seconds: fleetSeconds, PerSecond: fleetRate}
	busy, more, err := f.finishing(ctx, fmt.Sprintf("%d builds/s", fleetRate), o)
	rows = append(rows, more...)
	if err != nil {
		return rows, err
	}
	rows = append(rows, row{measure: fmt.Sprintf("%d builds/s: requests per build, beside one list per master and cycle", fleetRate),
		here:    fmt.Sprintf("%.2f", perBuild(busy)),
		against: fmt.Sprintf("%d (Igor)", igorPerBuild), ratio: perBuild(busy) / igorPerBuild})

	o.Tell = f.agent.URL
	_, more, err = f.finishing(ctx, fmt.Sprintf("%d builds/s, each with a notice", fleetRate), o)
	if rows = append(rows, more...); err != nil {
		return rows, err
	}

	o.Tell, o.Spared = "", brokenMasters
	if _, err := f.masters.do(order{Do: "break"}); err != nil {
		return rows, err
	}
	if err := pause(ctx, fleetInterval); err != nil {
		return rows, err
	}
	_, more, err = f.finishing(ctx, fmt.Sprintf("%d builds/s, one master hangs, one fails, one is slow", fleetRate), o)
	return append(rows, more...), err
}

// fewNamed measures what builds cost of which most are of jobs that no trigger names: Igor asks for the builds of each.
func (f *fleetRig) fewNamed(ctx context.Context) ([]row, error) {
	if err := f.savePipelines(ctx, 0, fewJobs); err != nil {
		return nil, err
	}
	if err := f.lookedAtAll(ctx); err != nil {
		return nil, err
	}
	var finished report
	p, err := f.during(func() (err error) {
		finished, err = f.masters.do(order{Do: "finish", Seconds: fleetSeconds, PerSecond: fleetRate})
		return err
	})
	if err != nil {
		return nil, err
	}
	igor := 0
	var named []end
	for _, e := range finished.Ends {
		igor++
		if e.Job < fewJobs {
			named = append(named, e)
			igor += igorPerBuild - 1
		}
	}
	if _, err := f.latencies(ctx, named); err != nil {
		return nil, err
	}
	builds := float64(len(finished.Ends))
	return []row{{
		measure: fmt.Sprintf("%d builds/s, triggers on %d jobs of %d: requests per build, beside the lists", fleetRate, fewJobs, fleetJobs),
		here:    fmt.Sprintf("%.2f", perBuild(p)), against: fmt.Sprintf("%.2f (Igor)", float64(igor)/builds), ratio: perBuild(p) * builds / float64(igor),
	}}, nil
}

func perBuild(p part) float64 {
	lists := fleetMasters * fleetSeconds / fleetInterval.Seconds()
	return (float64(p.Requests) - lists) / (fleetSeconds * fleetRate)
}

// finishing measures a part in which builds finish.
func (f *fleetRig) finishing(ctx context.Context, name string, o order) (part, []row, error) {
	var finished report
	p, err := f.during(func() (err error) {
		finished, err = f.masters.do(o)
		return err
	})
	if err != nil {
		return p, nil, err
	}
	latencies, err := f.latencies(ctx, finished.Ends)
	rows := append(p.rows(name),
		heldAgainst(name+": build finished → execution started, p95", quantile(latencies, 0.95), " (poll interval + 1 s)", fleetInterval+fleetAllowance),
		heldAgainst(name+": median", quantile(latencies, 0.5), " (half the poll interval)", fleetInterval/2),
		heldAgainst(name+": longest", quantile(latencies, 1), " (poll interval + 1 s)", fleetInterval+fleetAllowance))
	return p, rows, err
}

// savePipelines saves a trigger on each job of each master from one to before another.
func (f *fleetRig) savePipelines(ctx context.Context, from, to int) error {
	for m := range fleetMasters {
		var pipelines []object
		for first := from; first < to; first += triggersEach {
			var triggers []object
			for j := range triggersEach {
				triggers = append(triggers, object{"type": "jenkins", "enabled": true, "master": masterName(m),
					"job": folder + "/job/" + jobName(first+j), "propertyFile": "build.properties"})
			}
			pipelines = append(pipelines, object{"application": application, "name": fmt.Sprintf("%s-%03d", masterName(m), first),
				"stages": waits(1), "triggers": triggers})
		}
		if err := f.bulkSave(ctx, pipelines); err != nil {
			return err
		}
	}
	return nil
}

func (f *fleetRig) bulkSave(ctx context.Context, pipelines []object) error {
	body, err := json.Marshal(pipelines)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, f.agent.URL+"/pipelines/bulksave?application="+application, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("save pipelines: %w", err)
	}
	defer response.Body.Close()
	var answer struct {
		Failed int    `json:"failed_pipelines_count"`
		Text   string `json:"message"`
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, 1<<20)).Decode(&answer); err != nil {
		return fmt.Errorf("save pipelines: %s: %w", response.Status, err)
	}
	if response.StatusCode != http.StatusOK || answer.Failed > 0 {
		return fmt.Errorf("save pipelines: %s: %d failed %s", response.Status, answer.Failed, answer.Text)
	}
	return nil
}

// lookedAtAll waits until every master was looked at with all triggers known: the second list belongs to a look that began
// after the pipelines were saved, and that is over when the third comes.
func (f *fleetRig) lookedAtAll(ctx context.Context) error {
	const lists = 3
	if _, err := f.masters.do(order{Do: "count"}); err != nil {
		return err
	}
	seen := 0
	for range lists {
		err := until(ctx, 3*settleTime, "looks at all masters", func() (bool, error) {
			if err := pause(ctx, fleetInterval+fleetInterval/5); err != nil {
				return false, err
			}
			r, err := f.masters.do(order{Do: "count"})
			seen = r.Lists
			return seen > 0, err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// during measures what the agent uses while something goes on.
func (f *fleetRig) during(do func() error) (p part, err error) {
	if _, err := f.masters.do(order{Do: "count"}); err != nil {
		return p, err
	}
	before, err := cpuTime(f.agent.PID())
	if err != nil {
		return p, err
	}
	began := time.Now()
	if err := do(); err != nil {
		return p, err
	}
	after, err := cpuTime(f.agent.PID())
	if err != nil {
		return p, err
	}
	p.cpu = (after - before).Seconds() / time.Since(began).Seconds()
	p.load = load()
	if _, p.resident, err = memory(f.agent.PID()); err != nil {
		return p, err
	}
	p.report, err = f.masters.do(order{Do: "count"})
	return p, err
}

func (p part) rows(name string) []row {
	name = fmt.Sprintf("%d masters × %d jobs, %s: agent's ", fleetMasters, fleetJobs, name)
	return []row{
		{measure: name + "processor use (load " + p.load + ")", here: fmt.Sprintf("%.1f %%", 100*p.cpu),
			against: fmt.Sprintf("%.0f %% of a core", 100*fleetCPU), ratio: p.cpu / fleetCPU},
		{measure: name + "resident memory", here: fmt.Sprintf("%.1f MiB", p.resident), against: fmt.Sprintf("%d MiB", fleetMemory),
			ratio: p.resident / fleetMemory},
	}
}

// quietRows compare a quiet cycle with Igor's, which is one list too, and with one request per job.
func (f *fleetRig) quietRows(p part) []row {
	cycles := fleetMasters * fleetSeconds / fleetInterval.Seconds()
	requests, size := float64(p.Requests)/cycles, float64(p.Bytes)/cycles/fleetJobs
	igor := float64(f.igorBytes) / fleetJobs
	return []row{
		{measure: "quiet cycle of a master: requests", here: fmt.Sprintf("%.2f", requests), against: "1 (Igor)", ratio: requests},
		{measure: "quiet cycle of a master: requests, per job", here: fmt.Sprintf("%.4f", requests/fleetJobs), against: "1 (a request for each job)",
			ratio: requests / fleetJobs},
		{measure: "quiet cycle of a master: bytes before compression, per job", here: fmt.Sprintf("%.0f", size),
			against: fmt.Sprintf("%.0f (Igor)", igor), ratio: size / igor},
	}
}

// latencies waits for the executions of the builds, one for each, and compares their start times with the builds' ends.
func (f *fleetRig) latencies(ctx context.Context, ends []end) ([]time.Duration, error) {
	at := make(map[string]time.Time, len(ends))
	for _, e := range ends {
		at[fmt.Sprintf("%s %s/job/%s %d", masterName(e.Master), folder, jobName(e.Job), e.Number)] = e.At
	}
	// Reading them is work for the agent too: the last builds are left alone until they should have started something.
	if err := pause(ctx, fleetInterval+fleetAllowance); err != nil {
		return nil, err
	}
	var latencies []time.Duration
	err := until(ctx, 2*settleTime, fmt.Sprintf("%d executions", len(ends)), func() (bool, error) {
		started, err := f.started(ctx)
		for key, start := range started {
			finished, ours := at[key]
			if !ours {
				return false, fmt.Errorf("an execution was started by %s, which nobody finished, or a second one", key)
			}
			delete(at, key)
			latencies = append(latencies, start.Sub(finished))
		}
		if len(at) == 0 || err != nil {
			return true, err
		}
		return false, pause(ctx, time.Second)
	})
	if err != nil {
		err = fmt.Errorf("%d of %d builds started nothing: %w", len(at), len(ends), err)
	}
	return latencies, err
}

// started are the executions that were not counted before, by master, job and build.
func (f *fleetRig) started(ctx context.Context) (map[string]time.Time, error) {
	started := map[string]time.Time{}
	for first := 0; ; first += page {
		var executions []spinnaker.Execution
		address := fmt.Sprintf("/applications/%s/executions/search?startIndex=%d&size=%d", application, first, page)
		if err := f.agent.Client.Get(ctx, address, &executions); err != nil {
			return nil, err
		}
		for _, e := range executions {
			if f.seen[e.ID] || e.StartTime.Time().IsZero() {
				continue
			}
			f.seen[e.ID] = true
			key := fmt.Sprintf("%s %s %s", e.Trigger.Text("master"), e.Trigger.Text("job"), e.Trigger.Text("buildNumber"))
			if _, twice := started[key]; twice {
				return nil, fmt.Errorf("two executions were started by %s", key)
			}
			started[key] = e.StartTime.Time()
		}
		if len(executions) < page {
			return started, nil
		}
	}
}
