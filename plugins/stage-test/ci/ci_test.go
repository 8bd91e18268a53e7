package ci_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/gennaker/gennaker/plugins/plugintest"
	"github.com/gennaker/gennaker/plugins/sdk"
	"github.com/gennaker/gennaker/plugins/stage-test/ci"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// lab is a stage of the type `jenkins` with a master that has one job.
type lab struct {
	*plugintest.Plugin
	t       *testing.T
	host    *plugintest.Host
	jenkins *plugintest.Jenkins
	config  sdk.Config
	// state is what the next step gets.
	state []byte
}

func newLab(t *testing.T, config sdk.Config) *lab {
	t.Helper()
	jenkins := &plugintest.Jenkins{Jobs: map[string][]string{"ci": {"shop/job/smoke"}}}
	host := &plugintest.Host{Jenkins: jenkins}
	all := sdk.Config{"master": "ci", "job": "shop/job/smoke"}
	maps.Copy(all, config)
	return &lab{
		Plugin: plugintest.Start(t, sdk.Plugin{Name: "stage-test", Version: "1", Stages: []sdk.Stage{ci.Jenkins{}}}, host),
		t:      t, host: host, jenkins: jenkins, config: all,
	}
}

// step performs the next step.
func (l *lab) step() *plugintest.Step {
	l.t.Helper()
	step, err := l.Run(l.t.Context(), sdk.Request{Config: l.config, State: l.state})
	if err != nil {
		l.t.Fatal(err)
	}
	l.state = step.State
	return step
}

// lose performs the next step and loses its answer: only its checkpoints are left.
func (l *lab) lose() {
	l.t.Helper()
	before := l.state
	l.step()
	l.state = before
	if checkpoint := l.host.LastCheckpoint(); checkpoint != nil {
		l.state = checkpoint
	}
}

// age makes everything in the state older.
func (l *lab) age(d time.Duration) {
	l.t.Helper()
	var value any
	if err := json.Unmarshal(l.state, &value); err != nil {
		l.t.Fatal(err)
	}
	var err error
	if l.state, err = json.Marshal(older(value, d)); err != nil {
		l.t.Fatal(err)
	}
}

func older(value any, d time.Duration) any {
	switch value := value.(type) {
	case map[string]any:
		for key := range value {
			value[key] = older(value[key], d)
		}
	case []any:
		for i := range value {
			value[i] = older(value[i], d)
		}
	case string:
		if t, err := time.Parse(time.RFC3339Nano, value); err == nil {
			return t.Add(-d).Format(time.RFC3339Nano)
		}
	}
	return value
}

// expect checks a step's status and a part of its message.
func expect(t *testing.T, step *plugintest.Step, status sdk.Status, message string) {
	t.Helper()
	if step.Status != status || !strings.Contains(step.Message, message) {
		t.Errorf("got %s %q, expected %s with %q", step.Status, step.Message, status, message)
	}
}

// started brings the stage to a running build with number 7.
func (l *lab) started() {
	l.t.Helper()
	expect(l.t, l.step(), sdk.Running, "")
	l.jenkins.Begin(1, 7)
	l.jenkins.Update(1, func(b *plugintest.JenkinsBuild) { b.URL = "http://ci/job/shop/job/smoke/7/" })
	expect(l.t, l.step(), sdk.Running, `jenkins "ci": build 7 of "shop/job/smoke" is running: http://ci/job/shop/job/smoke/7/console`)
}

func taskList(step *plugintest.Step) []string {
	var list []string
	for _, task := range step.Tasks {
		list = append(list, task.Name+" "+string(task.Status))
	}
	return list
}

