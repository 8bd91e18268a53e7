package httpcheck

import (
	"encoding/json"

	"github.com/gennaker/gennaker/plugins/sdk"
)

// Readable reports whether a configuration can be run.
func Readable(in sdk.Config) error {
	_, err := decode(in)
	return err
}

// Mismatch compares an answer with an expectation in JSON.
func Mismatch(expectation, body string, status int) string {
	var e expect
	if err := json.Unmarshal([]byte(expectation), &e); err != nil {
		return err.Error()
	}
	e.Status = nil
	return e.mismatch(answer{status: 200, body: []byte(body)}) + e.mismatch(answer{status: status, body: []byte(body)})
}
