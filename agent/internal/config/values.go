package config

import (
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Duration is a time span written as in Go (10s, 5m, 1h30m), or as a number of days of 24 hours (90d).
type Duration time.Duration

// UnmarshalYAML reads a duration and names the line of one that is none.
func (d *Duration) UnmarshalYAML(node *yaml.Node) error {
	parsed, err := parseDuration(node.Value)
	if err != nil || parsed <= 0 {
		return fmt.Errorf("line %d: found %q, expected a duration above zero such as 10s, 5m, 1h30m or 90d", node.Line, node.Value)
	}
	*d = Duration(parsed)
	return nil
}

func parseDuration(text string) (time.Duration, error) {
	number, isDays := strings.CutSuffix(text, "d")
	if !isDays {
		return time.ParseDuration(text)
	}
	const (
		day     = 24 * time.Hour
		longest = 100 * 366 // a century
	)
	days, err := strconv.Atoi(number)
	if err != nil || days > longest {
		return 0, fmt.Errorf("%q is no number of days", number)
	}
	return time.Duration(days) * day, nil
}

// Or returns the duration, or otherwise where none is set.
func (d Duration) Or(otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return time.Duration(d)
}

// Instant is a moment, written as 2026-12-24T18:00:00Z or with another zone's offset.
type Instant struct{ time.Time }

// UnmarshalYAML reads an instant and names the line of one that is none.
func (i *Instant) UnmarshalYAML(node *yaml.Node) error {
	parsed, err := time.Parse(time.RFC3339, node.Value)
	if err != nil {
		return fmt.Errorf("line %d: found %q, expected an instant such as 2026-12-24T18:00:00Z", node.Line, node.Value)
	}
	i.Time = parsed
	return nil
}

// Secret is a value that is never shown. In the file it is a text, `{env: NAME}` or `{file: PATH}`.
type Secret struct{ value string }

// NewSecret wraps a value.
func NewSecret(value string) Secret { return Secret{value} }

// Reveal returns the value itself.
func (s Secret) Reveal() string { return s.value }

// IsSet says whether there is a value.
func (s Secret) IsSet() bool { return s.value != "" }

const redacted = "[redacted]"

// String hides the value.
func (s Secret) String() string { return redacted }

// GoString hides the value from %#v.
func (s Secret) GoString() string { return redacted }

// LogValue hides the value in logs.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON hides the value in JSON.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalYAML hides the value in YAML.
func (s Secret) MarshalYAML() (any, error) { return redacted, nil }

// UnmarshalYAML reads a secret; the value of an environment variable or file loses its last line break.
func (s *Secret) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		s.value = node.Value
		return nil
	}
	var source struct {
		Env  string `yaml:"env"`
		File string `yaml:"file"`
	}
	if err := node.Decode(&source); err != nil || (source.Env == "") == (source.File == "") {
		return fmt.Errorf("line %d: expected a text, {env: NAME} or {file: PATH}", node.Line)
	}
	if source.Env != "" {
		value, ok := os.LookupEnv(source.Env)
		if !ok || value == "" {
			return fmt.Errorf("line %d: the environment variable %s is not set", node.Line, source.Env)
		}
		s.value = strings.TrimRight(value, "\r\n")
		return nil
	}
	data, err := os.ReadFile(source.File)
	if err != nil {
		return fmt.Errorf("line %d: read the secret: %w", node.Line, err)
	}
	if s.value = strings.TrimRight(string(data), "\r\n"); s.value == "" {
		return fmt.Errorf("line %d: the secret's file %s is empty", node.Line, source.File)
	}
	return nil
}

// UnmarshalYAML reads `proxy`, or a certificate and key.
func (t *TLS) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		if node.Value != "proxy" {
			return fmt.Errorf("line %d: found tls: %q, expected proxy or {cert: FILE, key: FILE}", node.Line, node.Value)
		}
		*t = TLS{Proxy: true}
		return nil
	}
	type plain TLS
	return node.Decode((*plain)(t))
}