func TestBuildThatSucceeds(t *testing.T) {
	l := newLab(t, sdk.Config{
		"propertyFile": "build.properties",
		"parameters":   map[string]any{"IMAGE": "shop:1", "COUNT": json.Number("3"), "DRY": true, "LIST": []any{"a"}, "NONE": nil},
	})
	step := l.step()
	expect(t, step, sdk.Running, "")
	if step.Context["queuedBuild"] != json.Number("1") || step.RequeueAfter != time.Second {
		t.Errorf("queued: %+v", step)
	}
	want := map[string]string{"IMAGE": "shop:1", "COUNT": "3", "DRY": "true", "LIST": `["a"]`}
	if diff := cmp.Diff(want, l.jenkins.Builds()[0].Parameters); diff != "" {
		t.Errorf("parameters (-want +got):\n%s", diff)
	}
	l.jenkins.Update(1, func(b *plugintest.JenkinsBuild) { b.Why = "Waiting for next available executor" })
	expect(t, l.step(), sdk.Running, "Waiting for next available executor")

	l.jenkins.Begin(1, 7)
	step = l.step()
	expect(t, step, sdk.Running, `jenkins "ci": build 7 of "shop/job/smoke" is running`)
	if diff := cmp.Diff([]string{"startJenkinsJob SUCCEEDED", "waitForJenkinsJobStart SUCCEEDED", "monitorJenkinsJob RUNNING"},
		taskList(step)); diff != "" {
		t.Errorf("tasks (-want +got):\n%s", diff)
	}

	l.jenkins.Finish(1, "SUCCESS")
	l.jenkins.Update(1, func(b *plugintest.JenkinsBuild) {
		b.URL = "http://ci/7"
		b.Info = map[string]any{"name": "smoke", "artifacts": []any{map[string]any{
			"fileName": "report.xml", "displayPath": "report.xml", "relativePath": "out/report.xml"}}}
		b.Properties = map[string]sdk.BuildProperties{"build.properties": {
			State: sdk.PropertiesFound, Properties: map[string]any{"version": "1.2", "size": json.Number("1.50")}}}
	})
	step = l.step()
	expect(t, step, sdk.Succeeded, `jenkins "ci": build 7 of "shop/job/smoke": SUCCESS: http://ci/7/console`)
	info := map[string]any{
		"name": "smoke", "number": json.Number("7"), "building": false, "result": "SUCCESS", "url": "http://ci/7",
		"artifacts": []any{map[string]any{
			"fileName": "report.xml", "displayPath": "report.xml", "relativePath": "out/report.xml"}},
	}
	contents := map[string]any{"version": "1.2", "size": json.Number("1.50")}
	outputs := map[string]any{
		"buildInfo": info, "version": "1.2", "size": json.Number("1.50"), "propertyFileContents": contents,
	}
	if diff := cmp.Diff(outputs, step.Outputs); diff != "" {
		t.Errorf("outputs (-want +got):\n%s", diff)
	}
	maps.Copy(outputs, map[string]any{"buildNumber": json.Number("7"), "consoleUrl": "http://ci/7/console"})
	if diff := cmp.Diff(outputs, step.Context); diff != "" {
		t.Errorf("context (-want +got):\n%s", diff)
	}
	artifacts := []sdk.Artifact{{
		Type: "jenkins/file", Name: "shop/job/smoke", Version: "7", Reference: "out/report.xml",
		Metadata: map[string]any{"fileName": "report.xml", "displayPath": "report.xml", "relativePath": "out/report.xml", "decorated": false},
	}}
	if diff := cmp.Diff(artifacts, step.Artifacts); diff != "" {
		t.Errorf("artifacts (-want +got):\n%s", diff)
	}
	if got := strings.Join(taskList(step), ", "); got != "startJenkinsJob SUCCEEDED, waitForJenkinsJobStart SUCCEEDED, "+
		"monitorJenkinsJob SUCCEEDED, getBuildProperties SUCCEEDED" {
		t.Errorf("tasks %s", got)
	}
	for _, task := range step.Tasks {
		if task.Start.IsZero() || task.End.IsZero() {
			t.Errorf("task %+v has no times", task)
		}
	}
	if n := len(l.jenkins.Builds()); n != 1 {
		t.Errorf("%d builds", n)
	}
}

