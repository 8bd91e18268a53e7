package ci

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gennaker/gennaker/plugins/sdk"
)

// settings are the fields of a stage that runs a job.
type settings struct {
	Master string `json:"master"`
	Job    string `json:"job"`
	// Parameters go to Jenkins as text.
	Parameters map[string]any `json:"parameters"`
	// PropertyFile is a file that the build archives; its properties become outputs.
	PropertyFile string `json:"propertyFile"`
	// WaitForCompletion is true unless it says otherwise.
	WaitForCompletion flag `json:"waitForCompletion"`
	// MarkUnstableAsSuccessful makes UNSTABLE a success.
	MarkUnstableAsSuccessful flag `json:"markUnstableAsSuccessful"`
	// RetryUnknownOutcome starts another build when it stays undecided whether one was started.
	RetryUnknownOutcome flag `json:"retryUnknownOutcome"`
	// StageTimeout in milliseconds replaces the time-outs of waiting for the build's start and end.
	StageTimeout millis `json:"stageTimeoutMs"`
}

func (s settings) waits() bool { return s.WaitForCompletion != "false" }

// parameters are the build parameters as text; a null is left out.
func (s settings) parameters() (map[string]string, error) {
	texts := map[string]string{}
	for name, value := range s.Parameters {
		text, ok, err := toText(value)
		if err != nil {
			return nil, fmt.Errorf("parameters.%s: %w", name, err)
		}
		if ok {
			texts[name] = text
		}
	}
	return texts, nil
}

func toText(value any) (text string, ok bool, err error) {
	switch value := value.(type) {
	case nil:
		return "", false, nil
	case string:
		return value, true, nil
	case json.Number:
		return value.String(), true, nil
	case bool:
		return strconv.FormatBool(value), true, nil
	}
	encoded, err := json.Marshal(value)
	return string(encoded), true, err
}

// flag is a JSON boolean, or its text: an evaluated expression may be either.
type flag string

func (f *flag) UnmarshalJSON(text []byte) error {
	switch value := strings.ToLower(strings.Trim(string(text), `"`)); value {
	case "true", "false":
		*f = flag(value)
	case "null", "":
		*f = ""
	default:
		return fmt.Errorf("found %.100s, expected true or false", text)
	}
	return nil
}

func (f flag) isTrue() bool { return f == "true" }

// millis is a duration in milliseconds, as a JSON number or its text.
type millis time.Duration

func (m *millis) UnmarshalJSON(text []byte) error {
	value := strings.Trim(string(text), `"`)
	if value == "null" || value == "" {
		return nil
	}
	number, err := strconv.ParseFloat(value, 64)
	if err != nil || number < 0 || number > float64(365*24*time.Hour/time.Millisecond) {
		return fmt.Errorf("found %.100s, expected a number of milliseconds", text)
	}
	*m = millis(number * float64(time.Millisecond))
	return nil
}

// field is what Validate knows of a config field.
type field struct {
	name     string
	required bool
	// into checks a value that holds no expression.
	into any
}

// validate checks fields before expressions are evaluated: a text with an expression in it may become anything.
func validate(config sdk.Config, fields []field) []sdk.FieldError {
	var found []sdk.FieldError
	for _, f := range fields {
		value := config[f.name]
		text, isText := value.(string)
		switch {
		case value == nil || isText && strings.TrimSpace(text) == "":
			if f.required {
				found = append(found, sdk.FieldError{Path: f.name, Message: "is missing"})
			}
		case isText && strings.Contains(text, "${"):
		default:
			if err := (sdk.Config{"value": value}).Decode(f.into); err != nil {
				found = append(found, sdk.FieldError{Path: f.name, Message: message(err)})
			}
		}
	}
	return found
}

// message is an error of Config.Decode without the name that validate gave the field.
func message(err error) string {
	var wrong *sdk.ConfigError
	if errors.As(err, &wrong) {
		return wrong.Message
	}
	return err.Error()
}

func textField() any   { return &struct{ Value string }{} }
func flagField() any   { return &struct{ Value flag }{} }
func millisField() any { return &struct{ Value millis }{} }
func objectField() any { return &struct{ Value map[string]any }{} }
