package delivery

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gennaker/gennaker/api/spinnaker"
	"github.com/gennaker/gennaker/jenkins/jenkinstest"
	"github.com/gennaker/gennaker/scripts/demo/world"
)

// A property file that is late, missing, empty or malformed: the verdict names master, job, build, file and what came back.
func TestPropertyFile(t *testing.T) {
	w := newWorld(t, nil)
	agent := startAgent(t, w)
	save(t, w, agent, w.PipelineConfig("preview", w.BakeStage()))
	const properties = "imageName=r.example/shipit:1\n"
	for _, c := range []struct {
		name  string
		files []jenkinstest.File
		// reason are parts of the verdict; properties is what the execution's trigger has.
		reason     []string
		properties string
	}{
		{"there", []jenkinstest.File{{Path: "build.properties", Data: []byte(properties)}}, nil, "r.example/shipit:1"},
		{"five seconds late", []jenkinstest.File{{Path: "build.properties", Data: []byte(properties), Late: 5 * time.Second}}, nil, "r.example/shipit:1"},
		{"missing", []jenkinstest.File{{Path: "other.txt", Data: []byte("x")}}, []string{"build.properties", "not among the archived artifacts", "other.txt"}, ""},
		{"empty", []jenkinstest.File{{Path: "build.properties"}}, []string{"build.properties", "empty"}, ""},
		{"malformed", []jenkinstest.File{{Path: "build.properties", Data: []byte("imageName=\\u12zz\n")}}, []string{"build.properties", "malformed", "line 1"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			found := event(t, agent, w.Build.Finished("SUCCESS", c.files...).Number())
			verdict := found.Verdicts[0]
			t.Log(verdict.Reason)
			for _, text := range append(c.reason, world.Master, "shipitclicker") {
				if !strings.Contains(verdict.Reason, text) {
					t.Errorf("the verdict lacks %q: %s", text, verdict.Reason)
				}
			}
			execution := finished(t, agent, verdict.ExecutionID)
			got, _ := execution.Trigger.Object("properties")["imageName"].(string)
			if got != c.properties {
				t.Errorf("trigger.properties.imageName is %q, want %q", got, c.properties)
			}
			if reason := execution.Trigger.Text("propertiesError"); (reason == "") != (c.properties != "") {
				t.Errorf("trigger.propertiesError is %q", reason)
			}
		})
	}
}

// A strict trigger refuses a start without its property file, and keeps the refusal as an execution.
func TestStrictPropertyFile(t *testing.T) {
	w := newWorld(t, nil)
	agent := startAgent(t, w)
	pipeline := w.PipelineConfig("preview", w.BakeStage())
	pipeline["triggers"].([]map[string]any)[0]["strict"] = true
	save(t, w, agent, pipeline)
	found := event(t, agent, w.Build.Finished("SUCCESS", jenkinstest.File{Path: "build.properties"}).Number())
	verdict := found.Verdicts[0]
	if verdict.Outcome != "failed" {
		t.Fatalf("outcome %q, want failed: %s", verdict.Outcome, verdict.Reason)
	}
	execution := finished(t, agent, verdict.ExecutionID)
	if execution.Status != spinnaker.Terminal || !strings.Contains(execution.CancellationReason, "empty") {
		t.Errorf("the execution is %s: %s", execution.Status, execution.CancellationReason)
	}
}

// Whatever happens to Jenkins or before it, the build is announced once, when Jenkins is back.
func TestJenkinsFaults(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault jenkinstest.Fault
		// person: only a person can help, so the agent looks again only after minutes, or when it is started anew.
		person bool
	}{
		{"away", jenkinstest.Fault{Drop: true}, false},
		{"a proxy's page", jenkinstest.Gateway(http.StatusBadGateway), false},
		{"HTML in place of JSON", jenkinstest.Fault{LoginPage: true}, true},
		{"a half-sent body", jenkinstest.Fault{Truncate: 40}, false},
		{"403", jenkinstest.Fault{Status: http.StatusForbidden, Body: "<html>Access Denied</html>"}, true},
		{"starting", jenkinstest.Fault{Starting: true}, false},
		{"slow", jenkinstest.Fault{Delay: 2 * time.Second}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			agent := startAgent(t, w)
			save(t, w, agent, w.PipelineConfig("preview", w.BakeStage()))
			seen := w.Jenkins.Log.Count("GET", "/api/json")
			// Long enough to be met a few times, short enough that the growing pauses stay short.
			c.fault.Times = 2
			w.Jenkins.Faults.Add(c.fault)
			build := w.FinishBuild("r.example/shipit:1")
			eventually(t, "the fault is met", func() bool { return w.Jenkins.Log.Count("GET", "/api/json") > seen })
			if c.person {
				w.Jenkins.Faults.Clear()
				if err := agent.Stop(); err != nil {
					t.Fatal(err)
				}
				if err := agent.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			found := event(t, agent, build)
			mustSucceed(t, finished(t, agent, found.Verdicts[0].ExecutionID))
		})
	}
}

// What is wrong with an input artifact is said with its name, what was tried and what came back.
func TestArtifactFaults(t *testing.T) {
	w := newWorld(t, nil)
	agent := startAgent(t, w)
	for _, c := range []struct {
		name   string
		change func(chart map[string]any)
		texts  []string
	}{
		{"wrong host", func(a map[string]any) {
			a["reference"] = "https://api.gitgub.invalid/repos/o/r/contents/helm.tar.gz"
		}, []string{"github/file", "helm.tar.gz", "api.gitgub.invalid", "reference"}},
		{"missing chart", func(a map[string]any) { a["reference"] = w.GitHub.Reference("nothing.tar.gz") }, []string{"helm.tar.gz", "404"}},
		{"unknown account", func(a map[string]any) { a["artifactAccount"] = "nobody" }, []string{"nobody"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			pipeline := w.PipelineConfig("preview "+c.name, w.BakeStage())
			delete(pipeline, "triggers")
			chart := pipeline["expectedArtifacts"].([]map[string]any)[0]["defaultArtifact"].(map[string]any)
			c.change(chart)
			stage := pipeline["stages"].([]map[string]any)[0]
			stage["inputArtifacts"] = []map[string]any{{"id": "chart"}, {"id": "values"}}
			mustFail(t, startByHand(t, agent, pipeline), "Bake", c.texts...)
		})
	}
}
