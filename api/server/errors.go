package server

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/gennaker/gennaker/api/spinnaker"
)

// retryAfter is in how many seconds a request that found the store unavailable may be repeated.
const retryAfter = "10"

// statusClosed is what is logged and counted when the caller has gone before the answer. No caller sees it.
const statusClosed = 499

// rendered turns the error of a handler into Spinnaker's error body. Errors that are not made for callers are logged, and
// the caller is told where to look: what they say may be no business of theirs. Those that unavailable knows are a 503: the
// request was not carried out, and may be repeated.
func rendered(log *slog.Logger, unavailable func(error) bool) gin.HandlerFunc {
	return func(c *gin.Context) {
		c.Next()
		if len(c.Errors) == 0 || c.Writer.Written() {
			return
		}
		err := c.Errors.Last().Err
		if c.Request.Context().Err() != nil {
			c.Status(statusClosed)
			return
		}
		answer := (*spinnaker.Error)(nil)
		if !errors.As(err, &answer) {
			request := c.GetString(requestIDHeader)
			log.ErrorContext(c, "request failed", "method", c.Request.Method, "path", c.Request.URL.Path, "error", err, "request", request)
			answer = &spinnaker.Error{Status: http.StatusInternalServerError,
				Message: fmt.Sprintf("%s %s failed inside the agent: its log says why, at request %s", c.Request.Method, c.Request.URL.Path, request)}
			if unavailable != nil && unavailable(err) {
				c.Header("Retry-After", retryAfter)
				answer.Status = http.StatusServiceUnavailable
				answer.Message += ". Nothing was kept of it; try again later"
			}
		}
		c.JSON(answer.Status, errorBody(answer, time.Now()))
	}
}

// errorBody is an error as Spinnaker's services answer it.
//
// Source: spinnaker/spinnaker kork/kork-web exceptions/GenericExceptionHandlers.java.
func errorBody(e *spinnaker.Error, at time.Time) map[string]any {
	body := map[string]any{"timestamp": at.UTC().Format("2006-01-02T15:04:05.000+00:00"), "status": e.Status,
		"error": http.StatusText(e.Status), "message": e.Message}
	if len(e.Errors) > 0 {
		body["errors"] = e.Errors
	}
	return body
}

// recovered turns a panic into an error, so that one request cannot end the agent. The stack goes to the log only.
func recovered(log *slog.Logger) gin.HandlerFunc {
	return func(c *gin.Context) {
		defer func() {
			r := recover()
			if r == nil {
				return
			}
			if r == http.ErrAbortHandler {
				panic(r) // the handler means it: the rest of its answer failed
			}
			log.ErrorContext(c, "bug: a request panicked", "method", c.Request.Method, "path", c.Request.URL.Path, "panic", r,
				"stack", string(debug.Stack()), "request", c.GetString(requestIDHeader))
			if c.Writer.Written() {
				panic(http.ErrAbortHandler) // half an answer must not look like a whole one
			}
			c.Error(errors.New("bug: it panicked"))
			c.Abort()
		}()
		c.Next()
	}
}
