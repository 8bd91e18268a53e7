package httpcheck

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gennaker/gennaker/plugins/sdk"
)

const (
	// roundTime is how long a step goes on beginning requests; with maxRequest it fits into a step.
	roundTime = 1500 * time.Millisecond
	// parallel is how many requests a step makes at a time.
	parallel = 8
	// maxFailure cuts the reason of a check's failure, in bytes: the reasons of maxChecks checks fit into the state.
	maxFailure = 400
	// taskName is the one line of the stage's task list.
	taskName = "httpTest"
)

// The JSON Schemas of the stage's configuration and outputs.
var (
	//go:embed config.schema.json
	configSchema string
	//go:embed outputs.schema.json
	outputsSchema string
)

// Stage is the stage type `httpTest`.
type Stage struct {
	rule atomic.Pointer[addressRule]
}

// New returns the stage; until it is configured, it refuses link-local addresses only.
func New() (*Stage, error) {
	s := &Stage{}
	return s, s.Configure(nil)
}

// Configure takes the plugin's field `httpTest` with the lists of networks `deny` (link-local ones when absent) and
// `allow`, which wins.
func (s *Stage) Configure(config sdk.Config) error {
	set := struct {
		HTTPTest struct {
			Deny  *[]string `json:"deny"`
			Allow []string  `json:"allow"`
		} `json:"httpTest"`
	}{}
	if err := config.Decode(&set); err != nil {
		return err
	}
	deny := defaultDeny()
	if set.HTTPTest.Deny != nil {
		deny = *set.HTTPTest.Deny
	}
	rule, err := parseRule(deny, set.HTTPTest.Allow)
	if err != nil {
		return fmt.Errorf("field httpTest: %w", err)
	}
	s.rule.Store(rule)
	return nil
}

// Info implements sdk.Stage.
func (s *Stage) Info() sdk.Info {
	return sdk.Info{
		Type:          "httpTest",
		Description:   "Asks HTTP addresses until their answers are as expected.",
		ConfigSchema:  configSchema,
		OutputsSchema: outputsSchema,
	}
}

// Validate implements sdk.Stage.
func (s *Stage) Validate(config sdk.Config) []sdk.FieldError { return validate(config) }

// result is what is known of a check.
type result struct {
	Passed   bool          `json:"passed,omitempty"`
	Attempts int           `json:"attempts,omitempty"`
	Status   int           `json:"status,omitempty"`
	Took     time.Duration `json:"took,omitempty"`
	Failure  string        `json:"failure,omitempty"`
}

// state is what a step leaves for the next.
type state struct {
	// Began is when the first request was made.
	Began   time.Time `json:"began"`
	Results []result  `json:"results"`
	// Next is the check to go on with in a round that did not fit into its step.
	Next int `json:"next,omitempty"`
}

// Run implements sdk.Stage: it tries each check that has not passed.
func (s *Stage) Run(ctx context.Context, req *sdk.Request) (*sdk.Response, error) {
	config, err := decode(req.Config)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	st, err := readState(req.State, len(config.Checks), now)
	if err != nil {
		return nil, err
	}
	client := newClient(config.TLS, s.rule.Load())
	defer client.close()
	s.round(ctx, client, config, st, now)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for i, r := range st.Results {
		if !r.Passed && r.Attempts > 0 {
			req.Host.Logger().Info("not passed yet", "check", config.Checks[i].label(), "attempt", r.Attempts, "reason", r.Failure)
		}
	}
	return respond(config, st, time.Now())
}

func readState(text []byte, checks int, now time.Time) (*state, error) {
	st := &state{Began: now, Results: make([]result, checks)}
	if len(text) == 0 {
		return st, nil
	}
	if err := json.Unmarshal(text, st); err != nil {
		return nil, fmt.Errorf("the stage's stored state cannot be read: %w. Restart the stage", err)
	}
	if len(st.Results) != checks {
		return nil, fmt.Errorf("the stage has %d checks now and had %d when it began. Restart the stage", checks, len(st.Results))
	}
	return st, nil
}

// round goes through the checks that have not passed, several at a time, until the end of the list or of roundTime.
func (s *Stage) round(ctx context.Context, client *client, config *config, st *state, began time.Time) {
	slots := make(chan struct{}, parallel)
	var running sync.WaitGroup
	defer running.Wait()
	for ; st.Next < len(config.Checks); st.Next++ {
		if st.Results[st.Next].Passed {
			continue
		}
		slots <- struct{}{}
		if time.Since(began) > roundTime {
			return
		}
		check, into := config.Checks[st.Next], &st.Results[st.Next]
		running.Go(func() {
			defer func() { <-slots }()
			failure, status, took := client.attempt(ctx, check)
			*into = result{
				Passed: failure == "", Attempts: into.Attempts + 1, Status: status, Took: took, Failure: cut(failure),
			}
		})
	}
	st.Next = 0
}

func cut(text string) string {
	if len(text) <= maxFailure {
		return text
	}
	return strings.ToValidUTF8(text[:maxFailure], "") + "…"
}

// respond says how far it got.
func respond(config *config, st *state, now time.Time) (*sdk.Response, error) {
	passed := 0
	for _, r := range st.Results {
		if r.Passed {
			passed++
		}
	}
	resp := &sdk.Response{Message: fmt.Sprintf("%d of %d checks passed", passed, len(st.Results))}
	over := now.Sub(st.Began) >= config.Retry.timeout()
	switch {
	case passed == len(st.Results):
		resp.Status = sdk.Succeeded
	case st.Next > 0: // the round goes on in the next step
		resp.Status = sdk.Running
	case over:
		resp.Status = sdk.Terminal
		resp.Errors = failures(config, st, now)
		resp.Message = fmt.Sprintf("%d of %d checks failed: %s", len(st.Results)-passed, len(st.Results), resp.Errors[0])
	default:
		resp.Status = sdk.Running
		left := config.Retry.timeout() - now.Sub(st.Began)
		resp.RequeueAfter = min(config.Retry.interval(), left)
	}
	var err error
	if resp.State, err = json.Marshal(st); err != nil {
		return nil, err
	}
	task := sdk.Task{Name: taskName, Status: resp.Status, Start: st.Began, Message: resp.Message}
	if resp.Status != sdk.Running {
		task.End = now
		if resp.Outputs, err = report(config, st, now); err != nil {
			return nil, err
		}
	}
	resp.Tasks = []sdk.Task{task}
	return resp, nil
}

// failures has a sentence for each check that failed.
func failures(config *config, st *state, now time.Time) []string {
	var all []string
	for i, r := range st.Results {
		if !r.Passed {
			check := config.Checks[i]
			all = append(all, fmt.Sprintf("check %q: %s %s: %s (%d attempts in %s)", check.label(), check.method(),
				redacted(check.URL), r.Failure, r.Attempts, now.Sub(st.Began).Round(time.Second)))
		}
	}
	return all
}
