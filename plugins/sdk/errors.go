package sdk

import (
	"errors"
	"time"
)

// Retryable marks an error of Run or Cancel: the agent repeats the same step, with the newest checkpointed state, after
// a pause of its own choice. Use it for what passes by itself, such as an API server that is away. Errors of Host
// methods that are of that kind carry the mark already; it survives wrapping with %w. Retryable(nil) is nil.
func Retryable(err error) error {
	if err == nil {
		return nil
	}
	return &retryableError{err}
}

// IsRetryable reports whether err carries the mark of Retryable.
func IsRetryable(err error) bool {
	var marked *retryableError
	return errors.As(err, &marked)
}

// Waiting marks an error of Run or Cancel: nothing is wrong yet, the step is to be repeated after the given time.
// Waiting(nil, after) is nil.
func Waiting(err error, after time.Duration) error {
	if err == nil {
		return nil
	}
	return &waitingError{err, after}
}

type retryableError struct{ err error }

func (e *retryableError) Error() string { return e.err.Error() }
func (e *retryableError) Unwrap() error { return e.err }

type waitingError struct {
	err   error
	after time.Duration
}

func (e *waitingError) Error() string { return e.err.Error() }
func (e *waitingError) Unwrap() error { return e.err }
