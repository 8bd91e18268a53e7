package pluginhost

import (
	"log/slog"
	"strings"
	"sync"
	"time"

	stagev1 "github.com/gennaker/gennaker/plugins/proto/stage/v1"
)

// logBudget is what one step may still log.
type logBudget struct {
	now       func() time.Time
	lineBytes int

	mu           sync.Mutex
	lines, bytes int
	dropped      int64
}

func newLogBudget(limits Limits) *logBudget {
	return &logBudget{
		now: time.Now, lineBytes: limits.LogLineBytes, lines: limits.LogLines, bytes: limits.LogBytes,
	}
}

// take converts the lines that are within the budget, and returns how many of the step were not so far.
func (b *logBudget) take(in []*stagev1.LogLine) (lines []LogLine, dropped int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, line := range in {
		text := clean(line.GetText(), b.lineBytes)
		if b.lines == 0 || len(text) > b.bytes {
			b.dropped++
			continue
		}
		b.lines--
		b.bytes -= len(text)
		lines = append(lines, LogLine{Time: b.timeOf(line), Level: levelOf(line.GetLevel()), Text: text})
	}
	return lines, b.dropped
}

// droppedLines counts the lines that were over the budget.
func (b *logBudget) droppedLines() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.dropped
}

// timeOf takes the plugin's time unless it is absent or nonsense.
func (b *logBudget) timeOf(line *stagev1.LogLine) time.Time {
	now := b.now()
	if line.GetTime() == nil {
		return now
	}
	t := line.GetTime().AsTime()
	if t.Before(now.Add(-time.Hour)) || t.After(now.Add(time.Minute)) {
		return now
	}
	return t
}

func levelOf(name string) slog.Level {
	switch strings.ToLower(name) {
	case "debug", "trace":
		return slog.LevelDebug
	case "warn", "warning":
		return slog.LevelWarn
	case "error":
		return slog.LevelError
	}
	return slog.LevelInfo
}

// clean cuts a line at a limit in bytes and leaves no broken or control characters in it but tabs and newlines.
func clean(text string, limit int) string {
	if len(text) > limit {
		text = text[:limit] + "…"
	}
	return strings.Map(func(r rune) rune {
		if r == '\uFFFD' || (r < ' ' && r != '\t' && r != '\n') || r == 0x7f {
			return '\uFFFD'
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
}
