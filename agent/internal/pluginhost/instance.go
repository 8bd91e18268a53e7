package pluginhost

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	stagev1 "github.com/gennaker/gennaker/plugins/proto/stage/v1"
	"github.com/gennaker/gennaker/plugins/wire"
)

const (
	// validateTimeout bounds Validate, which reaches nothing outside.
	validateTimeout = 5 * time.Second
	// exitNotice is how long a broken connection waits for the news that the process has ended.
	exitNotice = 2 * time.Second
	// logTimeout bounds the agent's own line at the end of a step's log.
	logTimeout = 5 * time.Second
)

// instance is one running, configured plugin process.
type instance struct {
	plugin  Plugin
	process *wire.Process
	host    *hostServer
	info    *info
	grace   time.Duration
}

// stepFunc is Run or Cancel.
type stepFunc func(ctx context.Context, in *stagev1.RunRequest) (*stagev1.RunResponse, error)

func (i *instance) run(ctx context.Context, t StageType, in *stagev1.RunRequest) (*stagev1.RunResponse, error) {
	return i.step(ctx, t, in, func(ctx context.Context, in *stagev1.RunRequest) (*stagev1.RunResponse, error) {
		return i.process.Stage.Run(ctx, in)
	})
}

func (i *instance) cancel(ctx context.Context, t StageType, in *stagev1.RunRequest) (*stagev1.RunResponse, error) {
	return i.step(ctx, t, in, func(ctx context.Context, in *stagev1.RunRequest) (*stagev1.RunResponse, error) {
		return i.process.Stage.Cancel(ctx, in)
	})
}

func (i *instance) step(ctx context.Context, t StageType, in *stagev1.RunRequest, call stepFunc) (*stagev1.RunResponse, error) {
	var out *stagev1.RunResponse
	err := i.withCall(ctx, t, in, func(ctx context.Context, in *stagev1.RunRequest) (err error) {
		out, err = call(ctx, in)
		return err
	})
	if err != nil {
		return nil, err
	}
	if broken := checkResponse(out); broken != "" {
		return nil, i.failure(t.Type, ErrContract, broken)
	}
	return out, nil
}

func (i *instance) plan(ctx context.Context, t StageType, in *stagev1.RunRequest) (*stagev1.PlanResponse, error) {
	var out *stagev1.PlanResponse
	err := i.withCall(ctx, t, in, func(ctx context.Context, in *stagev1.RunRequest) (err error) {
		out, err = i.process.Stage.Plan(ctx, &stagev1.PlanRequest{Run: in})
		return err
	})
	return out, err
}

func (i *instance) validate(ctx context.Context, t StageType, config string) ([]*stagev1.FieldError, error) {
	limited, cancel := context.WithTimeout(ctx, validateTimeout)
	defer cancel()
	out, err := i.process.Stage.Validate(limited, &stagev1.ValidateRequest{Type: t.Type, ConfigJson: config})
	if err != nil {
		return nil, i.callError(ctx, limited, t.Type, validateTimeout, err)
	}
	return out.GetErrors(), nil
}

// withCall makes a call during which the plugin may ask the agent.
func (i *instance) withCall(ctx context.Context, t StageType, request *stagev1.RunRequest,
	call func(ctx context.Context, in *stagev1.RunRequest) error) error {
	in := proto.Clone(request).(*stagev1.RunRequest)
	in.Type = t.Type
	open := &openCall{
		names:         wire.NewNames(in, t.AccountFields, i.plugin.Config),
		accountFields: t.AccountFields,
		log:           newLogBudget(i.host.limits),
	}
	open.Call = callOf(i.plugin.Name, in, open.names.Accounts())

	limit := t.MaxStep + i.grace
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	in.Call = i.host.calls.begin(limited, open)
	defer i.reportDropped(ctx, open) // after the end of the call: nothing is added any more
	defer i.host.calls.end(in.Call)
	if size := proto.Size(in); size > wire.MaxMessage {
		return i.failure(t.Type, nil, fmt.Sprintf("the step's request of %d bytes is over the limit of %d: shorten the "+
			"stage's configuration or what it gets from earlier stages", size, wire.MaxMessage))
	}
	if err := call(limited, in); err != nil {
		return i.callError(ctx, limited, t.Type, limit, err)
	}
	return nil
}

func callOf(plugin string, in *stagev1.RunRequest, accounts []string) Call {
	return Call{
		Plugin:      plugin,
		Application: in.GetApplication(),
		Pipeline:    in.GetPipeline(),
		Execution:   in.GetExecutionId(),
		Stage:       in.GetStageId(),
		StageType:   in.GetType(),
		StageRef:    in.GetRefId(),
		Attempt:     int(in.GetAttempt()),
		Step:        int(in.GetStep()),
		User:        in.GetUser(),
		Accounts:    accounts,
	}
}

