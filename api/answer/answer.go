// Package answer makes request handlers of functions that return a value or an error.
package answer

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"
)

// Func answers a request with a value, nil for no body, or an error, which the server renders.
type Func func(c *gin.Context) (any, error)

// OK answers with the value as JSON and status 200.
func OK(f Func) gin.HandlerFunc { return With(http.StatusOK, f) }

// Accepted answers with the value as JSON and status 202.
func Accepted(f Func) gin.HandlerFunc { return With(http.StatusAccepted, f) }

// With answers with the value as JSON and a status.
func With(status int, f Func) gin.HandlerFunc {
	return func(c *gin.Context) {
		value, err := f(c)
		switch {
		case err != nil:
			c.Error(err)
		case value == nil:
			c.Status(status)
		default:
			data, err := json.Marshal(value)
			if err != nil {
				c.Error(fmt.Errorf("write the answer as JSON: %w", err))
				return
			}
			c.Data(status, "application/json; charset=utf-8", data)
		}
	}
}
