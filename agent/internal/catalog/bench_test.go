package catalog_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/agent/internal/trigger"
)

const (
	benchPipelines = 2500
	benchTriggers  = 4 * benchPipelines
	// benchShared is how many webhook triggers have the same source.
	benchShared = 10
)

// BenchmarkMatch finds the triggers that an event could mean among 10,000 enabled ones, and decides on each of them. "changed"
// does so right after a pipeline was saved.
func BenchmarkMatch(b *testing.B) {
	f := openBench(b)
	events := []struct {
		name  string
		event trigger.Event
	}{
		{"build", trigger.Event{Type: trigger.Build, Source: "ci", Name: "job-7", Build: &trigger.BuildInfo{Number: 1, Result: "SUCCESS"}}},
		{"webhook", trigger.Event{Type: trigger.Webhook, Source: "source-7", Payload: map[string]any{
			"env": "prod", "commit": map[string]any{"author": "ann"}, "files": []any{"README.md", "charts/x/values.yaml"}}}},
		{"push", trigger.Event{Type: trigger.Git, Source: "github", Name: "shop/repo-7",
			Change: &trigger.Change{Project: "shop", Slug: "repo-7", Branch: "release/7", Action: "push:push"}}},
	}
	for _, e := range events {
		b.Run(e.name, func(b *testing.B) {
			f.match(b, e.event)
			for b.Loop() {
				f.match(b, e.event)
			}
			b.ReportMetric(benchTriggers, "triggers")
		})
	}
	b.Run("changed", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			f.save(benchPipeline(0))
			b.StartTimer()
			f.match(b, events[0].event)
		}
	})
}

func openBench(b *testing.B) fixture {
	f := open(b)
	if err := f.store.Update(b.Context(), func(tx store.Tx) error {
		for i := range benchPipelines {
			if _, err := f.SavePipeline(tx, parse(b, benchPipeline(i)), false, "ann"); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		b.Fatal(err)
	}
	return f
}

// benchPipeline is a pipeline with four triggers and as many stages.
func benchPipeline(i int) string {
	stage := `{"refId":"%d","type":"wait","name":"Wait","waitTime":30,"comments":"` + strings.Repeat("x", 500) + `"}`
	var stages []string
	for n := range 4 {
		stages = append(stages, fmt.Sprintf(stage, n))
	}
	return fmt.Sprintf(`{"id":"p%d","application":"shop","name":"p%d","stages":[%s],"triggers":[
		{"type":"jenkins","enabled":true,"master":"ci","job":"job-%d"},
		{"type":"webhook","enabled":true,"source":"source-%d","payloadConstraints":{"env":"^(stage|prod)$","$.commit.author":"ann","$.files[*]":"^charts/"}},
		{"type":"git","enabled":true,"source":"github","project":"shop","slug":"repo-%d","branch":"^(?!main$).*"},
		{"type":"cron","enabled":true,"id":"c%d","cronExpression":"0 0 3 * * ?"}]}`,
		i, i, strings.Join(stages, ","), i, i/benchShared, i, i)
}

func (f fixture) match(b *testing.B, event trigger.Event) {
	fired := 0
	if err := f.store.View(b.Context(), func(r store.Reader) error {
		armed, _, err := f.Armed(r, event.Key())
		for _, a := range armed {
			if a.Match(event, nil).Outcome == trigger.Fires {
				fired++
			}
		}
		return err
	}); err != nil {
		b.Fatal(err)
	}
	if fired == 0 {
		b.Fatal("nothing fired")
	}
}
