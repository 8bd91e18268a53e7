package pluginhost

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// What the errors of Run, Cancel, Plan and Validate mean; errors.Is tells. An error that is none of them is an answer of
// the plugin: repeating would give the same again.
var (
	// ErrUnknownType: no plugin has provided the stage type yet.
	ErrUnknownType = errors.New("no plugin provides the stage type")
	// ErrGone: the plugin is not running, or ended during the call. The same step may be repeated.
	ErrGone = errors.New("the plugin is gone")
	// ErrDeadline: the step overran its declared time. It has been stopped, its outcome is unknown, and it may be
	// repeated, since steps are idempotent; but it may well overrun again.
	ErrDeadline = errors.New("the step overran its time")
	// ErrContract: the plugin broke the contract; only another build of it can help.
	ErrContract = errors.New("the plugin broke the contract")
	// ErrUnsupported: the stage type cannot do that, for example plan.
	ErrUnsupported = errors.New("not supported by the stage type")
)

// callError is an error of a call to a plugin.
type callError struct {
	plugin, stageType string
	// class is one of the variables above, or nil.
	class error
	text  string
}

func (e *callError) Error() string {
	return fmt.Sprintf("plugin %q: stage type %q: %s", e.plugin, e.stageType, e.text)
}

func (e *callError) Unwrap() error { return e.class }

// NotFound marks an error of HostServices: the thing that was asked for does not exist.
func NotFound(err error) error { return mark(codes.NotFound, err) }

// Refused marks an error of HostServices: the agent will not do this, and did nothing.
func Refused(err error) error { return mark(codes.FailedPrecondition, err) }

// Temporary marks an error of HostServices that passes by itself: the step may be repeated.
func Temporary(err error) error { return mark(codes.Unavailable, err) }

// NothingDone marks an error of HostServices that passes by itself, and of which it is certain that nothing was done.
func NothingDone(err error) error { return mark(codes.Aborted, err) }

type markedError struct {
	code codes.Code
	err  error
}

func mark(code codes.Code, err error) error {
	if err == nil {
		return nil
	}
	return &markedError{code, err}
}

func (e *markedError) Error() string { return e.err.Error() }
func (e *markedError) Unwrap() error { return e.err }

// statusOf makes the gRPC error of an error of HostServices.
func statusOf(err error) error {
	var marked *markedError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &marked):
		return status.Error(marked.code, err.Error())
	case errors.Is(err, context.Canceled):
		return status.Error(codes.Canceled, err.Error())
	case errors.Is(err, context.DeadlineExceeded):
		return status.Error(codes.DeadlineExceeded, err.Error())
	}
	return status.Error(codes.Unknown, err.Error())
}