func TestResults(t *testing.T) {
	tests := []struct {
		result  string
		config  sdk.Config
		status  sdk.Status
		errors  string
		message string
	}{
		{"SUCCESS", nil, sdk.Succeeded, "", ": SUCCESS: "},
		{"UNSTABLE", nil, sdk.Terminal, "Job is unstable", ": UNSTABLE: "},
		{"UNSTABLE", sdk.Config{"markUnstableAsSuccessful": true}, sdk.Succeeded, "", ": UNSTABLE: "},
		{"UNSTABLE", sdk.Config{"markUnstableAsSuccessful": "true"}, sdk.Succeeded, "", ": UNSTABLE: "},
		{"FAILURE", nil, sdk.Terminal, "Job failed (see Jenkins)", ": FAILURE: http://ci/job/shop/job/smoke/7/console"},
		{"ABORTED", nil, sdk.Canceled, "Job was aborted (see Jenkins)", ": ABORTED: "},
		{"NOT_BUILT", nil, sdk.Running, "", "is running"},
		{"", nil, sdk.Running, "", "is running"},
		{"BROKEN", nil, sdk.Terminal, "", `ended with the result "BROKEN", which this stage does not know`},
	}
	for _, test := range tests {
		t.Run(test.result, func(t *testing.T) {
			l := newLab(t, test.config)
			l.started()
			l.jenkins.Finish(1, test.result)
			step := l.step()
			expect(t, step, test.status, test.message)
			if test.errors != "" && !strings.Contains(strings.Join(step.Errors, "; "), test.errors) {
				t.Errorf("errors %q", step.Errors)
			}
		})
	}
}

func TestStageThatDoesNotWait(t *testing.T) {
	for _, no := range []any{false, "false"} {
		l := newLab(t, sdk.Config{"waitForCompletion": no, "propertyFile": "x.properties"})
		expect(t, l.step(), sdk.Running, "")
		l.jenkins.Begin(1, 7)
		step := l.step()
		expect(t, step, sdk.Succeeded, `jenkins "ci": build 7 of "shop/job/smoke" was started`)
		if step.Context["buildNumber"] != json.Number("7") || len(step.Tasks) != 2 {
			t.Errorf("got %+v", step)
		}
	}
}

func TestLostStepDoesNotStartASecondBuild(t *testing.T) {
	unavailable := status.Error(codes.Unavailable, "the agent is gone")
	tests := []struct {
		name string
		// lose says how the answer to StartBuild got lost.
		lose func(l *lab)
		// found is what happened to the build meanwhile.
		found func(l *lab)
	}{
		{"plugin lost after the start", func(l *lab) { l.lose() }, func(*lab) {}},
		{"answer of Jenkins lost", func(l *lab) {
			l.jenkins.AfterStart = func(plugintest.JenkinsBuild) error { return unavailable }
			expect(l.t, l.step(), sdk.Running, "Looking for the build that may have been started")
		}, func(*lab) {}},
		{"agent lost before the second checkpoint", func(l *lab) {
			l.host.OnCheckpoint = func(state []byte) error {
				if strings.Contains(string(state), `"queueItem"`) {
					return unavailable
				}
				return nil
			}
			l.lose()
		}, func(*lab) {}},
		{"started meanwhile", func(l *lab) { l.lose() }, func(l *lab) { l.jenkins.Begin(1, 7) }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			l := newLab(t, sdk.Config{"parameters": map[string]any{"A": "b"}})
			test.lose(l)
			l.jenkins.AfterStart = nil
			test.found(l)
			l.step()
			if l.jenkins.Builds()[0].Number == 0 {
				l.jenkins.Begin(1, 7)
			}
			expect(t, l.step(), sdk.Running, "build 7 of")
			l.jenkins.Finish(1, "SUCCESS")
			expect(t, l.step(), sdk.Succeeded, "SUCCESS")
			if n := len(l.jenkins.Builds()); n != 1 {
				t.Errorf("%d builds were started", n)
			}
		})
	}
}

