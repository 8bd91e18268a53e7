package ci_test

import (
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/gennaker/gennaker/plugins/plugintest"
	"github.com/gennaker/gennaker/plugins/sdk"
)

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
