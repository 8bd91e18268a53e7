package ci

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/gennaker/gennaker/plugins/sdk"
)

// Script is the stage type `script`: a Jenkins job that runs a script, with the stage's fields as parameters.
type Script struct {
	target atomic.Pointer[target]
}

// target is the job that runs scripts.
type target struct {
	Master string `json:"master"`
	Job    string `json:"job"`
}

// NewScript returns the stage without a job: there is no default, because the agent lets a plugin use only masters that
// its configuration or the stage names.
func NewScript() *Script {
	s := &Script{}
	s.target.Store(&target{})
	return s
}

// Configure takes the plugin's field `script`, with `master` and `job`.
func (s *Script) Configure(config sdk.Config) error {
	var set struct {
		Script target `json:"script"`
	}
	if err := config.Decode(&set); err != nil {
		return err
	}
	s.target.Store(&set.Script)
	return nil
}

// Info implements sdk.Stage.
func (s *Script) Info() sdk.Info {
	return sdk.Info{
		Type:          "script",
		Description:   "Runs a script by way of a Jenkins job.",
		ConfigSchema:  scriptSchema,
		OutputsSchema: outputsSchema,
	}
}

// scriptParameters are the build's parameters by config field, as in Orca's StartScriptTask.
func scriptParameters() map[string]string {
	return map[string]string{
		"command": "COMMAND", "scriptPath": "SCRIPT_PATH", "image": "IMAGE_ID", "region": "REGION_PARAM",
		"account": "ENV_PARAM", "cluster": "CLUSTER_PARAM", "cmc": "CMC", "repoUrl": "REPO_URL", "repoBranch": "REPO_BRANCH",
	}
}

// Validate implements sdk.Stage.
func (s *Script) Validate(config sdk.Config) []sdk.FieldError {
	return validate(config, scriptFields())
}

func scriptFields() []field {
	return append([]field{
		{"command", true, textField()}, {"scriptPath", false, textField()}, {"image", false, textField()},
		{"region", false, textField()}, {"account", false, textField()}, {"cluster", false, textField()},
		{"cmc", false, textField()}, {"repoUrl", false, textField()}, {"repoBranch", false, textField()},
	}, commonFields()...)
}

// Run implements sdk.Stage.
func (s *Script) Run(ctx context.Context, req *sdk.Request) (*sdk.Response, error) {
	r, err := s.newRun(req)
	if err != nil {
		return nil, err
	}
	return r.proceed(ctx)
}

// Cancel implements sdk.Canceler.
func (s *Script) Cancel(ctx context.Context, req *sdk.Request) (*sdk.Response, error) {
	if len(req.State) == 0 {
		return &sdk.Response{Status: sdk.Canceled}, nil
	}
	r, err := s.newRun(req)
	if err != nil {
		return nil, err
	}
	return r.cancel(ctx)
}

func (s *Script) newRun(req *sdk.Request) (*run, error) {
	r, err := newRun(req, taskNames{
		start: "startScript", await: "waitForScriptStart", monitor: "monitorScript", properties: "getBuildProperties",
	}, scriptFields())
	if err != nil {
		return nil, err
	}
	target := s.target.Load()
	if target.Master == "" || target.Job == "" {
		return nil, errors.New("no job runs scripts: set script.master and script.job in the configuration of this plugin")
	}
	r.set.Master, r.set.Job = target.Master, target.Job
	r.set.Parameters = map[string]any{}
	for field, parameter := range scriptParameters() {
		if value := req.Config[field]; value != nil && value != "" {
			r.set.Parameters[parameter] = value
		}
	}
	r.context["master"], r.context["job"] = r.set.Master, r.set.Job
	return r, nil
}