func TestOutcomeUnknown(t *testing.T) {
	lost := func(l *lab) {
		l.jenkins.BeforeStart = func(plugintest.JenkinsBuild) error { return status.Error(codes.Unknown, "connection reset") }
		expect(l.t, l.step(), sdk.Running, "Looking for the build that may have been started")
		l.jenkins.BeforeStart = nil
		expect(l.t, l.step(), sdk.Running, "Looking for the build that may have been started") // not yet
		l.age(time.Minute)
	}
	two := func(l *lab) {
		for range 2 {
			l.jenkins.Add(plugintest.JenkinsBuild{Master: "ci", Job: "shop/job/smoke", RequestedAt: time.Now().Add(time.Hour)})
		}
	}
	t.Run("not found", func(t *testing.T) {
		l := newLab(t, nil)
		lost(l)
		step := l.step()
		expect(t, step, sdk.Terminal, `jenkins "ci": outcome unknown: a build of "shop/job/smoke" may have been started at `)
		expect(t, step, sdk.Terminal, "but no build of that time and with those parameters is in the queue or among the builds. "+
			"Look at the job, then restart the stage or skip it")
		if n := len(l.jenkins.Builds()); n != 0 {
			t.Errorf("%d builds", n)
		}
	})
	t.Run("several", func(t *testing.T) {
		l := newLab(t, nil)
		lost(l)
		two(l)
		expect(t, l.step(), sdk.Terminal, "but several builds of that time have those parameters")
	})
	t.Run("told to retry", func(t *testing.T) {
		l := newLab(t, sdk.Config{"retryUnknownOutcome": true})
		lost(l)
		step := l.step()
		expect(t, step, sdk.Running, "")
		if n := len(l.jenkins.Builds()); n != 1 || step.Context["queuedBuild"] == nil {
			t.Errorf("%d builds, %+v", n, step)
		}
	})
}

func TestStartIsRefused(t *testing.T) {
	l := newLab(t, nil)
	l.jenkins.BeforeStart = func(plugintest.JenkinsBuild) error {
		return status.Error(codes.FailedPrecondition, "Job 'smoke' is not buildable. It may be disabled.")
	}
	step := l.step()
	expect(t, step, sdk.Terminal,
		`jenkins "ci": start a build of "shop/job/smoke": Job 'smoke' is not buildable. It may be disabled.`)
	if step.Class != plugintest.Failed || step.Tasks[0].Status != sdk.Terminal {
		t.Errorf("got %+v", step)
	}
}

func TestStartIsRepeatedWhenNothingWasDone(t *testing.T) {
	l := newLab(t, nil)
	l.jenkins.BeforeStart = func(plugintest.JenkinsBuild) error { return status.Error(codes.Aborted, "connection refused") }
	step := l.step()
	if step.Status != sdk.Running || step.Class != plugintest.Retryable {
		t.Fatalf("got %+v", step)
	}
	l.jenkins.BeforeStart = nil
	expect(t, l.step(), sdk.Running, "")
	if n := len(l.jenkins.Builds()); n != 1 {
		t.Errorf("%d builds", n)
	}

	l = newLab(t, nil)
	l.jenkins.BeforeStart = func(plugintest.JenkinsBuild) error { return status.Error(codes.Aborted, "connection refused") }
	l.step()
	l.age(16 * time.Minute)
	expect(t, l.step(), sdk.Terminal, `jenkins "ci": no build of "shop/job/smoke" could be started within 15m0s`)
}

func TestNothingIsStartedWithoutACheckpoint(t *testing.T) {
	l := newLab(t, nil)
	l.host.OnCheckpoint = func([]byte) error { return status.Error(codes.Unavailable, "the store is busy") }
	step := l.step()
	if step.Class != plugintest.Retryable || len(l.jenkins.Builds()) != 0 {
		t.Errorf("got %+v, builds %v", step, l.jenkins.Builds())
	}
}

