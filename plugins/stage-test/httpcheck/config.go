package httpcheck

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gennaker/gennaker/plugins/sdk"
)

const (
	// maxChecks keeps the state, with a line for each check, well below its limit.
	maxChecks = 100
	// Defaults of the times a stage may set, and the most that one request may take: it has to fit into a step.
	defaultInterval = 5 * time.Second
	defaultTimeout  = time.Minute
	defaultRequest  = 5 * time.Second
	maxRequest      = 8 * time.Second
)

// config is the stage's configuration.
type config struct {
	Checks []check `json:"checks"`
	Retry  retry   `json:"retry"`
	TLS    tlsSet  `json:"tls"`
}

// retry says how long and how often checks are tried again.
type retry struct {
	Interval *duration `json:"interval"`
	Timeout  *duration `json:"timeout"`
}

func (r retry) interval() time.Duration { return orDefault(r.Interval, defaultInterval) }
func (r retry) timeout() time.Duration  { return orDefault(r.Timeout, defaultTimeout) }

func orDefault(d *duration, value time.Duration) time.Duration {
	if d == nil {
		return value
	}
	return time.Duration(*d)
}

// tlsSet says how servers are verified.
type tlsSet struct {
	// CACertificate is PEM text that is trusted besides the system's.
	CACertificate string `json:"caCertificate"`
	// ServerName is verified instead of the URL's host.
	ServerName         string `json:"serverName"`
	InsecureSkipVerify flag   `json:"insecureSkipVerify"`
}

// check is one request and what its answer must look like.
type check struct {
	Name    string            `json:"name"`
	URL     string            `json:"url"`
	Method  string            `json:"method"`
	Headers map[string]string `json:"headers"`
	// Body is a text, or a JSON value that is sent as such.
	Body            any       `json:"body"`
	Timeout         *duration `json:"timeout"`
	FollowRedirects flag      `json:"followRedirects"`
	Expect          expect    `json:"expect"`
}

// expect says what an answer must look like. Without a status, 200 to 299 is expected.
type expect struct {
	Status  statuses             `json:"status"`
	Headers map[string]textMatch `json:"headers"`
	Body    bodyMatch            `json:"body"`
}

func (c check) method() string {
	if c.Method == "" {
		return http.MethodGet
	}
	return strings.ToUpper(c.Method)
}

// label is how messages and the JUnit report call the check.
func (c check) label() string {
	if c.Name != "" {
		return c.Name
	}
	return c.method() + " " + redacted(c.URL)
}

// redacted is a URL without its password.
func redacted(text string) string {
	parsed, err := url.Parse(text)
	if err != nil {
		return text
	}
	return parsed.Redacted()
}

// body is what is sent, and its content type if the check does not name one.
func (c check) body() (text, contentType string, err error) {
	switch body := c.Body.(type) {
	case nil:
		return "", "", nil
	case string:
		return body, "", nil
	default:
		encoded, err := json.Marshal(body)
		return string(encoded), "application/json", err
	}
}

// decode reads a configuration whose expressions are evaluated.
func decode(in sdk.Config) (*config, error) {
	if found := validate(in); len(found) > 0 {
		return nil, &sdk.ConfigError{Path: found[0].Path, Message: found[0].Message}
	}
	var c config
	if err := in.Decode(&c); err != nil {
		return nil, err
	}
	return &c, nil
}

// validate finds what is wrong; a text with an expression in it may become anything.
func validate(in sdk.Config) []sdk.FieldError {
	v := &validator{}
	switch checks := in["checks"].(type) {
	case nil:
		v.add("checks", "is missing: a list of checks, each with a url")
	case string:
		if !hasExpression(checks) {
			v.add("checks", "found a text, expected a list of checks")
		}
	case []any:
		v.checks(checks)
	default:
		v.add("checks", "expected a list of checks")
	}
	v.object("retry", in["retry"], map[string]any{"interval": new(duration), "timeout": new(duration)})
	v.object("tls", in["tls"], map[string]any{
		"caCertificate": new(certificates), "serverName": new(string), "insecureSkipVerify": new(flag),
	})
	return v.found
}

type validator struct{ found []sdk.FieldError }

func (v *validator) add(path, message string) {
	v.found = append(v.found, sdk.FieldError{Path: path, Message: message})
}