// reportDropped adds a line to the stage's log that says how many are missing.
func (i *instance) reportDropped(ctx context.Context, call *openCall) {
	dropped := call.log.droppedLines()
	if dropped == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), logTimeout)
	defer cancel()
	line := LogLine{Time: time.Now(), Level: levelOf("warn"),
		Text: fmt.Sprintf("%d log lines of this step were over the agent's limits and are dropped", dropped)}
	if err := i.host.services.Log(ctx, call.Call, []LogLine{line}); err != nil {
		i.host.log.Warn("stage log", "execution", call.Execution, "stage", call.Stage, "error", err)
	}
}

// callError says what the failure of a call means. caller is the context of whoever asked, limited the one of the call.
func (i *instance) callError(caller, limited context.Context, stageType string, limit time.Duration, err error) error {
	answer := status.Convert(err)
	i.settle(limited, answer.Code())
	switch {
	case caller.Err() != nil:
		return fmt.Errorf("plugin %q: stage type %q: %w", i.plugin.Name, stageType, context.Cause(caller))
	case i.exited():
		return i.failure(stageType, ErrGone, fmt.Sprintf("the plugin's process ended (%s) during the call",
			i.process.ExitReason()))
	case limited.Err() != nil:
		// It holds on to a step that has to end: only the end of the process stops it for certain.
		i.abort()
		return i.failure(stageType, ErrDeadline, fmt.Sprintf("no answer within %s; the plugin's process was killed", limit))
	}
	switch answer.Code() {
	case codes.Canceled:
		i.abort()
		return i.failure(stageType, ErrGone, "the call was cut off; the plugin's process was killed")
	case codes.DeadlineExceeded:
		return i.failure(stageType, ErrDeadline, answer.Message())
	case codes.Unavailable:
		return i.failure(stageType, ErrGone, answer.Message())
	case codes.Unimplemented:
		return i.failure(stageType, ErrUnsupported, answer.Message())
	case codes.InvalidArgument, codes.FailedPrecondition:
		return i.failure(stageType, nil, answer.Message())
	case codes.ResourceExhausted:
		return i.failure(stageType, ErrContract, fmt.Sprintf("its answer is over the limit of %d bytes: %s",
			wire.MaxMessage, answer.Message()))
	}
	return i.failure(stageType, ErrContract, fmt.Sprintf("it answered %s: %s", answer.Code(), answer.Message()))
}

// settle gives the reason of a broken call time to show: the news that the process has ended may be on its way, and gRPC
// may have noticed the end of the call's time before the context has.
func (i *instance) settle(limited context.Context, code codes.Code) {
	switch code {
	case codes.DeadlineExceeded:
		if end, ok := limited.Deadline(); ok && !end.After(time.Now()) {
			<-limited.Done()
		}
		return
	case codes.Canceled, codes.Internal, codes.Unavailable, codes.Unknown:
	default:
		return
	}
	notice, cancel := context.WithTimeout(limited, exitNotice)
	defer cancel()
	select {
	case <-i.process.Exited():
	case <-notice.Done():
	}
}

// abort ends the process.
func (i *instance) abort() {
	i.process.Abort()
	notice := time.NewTimer(exitNotice)
	defer notice.Stop()
	select {
	case <-i.process.Exited():
	case <-notice.C:
	}
}

func (i *instance) exited() bool {
	select {
	case <-i.process.Exited():
		return true
	default:
		return false
	}
}

func (i *instance) failure(stageType string, class error, text string) error {
	return &callError{plugin: i.plugin.Name, stageType: stageType, class: class, text: text}
}

// checkResponse says what is wrong with a response; empty when nothing is.
func checkResponse(out *stagev1.RunResponse) string {
	if out.GetStatus() == stagev1.Status_STATUS_UNSPECIFIED || stagev1.Status_name[int32(out.GetStatus())] == "" {
		return fmt.Sprintf("it answered the unknown status %d", out.GetStatus())
	}
	if size := len(out.GetState()); size > wire.MaxState {
		return fmt.Sprintf("its state of %d bytes is over the limit of %d", size, wire.MaxState)
	}
	for name, text := range map[string]string{"context": out.GetContextJson(), "outputs": out.GetOutputsJson()} {
		if err := checkObject(text); err != nil {
			return fmt.Sprintf("its %s is no JSON object: %v", name, err)
		}
	}
	return ""
}

func checkObject(text string) error {
	if text == "" {
		return nil
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &object); err != nil {
		return err
	}
	if object == nil {
		return errors.New("it is null")
	}
	return nil
}