func TestQueue(t *testing.T) {
	t.Run("canceled there", func(t *testing.T) {
		l := newLab(t, nil)
		l.step()
		l.jenkins.Update(1, func(b *plugintest.JenkinsBuild) { b.State = sdk.BuildCanceled })
		expect(t, l.step(), sdk.Canceled, `jenkins "ci": the build of "shop/job/smoke" was canceled in the queue`)
	})
	t.Run("too long", func(t *testing.T) {
		l := newLab(t, nil)
		l.step()
		l.age(3 * time.Hour)
		expect(t, l.step(), sdk.Terminal, "was still in the queue after 2h0m0s")
	})
	t.Run("longer than the stage says", func(t *testing.T) {
		l := newLab(t, sdk.Config{"stageTimeoutMs": json.Number("60000")})
		l.step()
		l.age(2 * time.Minute)
		expect(t, l.step(), sdk.Terminal, "was still in the queue after 1m0s")
	})
	t.Run("item lost", func(t *testing.T) {
		l := newLab(t, nil)
		l.step()
		l.jenkins.Update(1, func(b *plugintest.JenkinsBuild) { b.State = sdk.BuildNotFound })
		expect(t, l.step(), sdk.Running, "Queue item 1 is not to be found yet")
		l.age(time.Minute)
		expect(t, l.step(), sdk.Terminal, `jenkins "ci": queue item 1 of "shop/job/smoke" is gone and no build carries it`)
	})
	t.Run("item found again", func(t *testing.T) {
		l := newLab(t, nil)
		l.step()
		l.jenkins.Update(1, func(b *plugintest.JenkinsBuild) { b.State = sdk.BuildNotFound })
		l.step()
		l.jenkins.Begin(1, 7)
		expect(t, l.step(), sdk.Running, "is running")
	})
}

func TestJenkinsAway(t *testing.T) {
	l := newLab(t, nil)
	l.started()
	l.jenkins.Unavailable = status.Error(codes.Unavailable, "connection refused")
	step := l.step()
	if step.Class != plugintest.Retryable || step.Message != `jenkins "ci": build 7 of "shop/job/smoke": connection refused` {
		t.Errorf("got %+v", step)
	}
	l.jenkins.Unavailable = errors.New("the answer was cut off")
	if step := l.step(); step.Class != plugintest.Retryable {
		t.Errorf("got %+v", step)
	}
	l.jenkins.Unavailable = nil
	expect(t, l.step(), sdk.Running, "is running")
	l.jenkins.Unavailable = status.Error(codes.Unavailable, "connection refused")
	l.age(3 * time.Hour)
	expect(t, l.step(), sdk.Terminal, "the time is over, and the last attempt failed")
}

func TestBuildThatDoesNotEnd(t *testing.T) {
	l := newLab(t, nil)
	l.started()
	l.age(30 * time.Second)
	if step := l.step(); step.RequeueAfter < 3*time.Second || step.RequeueAfter > 10*time.Second {
		t.Errorf("asks again after %s", step.RequeueAfter)
	}
	l.age(3 * time.Hour)
	expect(t, l.step(), sdk.Terminal, "has not ended within 2h0m0s")
}

func TestPropertyFile(t *testing.T) {
	const expected = "Expected properties file build.properties but it was either missing, empty or contained invalid syntax"
	tests := []struct {
		name  string
		state sdk.PropertiesState
		want  string
	}{
		{"empty", sdk.PropertiesEmpty, `the archived file "build.properties" is empty: 0 bytes`},
		{"without properties", sdk.PropertiesFound, `the archived file "build.properties" is empty: 0 bytes`},
		{"malformed", sdk.PropertiesMalformed, `the archived file "build.properties" is malformed: 0 bytes`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			l := newLab(t, sdk.Config{"propertyFile": "build.properties"})
			l.started()
			l.jenkins.Finish(1, "SUCCESS")
			l.jenkins.Update(1, func(b *plugintest.JenkinsBuild) {
				b.Properties = map[string]sdk.BuildProperties{"build.properties": {State: test.state, Detail: "0 bytes"}}
			})
			step := l.step()
			expect(t, step, sdk.Terminal, test.want)
			if step.Errors[0] != expected || step.Tasks[3].Name != "getBuildProperties" || step.Tasks[3].Status != sdk.Terminal {
				t.Errorf("errors %q, tasks %v", step.Errors, taskList(step))
			}
		})
	}
	t.Run("missing", func(t *testing.T) {
		l := newLab(t, sdk.Config{"propertyFile": "build.properties"})
		l.started()
		l.jenkins.Finish(1, "SUCCESS")
		expect(t, l.step(), sdk.Running, `has not archived "build.properties" yet`)
		l.age(time.Minute)
		expect(t, l.step(), sdk.Terminal, `the archived file "build.properties" is missing`)
	})
	t.Run("late", func(t *testing.T) {
		l := newLab(t, sdk.Config{"propertyFile": "build.properties"})
		l.started()
		l.jenkins.Finish(1, "SUCCESS")
		l.step()
		l.jenkins.Update(1, func(b *plugintest.JenkinsBuild) {
			b.Properties = map[string]sdk.BuildProperties{"build.properties": {State: sdk.PropertiesFound, Properties: map[string]any{"a": "b"}}}
		})
		step := l.step()
		expect(t, step, sdk.Succeeded, "SUCCESS")
		if step.Outputs["a"] != "b" {
			t.Errorf("outputs %v", step.Outputs)
		}
	})
	t.Run("of a failed build", func(t *testing.T) {
		l := newLab(t, sdk.Config{"propertyFile": "build.properties"})
		l.started()
		l.jenkins.Finish(1, "FAILURE")
		l.jenkins.Update(1, func(b *plugintest.JenkinsBuild) {
			b.Properties = map[string]sdk.BuildProperties{"build.properties": {State: sdk.PropertiesFound, Properties: map[string]any{"a": "b"}}}
		})
		step := l.step()
		expect(t, step, sdk.Terminal, "FAILURE")
		if step.Outputs["a"] != "b" {
			t.Errorf("outputs %v", step.Outputs)
		}
	})
}

