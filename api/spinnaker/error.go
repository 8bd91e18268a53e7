package spinnaker

import (
	"fmt"
	"net/http"
)

// Error is a failure as the API answers it. Message is one sentence that names the object and the remedy; Errors holds
// the single findings of a validation.
//
// Source: spinnaker/spinnaker kork/kork-web GenericExceptionHandlers.java.
type Error struct {
	Status  int
	Message string
	Errors  []string
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// NotFound is a 404.
func NotFound(format string, args ...any) *Error {
	return &Error{Status: http.StatusNotFound, Message: fmt.Sprintf(format, args...)}
}

// Invalid is a 400.
func Invalid(format string, args ...any) *Error {
	return &Error{Status: http.StatusBadRequest, Message: fmt.Sprintf(format, args...)}
}

// Conflict is a 409.
func Conflict(format string, args ...any) *Error {
	return &Error{Status: http.StatusConflict, Message: fmt.Sprintf(format, args...)}
}
