package telemetry

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func TestLogger(t *testing.T) {
	for name, test := range map[string]struct {
		level, format string
		lines         int
		isJSON        bool
	}{
		"JSON where nobody looks":     {"info", "", 2, true},
		"JSON":                        {"info", "json", 2, true},
		"text":                        {"info", "text", 2, false},
		"everything":                  {"debug", "json", 3, true},
		"what is wrong only":          {"error", "json", 1, true},
		"an unknown level means info": {"loud", "json", 2, true},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			log := Logger(&out, test.level, test.format)
			log.Debug("looked", "master", "ci")
			log.Info("fired", "pipeline", "deploy")
			log.Error("failed", "stage", "bake")
			lines := strings.Split(strings.TrimSpace(out.String()), "\n")
			if len(lines) != test.lines {
				t.Errorf("%d lines, want %d:\n%s", len(lines), test.lines, &out)
			}
			if json.Valid([]byte(lines[0])) != test.isJSON {
				t.Errorf("logged %s", lines[0])
			}
		})
	}
}

func TestMetricsDescribeTheProcess(t *testing.T) {
	families, err := Metrics().Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == "process_resident_memory_bytes" {
			return
		}
	}
	t.Error("process_resident_memory_bytes is missing")
}