func TestCancel(t *testing.T) {
	cancel := func(l *lab) *plugintest.Step {
		l.t.Helper()
		step, err := l.Cancel(l.t.Context(), sdk.Request{Config: l.config, State: l.state})
		if err != nil {
			l.t.Fatal(err)
		}
		l.state = step.State
		return step
	}
	t.Run("running build", func(t *testing.T) {
		l := newLab(t, nil)
		l.started()
		for range 2 {
			expect(t, cancel(l), sdk.Canceled, "The Jenkins build was stopped")
		}
		if build := l.jenkins.Builds()[0]; build.Result != "ABORTED" || build.Building {
			t.Errorf("build %+v", build)
		}
	})
	t.Run("queued", func(t *testing.T) {
		l := newLab(t, nil)
		l.step()
		expect(t, cancel(l), sdk.Canceled, "The Jenkins build was stopped")
		if build := l.jenkins.Builds()[0]; build.State != sdk.BuildCanceled {
			t.Errorf("build %+v", build)
		}
	})
	t.Run("started since the last look", func(t *testing.T) {
		l := newLab(t, nil)
		l.step()
		l.jenkins.Begin(1, 7)
		expect(t, cancel(l), sdk.Canceled, "The Jenkins build was stopped")
		if build := l.jenkins.Builds()[0]; build.Result != "ABORTED" {
			t.Errorf("build %+v", build)
		}
	})
	t.Run("after a lost step", func(t *testing.T) {
		l := newLab(t, nil)
		l.jenkins.AfterStart = func(plugintest.JenkinsBuild) error { return errors.New("reset") }
		l.lose()
		expect(t, cancel(l), sdk.Canceled, "The Jenkins build was stopped")
		if build := l.jenkins.Builds()[0]; build.State != sdk.BuildCanceled {
			t.Errorf("build %+v", build)
		}
	})
	t.Run("nothing found", func(t *testing.T) {
		l := newLab(t, nil)
		l.jenkins.BeforeStart = func(plugintest.JenkinsBuild) error { return errors.New("reset") }
		l.lose()
		expect(t, cancel(l), sdk.Canceled, `jenkins "ci": a build of "shop/job/smoke" may have been started, but none was found`)
	})
	t.Run("nothing done", func(t *testing.T) {
		expect(t, cancel(newLab(t, nil)), sdk.Canceled, "")
	})
}

