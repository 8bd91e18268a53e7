package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gennaker/gennaker/jenkins/jenkinstest"
)

// doublesArgument has the program be the Jenkins masters of a measure: in a process of their own, so that their work is not
// taken for the agent's, nor for the bench's.
const doublesArgument = "doubles"

// order is what the doubles are told, a line of JSON each; report is the line that answers it.
type order struct {
	// Do is "start", "count", "break" or "finish".
	Do string
	// Masters and Jobs are how many to start, and on how many of the first masters nothing finishes.
	Masters, Jobs, Spared int
	// Seconds is how long builds finish, PerSecond how many on all masters.
	Seconds, PerSecond int
	// Tell is the agent's address, to be told of each build at once; "" tells nothing.
	Tell string
}

type report struct {
	Error   string
	Masters []double
	Ends    []end
	// Requests and Bytes (before compression) are those since the last report of them, Lists the fewest lists of jobs that a
	// master was asked for.
	Requests, Bytes, Lists int
	// IgorBytes is how much a master answers to what Igor asks for in a cycle in which nothing has happened.
	IgorBytes int
}

// double is a Jenkins double.
type double struct{ URL, User, Token string }

// end is when a build finished.
type end struct {
	Master, Job, Number int
	At                  time.Time
}

// doubles are the masters as the bench sees them.
type doubles struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func startDoubles() (*doubles, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	d := &doubles{cmd: exec.Command(self, doublesArgument)}
	d.cmd.Stderr = os.Stderr
	if d.in, err = d.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	d.out = bufio.NewReader(out)
	return d, d.cmd.Start()
}

// do gives an order and waits until it is done.
func (d *doubles) do(o order) (r report, err error) {
	if err := json.NewEncoder(d.in).Encode(o); err != nil {
		return r, fmt.Errorf("the Jenkins doubles: %s: %w", o.Do, err)
	}
	line, err := d.out.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &r)
	}
	if err == nil && r.Error != "" {
		err = errors.New(r.Error)
	}
	if err != nil {
		return r, fmt.Errorf("the Jenkins doubles: %s: %w", o.Do, err)
	}
	return r, nil
}

// stop ends the process: its orders are over.
func (d *doubles) stop() error {
	return errors.Join(d.in.Close(), d.cmd.Wait())
}

// serveDoubles carries out orders until there are no more.
func serveDoubles(ctx context.Context, in io.Reader, out io.Writer) error {
	var masters fleet
	defer func() { masters.close() }()
	orders, answers := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var o order
		if err := orders.Decode(&o); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		r, err := masters.carryOut(ctx, o)
		if err != nil {
			r.Error = err.Error()
		}
		if err := answers.Encode(r); err != nil {
			return err
		}
	}
}

// fleet is a number of Jenkins doubles with jobs.
type fleet struct {
	servers []*jenkinstest.Server
	jobs    [][]*jenkinstest.Job
}

func (f *fleet) carryOut(ctx context.Context, o order) (report, error) {
	switch o.Do {
	case "start":
		return f.start(ctx, o)
	case "count":
		return f.count(), nil
	case "break":
		f.servers[0].Faults.Add(jenkinstest.Fault{Hang: true})
		f.servers[1].Faults.Add(jenkinstest.Fault{Status: http.StatusInternalServerError, Body: "broken"})
		f.servers[2].Faults.Add(jenkinstest.Fault{Delay: 5 * time.Second})
		return report{}, nil
	case "finish":
		return f.finish(ctx, o)
	default:
		return report{}, fmt.Errorf("unknown order %q", o.Do)
	}
}

func (f *fleet) start(ctx context.Context, o order) (r report, err error) {
	for m := range o.Masters {
		s, err := jenkinstest.Listen(jenkinstest.Options{Clock: jenkinstest.SystemClock{}})
		if err != nil {
			return r, err
		}
		f.servers = append(f.servers, s)
		f.jobs = append(f.jobs, make([]*jenkinstest.Job, o.Jobs))
		for i := range o.Jobs {
			f.jobs[m][i] = s.Job(folder+"/"+jobName(i), jenkinstest.Pipeline)
			f.jobs[m][i].FinishedTimes(earlierBuilds, "SUCCESS")
		}
		r.Masters = append(r.Masters, double{s.URL, s.Admin.ID, s.Admin.Token})
	}
	r.IgorBytes, err = f.igorBytes(ctx)
	return r, err
}

// igorBytes asks a master, in JSON, for what Igor asks for in each cycle.
//
// Source: spinnaker/spinnaker igor/igor-web jenkins/client/JenkinsClient.groovy.
func (f *fleet) igorBytes(ctx context.Context) (int, error) {
	const fields, levels = "name,lastBuild[actions[failCount,skipCount,totalCount,urlName],duration,number,timestamp,result,building,url]", 10
	tree := "jobs[" + strings.Repeat(fields+",jobs[", levels-1) + fields + strings.Repeat("]", levels)
	s := f.servers[0]
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/api/json?tree="+tree, nil)
	if err != nil {
		return 0, err
	}
	request.SetBasicAuth(s.Admin.ID, s.Admin.Token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	n, err := io.Copy(io.Discard, response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("ask what Igor asks: %s", response.Status)
	}
	return int(n), err
}

// count counts requests, and forgets them.
func (f *fleet) count() report {
	var r report
	for i, s := range f.servers {
		lists := 0
		for _, request := range s.Log.All() {
			r.Requests++
			r.Bytes += request.Bytes
			if request.Path == "/job/"+folder+"/api/json" || request.Path == "/api/json" {
				lists++
			}
		}
		s.Log.Reset()
		if i == 0 || lists < r.Lists {
			r.Lists = lists
		}
	}
	return r
}

// finish finishes builds of random jobs, evenly in time.
func (f *fleet) finish(ctx context.Context, o order) (r report, err error) {
	var told errgroup.Group
	told.SetLimit(maxTelling)
	defer func() { err = errors.Join(err, told.Wait()) }()
	random := rand.New(rand.NewPCG(1, 2))
	tick := time.NewTicker(time.Second / time.Duration(o.PerSecond))
	defer tick.Stop()
	for range o.Seconds * o.PerSecond {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return r, ctx.Err()
		}
		m := o.Spared + random.IntN(len(f.servers)-o.Spared)
		j := random.IntN(len(f.jobs[m]))
		e := end{Master: m, Job: j, At: time.Now()}
		e.Number = f.jobs[m][j].Finished("SUCCESS", jenkinstest.File{Path: "build.properties", Data: []byte("imageName=shop:1\n")}).Number()
		r.Ends = append(r.Ends, e)
		if o.Tell != "" {
			told.Go(func() error { return tell(ctx, o.Tell, e) })
		}
	}
	return r, nil
}

// maxTelling is how many notices are under way at one time.
const maxTelling = 32

// tell sends the agent a notice of a build, as a step of the build would.
func tell(ctx context.Context, agent string, e end) error {
	body := fmt.Sprintf(`{"job": "%s/%s", "number": %d}`, folder, jobName(e.Job), e.Number)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, agent+"/webhooks/jenkins/"+masterName(e.Master), strings.NewReader(body))
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil || response.StatusCode != http.StatusOK {
		return errors.Join(err, fmt.Errorf("a notice was answered %s", response.Status))
	}
	return nil
}

func (f *fleet) close() {
	for _, s := range f.servers {
		if err := s.Close(); err != nil {
			fmt.Fprintln(os.Stderr, "bench: close a Jenkins double:", err)
		}
	}
}

// jobName is that of a job of a measure.
func jobName(i int) string { return fmt.Sprintf("service-%03d", i) }
