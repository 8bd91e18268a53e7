package answer

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"
)

func TestWith(t *testing.T) {
	for _, test := range []struct {
		name              string
		value             any
		err               error
		body, contentType string
		failed            bool
	}{
		{name: "a value", value: map[string]any{"b": 1, "a": "<"}, body: `{"a":"\u003c","b":1}`, contentType: "application/json; charset=utf-8"},
		{name: "nothing"},
		{name: "an error", value: 1, err: errors.New("no"), failed: true},
		{name: "what is no JSON", value: func() {}, failed: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			recorder := httptest.NewRecorder()
			c, _ := gin.CreateTestContext(recorder)
			Accepted(func(*gin.Context) (any, error) { return test.value, test.err })(c)
			if failed := len(c.Errors) > 0; failed != test.failed || recorder.Body.String() != test.body ||
				recorder.Header().Get("Content-Type") != test.contentType || !failed && c.Writer.Status() != http.StatusAccepted {
				t.Errorf("found %d %v %s, errors %v", c.Writer.Status(), recorder.Header(), recorder.Body, c.Errors)
			}
		})
	}
}