func TestScript(t *testing.T) {
	jenkins := &plugintest.Jenkins{Jobs: map[string][]string{"scripts": {"run"}, "master": {"job"}}}
	script := ci.NewScript()
	plugin := plugintest.Start(t, sdk.Plugin{
		Name: "stage-test", Version: "1", Stages: []sdk.Stage{script},
		Configure: func(_ context.Context, config sdk.Config) error { return script.Configure(config) },
	}, &plugintest.Host{Jenkins: jenkins}, sdk.Config{"script": map[string]any{"master": "scripts", "job": "run"}})
	step, err := plugin.Run(t.Context(), sdk.Request{Config: sdk.Config{
		"command": "./smoke.sh", "scriptPath": "tests", "image": "i", "region": "r", "account": "a", "cluster": "c", "cmc": "m",
		"repoUrl": "u", "repoBranch": "", "master": "ignored",
	}})
	if err != nil {
		t.Fatal(err)
	}
	expect(t, step, sdk.Running, "")
	build := jenkins.Builds()[0]
	want := map[string]string{"COMMAND": "./smoke.sh", "SCRIPT_PATH": "tests", "IMAGE_ID": "i", "REGION_PARAM": "r",
		"ENV_PARAM": "a", "CLUSTER_PARAM": "c", "CMC": "m", "REPO_URL": "u"}
	if diff := cmp.Diff(want, build.Parameters); diff != "" || build.Master != "scripts" || build.Job != "run" {
		t.Errorf("build %+v (-want +got):\n%s", build, diff)
	}
	if step.Context["master"] != "scripts" || step.Context["job"] != "run" || step.Tasks[0].Name != "startScript" {
		t.Errorf("got %+v", step)
	}
	if err := script.Configure(sdk.Config{"script": "x"}); err == nil {
		t.Error("a text for an object")
	}
}

func TestScriptWithoutAJob(t *testing.T) {
	step := plugintest.Run(t, ci.NewScript(), sdk.Request{Config: sdk.Config{"command": "x"}}, &plugintest.Host{})
	expect(t, step, sdk.Terminal, "no job runs scripts: set script.master and script.job in the configuration of this plugin")
}

func TestValidate(t *testing.T) {
	tests := []struct {
		name   string
		config sdk.Config
		want   []string
	}{
		{"good", sdk.Config{"master": "ci", "job": "j", "parameters": map[string]any{"a": json.Number("1")}, "waitForCompletion": true,
			"stageTimeoutMs": json.Number("1000"), "unknown": []any{}}, nil},
		{"expressions", sdk.Config{"master": "${m}", "job": "${j}", "parameters": "${p}", "waitForCompletion": "${w}",
			"stageTimeoutMs": "${t}"}, nil},
		{"texts", sdk.Config{"master": "ci", "job": "j", "waitForCompletion": "False", "stageTimeoutMs": "1000"}, nil},
		{"empty", nil, []string{"master: is missing", "job: is missing"}},
		{"blank", sdk.Config{"master": " ", "job": nil}, []string{"master: is missing", "job: is missing"}},
		{"kinds", sdk.Config{"master": json.Number("1"), "job": []any{}, "parameters": "a=b", "propertyFile": true,
			"waitForCompletion": "maybe", "markUnstableAsSuccessful": json.Number("1"), "stageTimeoutMs": "soon"}, []string{
			"master: found a number, expected a text",
			"job: found an array, expected a text",
			"parameters: found a text, expected an object",
			"propertyFile: found true or false, expected a text",
			`waitForCompletion: found "maybe", expected true or false`,
			"markUnstableAsSuccessful: found 1, expected true or false",
			`stageTimeoutMs: found "soon", expected a number of milliseconds`,
		}},
	}
	plugin := plugintest.Start(t, sdk.Plugin{Name: "p", Version: "1", Stages: []sdk.Stage{ci.Jenkins{}, ci.NewScript()}}, &plugintest.Host{})
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			found, err := plugin.Validate(t.Context(), "jenkins", test.config)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, e := range found {
				got = append(got, e.Path+": "+e.Message)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	found, err := plugin.Validate(t.Context(), "script", nil)
	if err != nil || len(found) != 1 || found[0].Path != "command" {
		t.Errorf("script: %v, %v", found, err)
	}
}

func TestConfigThatCannotBeRead(t *testing.T) {
	expect(t, newLab(t, sdk.Config{"master": nil}).step(), sdk.Terminal, "field master: is missing")
	expect(t, newLab(t, sdk.Config{"waitForCompletion": "maybe"}).step(), sdk.Terminal,
		`field waitForCompletion: found "maybe", expected true or false`)
}

func TestStateThatCannotBeRead(t *testing.T) {
	l := newLab(t, nil)
	l.state = []byte("{")
	expect(t, l.step(), sdk.Terminal, "the stage's stored state cannot be read")
}
