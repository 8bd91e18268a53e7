package inbox

import (
	"fmt"

	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/agent/internal/trigger"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// Ended accepts the end of an execution, in the transaction in which it ended, where some trigger names its pipeline. The
// pipelines that it fires are started in transactions of their own, so that pipelines that start each other never make one
// that has no end.
func (i *Inbox) Ended(tx store.Tx, ex *spinnaker.Execution) error {
	if ex.Type != spinnaker.PipelineExecution || ex.PipelineConfigID == "" {
		return nil
	}
	event := trigger.Event{Type: trigger.Pipeline, Source: ex.PipelineConfigID, Name: ex.Application + "/" + ex.Name,
		Ended: &trigger.Ended{ExecutionID: ex.ID, Name: ex.Name, Status: ex.Status}}
	armed, off, err := i.Triggers.Armed(tx, event.Key())
	if err != nil {
		return fmt.Errorf("find the triggers on pipeline %q: %w", ex.PipelineConfigID, err)
	}
	if len(armed) == 0 && len(off) == 0 {
		return nil
	}
	i.ended.Add(1)
	// One that is restarted ends anew.
	_, err = i.AcceptIn(tx, event, fmt.Sprintf("pipeline\x00%s\x00%d", ex.ID, ex.EndTime))
	return err
}

// Due is called after the commit of a transaction that may have been one in which an execution ended.
func (i *Inbox) Due() {
	if i.ended.Load() != i.decided.Load() {
		i.Wake()
	}
}
