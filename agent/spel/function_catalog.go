package spel

import (
	"errors"
	"fmt"
)

// Functions that ask for other pipelines and applications (spinnaker/spinnaker
// orca-front50 pipeline/*ExpressionFunctionProvider.java).
var catalogFunctions = map[string]*function{
	"pipelineId": define("The id of a pipeline of this application", func(s *state, args []any) (any, error) {
		id, err := pipelineID(s, args[0], nil)
		if err == nil && id == nil {
			err = fmt.Errorf("the application has no pipeline %s", describe(args[0]))
		}
		return id, err
	}, Parameter{"pipelineName", "name of the pipeline", "String"}),

	"pipelineIdOrNull": define("The id of a pipeline of this application, or null", func(s *state, args []any) (any, error) {
		return pipelineID(s, args[0], nil)
	}, Parameter{"pipelineName", "name of the pipeline", "String"}),

	"pipelineIdInApplication": define("The id of a pipeline of another application, or null", func(s *state, args []any) (any, error) {
		return pipelineID(s, args[0], args[1])
	}, Parameter{"pipelineName", "name of the pipeline", "String"},
		Parameter{"applicationName", "name of the application", "String"}),

	"applicationMetadata": define("The attributes of an application", func(s *state, args []any) (any, error) {
		if s.engine.config.Catalog == nil {
			return nil, errors.New("applications cannot be looked up here")
		}
		name, err := needText(args[0])
		if err != nil {
			return nil, err
		}
		app, err := s.engine.config.Catalog.Application(s.ctx, name)
		if err != nil {
			return nil, fmt.Errorf("look up application %q: %w", name, err)
		}
		if app == nil {
			return nil, fmt.Errorf("there is no application %q", name)
		}
		return app, nil
	}, Parameter{"application", "name of the application", "String"}),

	"canaryConfigNameToId": define("The id of a canary configuration", func(*state, []any) (any, error) {
		return nil, errors.New("canary configurations belong to Kayenta, which is not connected here")
	}, Parameter{"canaryConfigName", "name of the configuration", "String"},
		Parameter{"applicationName", "name of the application", "String"}),
}

// pipelineID is null if there is no such pipeline. The application is the
// execution's if none is given.
func pipelineID(s *state, name, application any) (any, error) {
	if s.engine.config.Catalog == nil {
		return nil, errors.New("pipelines cannot be looked up here")
	}
	wanted, err := needText(name)
	if err != nil {
		return nil, err
	}
	app, ok := application.(string)
	if !ok {
		if s.env.Execution == nil {
			return nil, errors.New("there is no execution here")
		}
		app = s.env.Execution.Application
	}
	id, err := s.engine.config.Catalog.PipelineID(s.ctx, app, wanted)
	if err != nil {
		return nil, fmt.Errorf("look up pipeline %q of application %q: %w", wanted, app, err)
	}
	return orNil(id), nil
}
