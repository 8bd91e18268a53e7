package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/gennaker/gennaker/api/client"
	"github.com/gennaker/gennaker/api/echo"
	"github.com/gennaker/gennaker/api/spinnaker"
	"github.com/gennaker/gennaker/jenkins/jenkinstest"
)

// defaultConfig is what agents run on where the script has no gennaker.yaml.
const defaultConfig = "server: {listen: $LISTEN}\n"

type command = func(ts *testscript.TestScript, neg bool, args []string)

// commands are those of the scripts beside testscript's own.
func commands() map[string]command {
	return map[string]command{
		// agent start|stop|kill: one agent on gennaker.yaml, at GENNAKER_URL.
		"agent": agentCommand,
		// jenkins start: a double with which $JENKINS_URL and $JENKINS_TOKEN of gennaker.yaml are filled in.
		// jenkins job JOB: a job; returns once the agent has seen it.
		// jenkins finish JOB RESULT [FILE…]: a build that archives files, which ends at once.
		"jenkins": jenkinsCommand,
		// expand FILE: fills in $LISTEN, the agent's address, in a configuration.
		"expand": expandCommand,
		// certificate: tls.crt and tls.key for this machine.
		"certificate": func(ts *testscript.TestScript, _ bool, _ []string) { ts.Check(writeCertificate(ts.Getenv("WORK"))) },
		// save FILE: a pipeline.
		"save": saveCommand,
		// latest APPLICATION [FILE]: the newest execution to standard output, its id to EXECUTION.
		"latest": latestCommand,
		// until APPLICATION STATUS: the newest execution has that status.
		// until decided JOB BUILD: the agent has decided on that build.
		"until": untilCommand,
		// event JOB BUILD: the id of a build's event to EVENT.
		"event": eventCommand,
		// signal TERM: to the command in the background.
		"signal": signalCommand,
	}
}

func worldOf(ts *testscript.TestScript) *world { return ts.Value(worldKey{}).(*world) }

func connect(ts *testscript.TestScript) *client.Client {
	c, err := client.New(client.Options{URL: worldOf(ts).url, CA: ts.Getenv("GENNAKER_CA"), Token: ts.Getenv("TOKEN")})
	ts.Check(err)
	return c
}

func agentCommand(ts *testscript.TestScript, _ bool, args []string) {
	w := worldOf(ts)
	switch args[0] {
	case "start":
		config := defaultConfig
		if text, err := os.ReadFile(ts.MkAbs("gennaker.yaml")); err == nil {
			config = string(text)
		}
		ts.Defer(func() { ts.Check(w.close()) })
		ts.Check(w.startAgent(config))
		ts.Setenv("GENNAKER_URL", w.url)
	case "stop":
		ts.Check(w.stopAgent())
	case "kill":
		ts.Check(w.killAgent())
	default:
		ts.Fatalf("usage: agent start|stop|kill")
	}
}

func expandCommand(ts *testscript.TestScript, _ bool, args []string) {
	text, err := worldOf(ts).expand(ts.ReadFile(args[0]))
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

func jenkinsCommand(ts *testscript.TestScript, _ bool, args []string) {
	w := worldOf(ts)
	switch args[0] {
	case "start":
		ts.Check(w.startJenkins())
		ts.Defer(func() { ts.Check(w.close()) })
	case "job":
		w.jenkins.Job(args[1], jenkinstest.Freestyle)
		w.jenkins.Log.Reset()
		ts.Check(until("the agent looks at Jenkins", func(context.Context) (bool, error) {
			return w.jenkins.Log.Count(http.MethodGet, "/api/json") >= 2, nil
		}))
	case "finish":
		var files []jenkinstest.File
		for _, name := range args[3:] {
			files = append(files, jenkinstest.File{Path: filepath.Base(name), Data: []byte(ts.ReadFile(name))})
		}
		w.jenkins.Job(args[1], jenkinstest.Freestyle).Finished(args[2], files...)
	default:
		ts.Fatalf("usage: jenkins start|job|finish")
	}
}

func saveCommand(ts *testscript.TestScript, _ bool, args []string) {
	c := connect(ts)
	defer c.Close()
	ts.Check(c.SavePipeline(context.Background(), json.RawMessage(ts.ReadFile(args[0]))))
}

// latest reads the newest execution of an application; nil while there is none.
func latest(ctx context.Context, c *client.Client, application string) (*spinnaker.Execution, error) {
	var executions []*spinnaker.Execution
	err := c.Get(ctx, "/applications/"+url.PathEscape(application)+"/pipelines?limit=1", &executions)
	if err != nil || len(executions) == 0 {
		return nil, err
	}
	return executions[0], nil
}

func latestCommand(ts *testscript.TestScript, _ bool, args []string) {
	c := connect(ts)
	defer c.Close()
	execution, err := latest(context.Background(), c, args[0])
	ts.Check(err)
	if execution == nil {
		ts.Fatalf("application %s has no execution", args[0])
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetIndent("", "  ")
	ts.Check(encoder.Encode(execution))
	ts.Setenv("EXECUTION", execution.ID)
	_, err = ts.Stdout().Write(text.Bytes())
	ts.Check(err)
}

// eventsOf reads the event of a build.
func eventsOf(ctx context.Context, c *client.Client, job, build string) (events []echo.Event, err error) {
	err = c.Get(ctx, "/gennaker/events?"+url.Values{"type": {"build"}, "source": {"ci"}, "name": {job}, "number": {build}}.Encode(), &events)
	return events, err
}

func eventCommand(ts *testscript.TestScript, _ bool, args []string) {
	c := connect(ts)
	defer c.Close()
	events, err := eventsOf(context.Background(), c, args[0], args[1])
	ts.Check(err)
	if len(events) != 1 {
		ts.Fatalf("build %s of %s has %d events", args[1], args[0], len(events))
	}
	ts.Setenv("EVENT", events[0].ID)
}

func untilCommand(ts *testscript.TestScript, _ bool, args []string) {
	c := connect(ts)
	defer c.Close()
	if args[0] == "decided" {
		ts.Check(until("build "+args[2]+" is decided", func(ctx context.Context) (bool, error) {
			events, err := eventsOf(ctx, c, args[1], args[2])
			if err != nil || len(events) == 0 {
				return false, err
			}
			for _, verdict := range events[0].Verdicts {
				if verdict.Outcome == "undecided" {
					return false, nil
				}
			}
			return true, nil
		}))
		return
	}
	last := "there is no execution"
	err := until("the execution is "+args[1], func(ctx context.Context) (bool, error) {
		execution, err := latest(ctx, c, args[0])
		if err != nil || execution == nil {
			return false, err
		}
		last = "it is " + string(execution.Status)
		return string(execution.Status) == args[1], nil
	})
	if err != nil {
		ts.Fatalf("%v; %s", err, last)
	}
}

func signalCommand(ts *testscript.TestScript, _ bool, args []string) {
	signals := map[string]syscall.Signal{"TERM": syscall.SIGTERM, "INT": syscall.SIGINT}
	for _, cmd := range ts.BackgroundCmds() {
		if err := cmd.Process.Signal(signals[args[0]]); err != nil {
			ts.Fatalf("signal %s: %v", strings.Join(cmd.Args, " "), fmt.Errorf("%s: %w", args[0], err))
		}
	}
}
