package main

import (
	"context"
	"fmt"

	"github.com/gennaker/gennaker/plugins/sdk"
)

// Cancel implements sdk.Canceler: the stage stops, and says what is in the cluster by then. Nothing is rolled back, as
// in Spinnaker. It asks neither the account nor the cluster, which may be why the stage is canceled.
func (d *deployManifest) Cancel(ctx context.Context, req *sdk.Request) (*sdk.Response, error) {
	state, err := readState(req.State)
	if err != nil {
		return nil, err
	}
	r := &deploy{req: req, host: req.Host, state: state}
	message, err := r.remains(ctx)
	if err != nil {
		return nil, err
	}
	return &sdk.Response{
		Status: sdk.Canceled, Message: message, Warnings: state.Warnings.list(), State: req.State,
		Tasks: state.taskList(sdk.Canceled, message),
	}, nil
}

// remains says what a canceled deploy leaves in the cluster.
func (r *deploy) remains(ctx context.Context) (string, error) {
	switch r.state.Phase {
	case phaseResolve, phasePrepare, phasePreflight:
		return "canceled before anything was deployed", nil
	case phaseApply:
		set, err := r.set(ctx)
		if err != nil {
			return "", err
		}
		if len(set.Items) == 0 {
			return "canceled; there was nothing to deploy", nil
		}
		if r.state.Next == 0 {
			return fmt.Sprintf("canceled while the first object, %s, was being deployed; nothing is rolled back", set.Items[0].Ref), nil
		}
		text := fmt.Sprintf("canceled; deployed by then and not rolled back: %s", names(set.Items[:r.state.Next]))
		if r.state.Next < len(set.Items) {
			text += fmt.Sprintf("; %s may have been deployed too", set.Items[r.state.Next].Ref)
		}
		return text, nil
	default:
		return fmt.Sprintf("canceled; all %d objects are deployed, nothing is rolled back, and their rollout goes on in the cluster", r.state.Count), nil
	}
}
