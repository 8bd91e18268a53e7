package runner_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gennaker/gennaker/agent/internal/runner"
	"github.com/gennaker/gennaker/agent/internal/stage"
	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// saves adds the stage type savePipelinesFromArtifact, whose artifacts are opened by open.
func saves(t *testing.T, catalog *shelf, open stage.OpenArtifact) func(*runner.Options) {
	t.Helper()
	return func(o *runner.Options) {
		set, err := stage.NewSet(stage.SavePipelines(open, catalog), stage.EvaluateArtifacts())
		if err != nil {
			t.Fatal(err)
		}
		o.Stages = set
	}
}

func TestSavePipelinesFromArtifact(t *testing.T) {
	const text = `{"shop":[{"name":"old","stages":[{"type":"wait","waitTime":"${trigger.n}"}]},{"name":"new"},{}],"cart":[{"name":"other"}]}`
	var opened atomic.Int32
	open := func(_ context.Context, a spinnaker.Artifact) (io.ReadCloser, bool, error) {
		if a.Reference != "https://files/p.json" || a.ArtifactAccount != "files" {
			return nil, false, fmt.Errorf("unexpected artifact %+v", a)
		}
		if opened.Add(1) == 1 {
			return nil, true, errors.New("the host is away")
		}
		return io.NopCloser(strings.NewReader(text)), false, nil
	}
	b := start(t, openStore(t), &plugins{}, saves(t, &shelf{}, open))
	b.keep(pipeline(t, `{"application":"shop","name":"old","id":"p1"}`))
	ex := b.ended(b.launch(pipeline(t, `{"application":"shop","name":"p","expectedArtifacts":[{"id":"x","matchArtifact":{"type":"http/file"},
	  "useDefaultArtifact":true,"defaultArtifact":{"type":"http/file","reference":"https://files/p.json","artifactAccount":"files"}}],
	  "stages":[{"refId":"1","type":"savePipelinesFromArtifact","pipelinesArtifactId":"x"}]}`), spinnaker.Trigger{"n": 7}))
	expect(t, "statuses", statuses(ex), "SUCCEEDED 1=SUCCEEDED")
	outputs := ex.Stages[0].Outputs
	expect(t, "updated", fmt.Sprint(outputs["pipelinesUpdated"]), "[map[application:shop id:p1 name:old]]")
	expect(t, "failed", fmt.Sprint(outputs["pipelinesFailedToSave"]), "[]")
	created, _ := outputs["pipelinesCreated"].([]any)
	if len(created) != 2 {
		t.Errorf("created: found %v, expected cart's other and shop's new", created)
	}
	for id, want := range map[string]string{"p1": "${trigger.n}"} {
		err := b.store.View(t.Context(), func(r store.Reader) error {
			p, err := r.Pipeline(id)
			if err != nil {
				return err
			}
			stages, _ := p.Document["stages"].([]any)
			first, _ := stages[0].(map[string]any)
			expect(t, "an expression in a pipeline that is saved", fmt.Sprint(first["waitTime"]), want)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	var tasks []string
	for _, task := range ex.Stages[0].Tasks {
		tasks = append(tasks, task.Name+"="+string(task.Status))
	}
	expect(t, "tasks", strings.Join(tasks, " "), "getPipelinesFromArtifact=SUCCEEDED preparePipelineToSaveTask=SUCCEEDED savePipeline=SUCCEEDED "+
		"checkPipelineResults=SUCCEEDED checkForRemainingPipelines=SUCCEEDED savePipelinesCompleteTask=SUCCEEDED")
}

func TestSavePipelinesFails(t *testing.T) {
	for name, test := range map[string]struct{ config, text, failure string }{
		"no such artifact": {`"pipelinesArtifactId":"x"`, ``, `No artifact could be bound to 'x'`},
		"no artifact":      {`"name":"s"`, ``, `pipelinesArtifactId and pipelinesArtifact are missing: which artifact holds the pipelines?`},
		"it is away":       {`"pipelinesArtifact":{"type":"http/file","name":"f"}`, ``, `not found`},
		"no JSON": {`"pipelinesArtifact":{"type":"http/file","name":"f"}`, `[]`,
			`artifact http/file "f": it is no JSON object of the form {"application": [pipelines]}: `},
		"nothing in it": {`"pipelinesArtifact":{"type":"http/file","name":"f"}`, `{"shop":[]}`, `artifact http/file "f": it has no pipelines to save`},
		"one is refused": {`"pipelinesArtifact":{"type":"http/file","name":"f"}`, `{"shop":[{"name":"bad"},{"name":"good"}]}`,
			`pipeline "bad" of application "shop" was not saved: it is bad`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			open := func(context.Context, spinnaker.Artifact) (io.ReadCloser, bool, error) {
				if test.text == "" {
					return nil, false, errors.New("not found")
				}
				return io.NopCloser(strings.NewReader(test.text)), false, nil
			}
			b := start(t, openStore(t), &plugins{}, saves(t, &shelf{}, open))
			ex := b.ended(b.launch(pipeline(t, `{"application":"shop","name":"p","stages":[{"refId":"1","type":"savePipelinesFromArtifact",`+test.config+`}]}`), nil))
			expect(t, "statuses", statuses(ex), "TERMINAL 1=TERMINAL")
			if found := failures(ex, "1"); !strings.HasPrefix(found, test.failure) {
				t.Errorf("failure: found %q, expected %q", found, test.failure)
			}
			if name == "one is refused" {
				expect(t, "failed to save", fmt.Sprint(ex.Stages[0].Outputs["pipelinesFailedToSave"]), "[map[application:shop id:<nil> name:bad]]")
				if created, _ := ex.Stages[0].Outputs["pipelinesCreated"].([]any); len(created) != 1 {
					t.Errorf("created: found %v, expected the good one", created)
				}
			}
		})
	}
}
