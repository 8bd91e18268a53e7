package catalog

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/gennaker/gennaker/agent/internal/trigger"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// validationTimeout bounds what asking the providers of a configuration's stage types may take.
const validationTimeout = 10 * time.Second

// warnings are what is odd about a configuration: it is saved all the same, as Spinnaker would.
func (c *Catalog) warnings(ctx context.Context, p spinnaker.Pipeline) []string {
	ctx, cancel := context.WithTimeout(ctx, validationTimeout)
	defer cancel()
	var out []string
	for i, stage := range p.Stages {
		where := fmt.Sprintf("stages[%d] (%s)", i, cmp.Or(stage.Name, stage.Type, "no name"))
		if stage.Type == "" {
			out = append(out, where+": it has no type: the pipeline will fail to start")
			continue
		}
		for _, finding := range oddFields(stage) {
			out = append(out, where+": "+finding)
		}
		known, findings := c.stages.ValidateStage(ctx, stage.Type, stage.Context)
		if !known {
			out = append(out, fmt.Sprintf("%s: nobody provides stage type %q now: install its plugin before the pipeline runs", where, stage.Type))
		}
		for _, finding := range findings {
			out = append(out, where+": "+finding)
		}
	}
	for i, t := range p.Triggers {
		if !t.Enabled() {
			continue
		}
		for _, problem := range trigger.Problems(p, t, c.zone) {
			out = append(out, fmt.Sprintf("triggers[%d] (%s): %s", i, t.Type(), problem))
		}
	}
	return out
}
