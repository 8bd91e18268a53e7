package pluginhost

import (
	"fmt"
	"time"

	stagev1 "github.com/gennaker/gennaker/plugins/proto/stage/v1"
	"github.com/gennaker/gennaker/plugins/wire"
)

// defaultMaxStep is the time of a step whose type declares none (stage.proto, StageType.max_step).
const defaultMaxStep = 10 * time.Second

// StageType is a stage type that a plugin provides.
type StageType struct {
	// Plugin is the plugin's name in the configuration.
	Plugin      string
	Type        string
	Aliases     []string
	Description string
	// ConfigSchema and OutputsSchema are JSON Schema texts; empty means anything.
	ConfigSchema, OutputsSchema string
	// MaxStep is the longest a step may take.
	MaxStep time.Duration
	// Timeout is how long the stage may take in all when the pipeline does not say; zero means no limit.
	Timeout time.Duration
	// AccountFields names the config fields that hold account names.
	AccountFields []string
	// OwnExpressions names the config fields whose expressions the plugin evaluates.
	OwnExpressions []string
}

// info is what a plugin says of itself, checked.
type info struct {
	version, apiVersion string
	types               []StageType
}

func readInfo(plugin string, in *stagev1.GetInfoResponse, limit time.Duration) (*info, error) {
	apiVersion, err := wire.ChooseVersion(in.GetApiVersions())
	if err != nil {
		return nil, &disablingError{err}
	}
	result := &info{version: in.GetVersion(), apiVersion: apiVersion}
	for _, t := range in.GetStageTypes() {
		if t.GetType() == "" {
			return nil, &disablingError{fmt.Errorf("%w: it reports a stage type without a name", ErrContract)}
		}
		maxStep := t.GetMaxStep().AsDuration()
		if maxStep <= 0 {
			maxStep = defaultMaxStep
		}
		result.types = append(result.types, StageType{
			Plugin:         plugin,
			Type:           t.GetType(),
			Aliases:        t.GetAliases(),
			Description:    t.GetDescription(),
			ConfigSchema:   t.GetConfigSchema(),
			OutputsSchema:  t.GetOutputsSchema(),
			MaxStep:        min(maxStep, limit),
			Timeout:        max(t.GetTimeout().AsDuration(), 0),
			AccountFields:  t.GetAccountFields(),
			OwnExpressions: t.GetOwnExpressions(),
		})
	}
	if len(result.types) == 0 {
		return nil, &disablingError{fmt.Errorf("%w: it reports no stage type", ErrContract)}
	}
	return result, nil
}

// disablingError is a reason not to start a plugin again.
type disablingError struct{ err error }

func (e *disablingError) Error() string { return e.err.Error() }
func (e *disablingError) Unwrap() error { return e.err }
