package sdk

import (
	"context"
	"fmt"
	"os"

	stagev1 "github.com/gennaker/gennaker/plugins/proto/stage/v1"
	"github.com/gennaker/gennaker/plugins/wire"
)

// Plugin is an executable's set of stages.
type Plugin struct {
	// Name and Version are shown to people, for example by `gennaker plugins`.
	Name, Version string
	Stages        []Stage
	// Configure gets the plugin's own configuration from the agent's configuration file, once, before any stage is
	// asked for anything. It may be nil.
	Configure func(ctx context.Context, config Config) error
}

// Serve runs the plugin until the agent ends it. Call it from main, before anything is printed to standard output;
// what is printed later to standard output or standard error goes to the agent's log.
//
//   - A panic in a stage fails that stage and nothing else.
//   - A step's context ends after its Info().MaxStep.
//   - When the agent stops, running steps are finished and no more are accepted.
//   - When the agent is gone, the process ends at once, together with the processes it has started.
func Serve(p Plugin) {
	if _, err := NewServer(p, nil); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	wire.Serve(func(dial wire.HostDialer) stagev1.StageServer {
		server, err := NewServer(p, dial)
		if err != nil {
			panic(err) // the same call succeeded above
		}
		return server
	})
}
