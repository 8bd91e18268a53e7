package pluginhost

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/types/known/timestamppb"

	stagev1 "github.com/gennaker/gennaker/plugins/proto/stage/v1"
)

func TestTimeAndLevelOfALogLine(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	budget := newLogBudget(Config{}.withDefaults().Limits)
	budget.now = func() time.Time { return now }
	tests := []struct {
		time      *timestamppb.Timestamp
		level     string
		wantTime  time.Time
		wantLevel slog.Level
	}{
		{timestamppb.New(now.Add(-time.Second)), "debug", now.Add(-time.Second), slog.LevelDebug},
		{nil, "warn", now, slog.LevelWarn},
		{timestamppb.New(now.Add(-24 * time.Hour)), "error", now, slog.LevelError},
		{timestamppb.New(now.Add(time.Hour)), "loud", now, slog.LevelInfo},
	}
	for _, test := range tests {
		lines, _ := budget.take([]*stagev1.LogLine{{Time: test.time, Level: test.level, Text: "x"}})
		if !lines[0].Time.Equal(test.wantTime) || lines[0].Level != test.wantLevel {
			t.Errorf("%v %q: got %+v", test.time, test.level, lines[0])
		}
	}
}

func TestOutputOfAPluginIsLimitedPerSecond(t *testing.T) {
	now := time.Unix(0, 0)
	var text bytes.Buffer
	o := &outputLog{log: slog.New(slog.NewTextHandler(&text, nil)), now: func() time.Time { return now }}
	for range outputLines + 50 {
		o.add("flood")
	}
	now = now.Add(outputWindow)
	o.add("calm")
	if n := strings.Count(text.String(), "flood"); n != outputLines {
		t.Errorf("%d lines", n)
	}
	if !strings.Contains(text.String(), "lines=50") || !strings.Contains(text.String(), "calm") {
		t.Errorf("the last lines are missing: %s", text.String()[text.Len()-200:])
	}
}

func TestLevelOfWhatAPluginPrints(t *testing.T) {
	for line, want := range map[string]slog.Level{
		`plain`:                               slog.LevelInfo,
		`{"level":"WARN","msg":"x"}`:          slog.LevelWarn,
		`{"@level":"error","@message":"x"}`:   slog.LevelError,
		`{"@level":"trace","@message":"x"}`:   slog.LevelDebug,
		`{"level":30,"msg":"another logger"}`: slog.LevelInfo,
	} {
		if got, text := parseLine(line); got != want || text != line {
			t.Errorf("%s: got %s %q", line, got, text)
		}
	}
}

// FuzzLogLine holds that no plugin can get more or other than clean, short text into a log.
func FuzzLogLine(f *testing.F) {
	f.Add("text", 10)
	f.Add("\x1b[31mred\x00\xff\r\n\tnext", 5)
	f.Add(`{"@level":1,"level":"error"}`, 1)
	f.Fuzz(func(t *testing.T, text string, limit int) {
		limit = min(max(limit, 1), 1000)
		got := clean(text, limit)
		if !utf8.ValidString(got) || strings.ContainsAny(got, "\x00\x1b\r\x7f") || len(got) > 3*limit+3 {
			t.Errorf("%q at %d: got %q", text, limit, got)
		}
		parseLine(text)
		budget := newLogBudget(Limits{LogLines: 1, LogBytes: 3*limit + 3, LogLineBytes: limit})
		lines, dropped := budget.take([]*stagev1.LogLine{{Text: text}, {Text: text}})
		if len(lines) != 1 || dropped != 1 {
			t.Errorf("%d lines, %d dropped", len(lines), dropped)
		}
	})
}