func (v *validator) checks(checks []any) {
	if len(checks) == 0 {
		v.add("checks", "is empty: the stage would test nothing")
	}
	if len(checks) > maxChecks {
		v.add("checks", fmt.Sprintf("has %d entries, at most %d are allowed; use several stages", len(checks), maxChecks))
		return
	}
	for i, item := range checks {
		path := fmt.Sprintf("checks[%d]", i)
		object, ok := item.(map[string]any)
		if !ok {
			v.add(path, "expected an object with a url")
			continue
		}
		if object["url"] == nil || object["url"] == "" {
			v.add(path+".url", "is missing")
		}
		v.object(path, object, map[string]any{
			"name": new(string), "url": new(address), "method": new(method), "headers": new(map[string]string),
			"timeout": new(requestTime), "followRedirects": new(flag),
		})
		expected, _ := object["expect"].(map[string]any)
		v.object(path+".expect", object["expect"], map[string]any{
			"status": new(statuses), "headers": new(map[string]textMatch),
		})
		v.object(path+".expect.body", expected["body"], map[string]any{
			"contains": new(texts), "notContains": new(texts), "matches": new(pattern), "json": new([]jsonMatch),
		})
	}
}

// object checks the fields of an object by reading each into a value of its type.
func (v *validator) object(path string, value any, fields map[string]any) {
	if value == nil {
		return
	}
	object, ok := value.(map[string]any)
	if !ok {
		if text, isText := value.(string); !isText || !hasExpression(text) {
			v.add(path, "expected an object")
		}
		return
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if object[name] == nil || containsExpression(object[name]) {
			continue
		}
		if err := decodeField(object[name], fields[name]); err != nil {
			v.add(path+"."+name, err.Error())
		}
	}
}

// decodeField reads a JSON value and says what is wrong with it without naming it.
func decodeField(value, into any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	err = json.Unmarshal(text, into)
	var mismatch *json.UnmarshalTypeError
	if errors.As(err, &mismatch) {
		return fmt.Errorf("found a JSON %s where it does not belong", mismatch.Value)
	}
	return err
}

func hasExpression(text string) bool { return strings.Contains(text, "${") }

// containsExpression looks into lists and objects too.
func containsExpression(value any) bool {
	switch value := value.(type) {
	case string:
		return hasExpression(value)
	case []any:
		return slices.ContainsFunc(value, containsExpression)
	case map[string]any:
		return slices.ContainsFunc(slices.Collect(maps.Values(value)), containsExpression)
	}
	return false
}

// duration is a number of seconds, or a text such as "1m30s".
type duration time.Duration

func (d *duration) UnmarshalJSON(text []byte) error {
	unquoted := strings.Trim(string(text), `"`)
	if seconds, err := strconv.ParseFloat(unquoted, 64); err == nil && seconds >= 0 && seconds <= 86400 {
		*d = duration(seconds * float64(time.Second))
		return nil
	}
	parsed, err := time.ParseDuration(unquoted)
	if err != nil || parsed < 0 || parsed > 24*time.Hour {
		return fmt.Errorf("found %.100s, expected seconds or a time such as \"30s\", at most a day", text)
	}
	*d = duration(parsed)
	return nil
}

// requestTime is the time of one request.
type requestTime struct{}

func (requestTime) UnmarshalJSON(text []byte) error {
	var d duration
	if err := d.UnmarshalJSON(text); err != nil {
		return err
	}
	if d <= 0 || time.Duration(d) > maxRequest {
		return fmt.Errorf("found %s, expected more than nothing and at most %s: a request has to fit into a step",
			time.Duration(d), maxRequest)
	}
	return nil
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

// address is a URL that can be asked.
type address struct{}

func (address) UnmarshalJSON(text []byte) error {
	var raw string
	if err := json.Unmarshal(text, &raw); err != nil {
		return errors.New("expected a text")
	}
	parsed, err := url.Parse(raw)
	if err != nil {
		return errors.New("is not a URL")
	}
	if (parsed.Scheme != "http" && parsed.Scheme != "https") || parsed.Host == "" {
		return fmt.Errorf("found %.200q, expected http://… or https://…", parsed.Redacted())
	}
	return nil
}

// method is an HTTP method.
type method struct{}

func (method) UnmarshalJSON(text []byte) error {
	if !regexp.MustCompile(`^"[A-Za-z]*"$`).Match(text) {
		return fmt.Errorf("found %.100s, expected a method such as GET", text)
	}
	return nil
}
