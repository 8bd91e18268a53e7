package sdk

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	stagev1 "github.com/gennaker/gennaker/plugins/proto/stage/v1"
)

const (
	// logInterval is how long a log line waits for others to travel with.
	logInterval = 200 * time.Millisecond
	// logTimeout bounds the sending of one batch.
	logTimeout = 5 * time.Second
	// maxPendingLines and maxPendingBytes bound what waits; lines beyond are dropped and counted.
	maxPendingLines = 1000
	maxPendingBytes = 1 << 20
	// maxLineBytes is where a line is cut.
	maxLineBytes = 16 << 10
)

// Log adds a line to the stage's log. It never waits: lines travel in batches, and when the agent cannot keep up they
// are dropped and counted.
func (h *Host) Log(level slog.Level, text string) {
	h.logs.add(level, text)
}

// Logger writes to the stage's log.
func (h *Host) Logger() *slog.Logger {
	return slog.New(newLogHandler(h.logs))
}

// logStream sends the lines of one step in batches. Its goroutine ends with close.
type logStream struct {
	client stagev1.HostClient
	call   string
	wake   chan struct{}
	stop   chan struct{}
	done   chan struct{}

	mu      sync.Mutex
	closed  bool
	pending []*stagev1.LogLine
	size    int
	dropped int
}

func newLogStream(client stagev1.HostClient, call string) *logStream {
	l := &logStream{
		client: client, call: call,
		wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
	}
	go l.run()
	return l
}

func (l *logStream) add(level slog.Level, text string) {
	text = strings.ToValidUTF8(cut(text, maxLineBytes), "\uFFFD")
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || len(l.pending) >= maxPendingLines || l.size+len(text) > maxPendingBytes {
		l.dropped++
		return
	}
	l.pending = append(l.pending, &stagev1.LogLine{Time: timestamppb.Now(), Level: levelName(level), Text: text})
	l.size += len(text)
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func (l *logStream) run() {
	defer close(l.done)
	for {
		select {
		case <-l.stop:
			l.flush()
			return
		case <-l.wake:
		}
		timer := time.NewTimer(logInterval)
		select {
		case <-timer.C:
		case <-l.stop:
			timer.Stop()
		}
		l.flush()
	}
}

func (l *logStream) flush() {
	lines := l.take()
	if len(lines) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), logTimeout)
	defer cancel()
	if _, err := l.client.Log(ctx, &stagev1.LogRequest{Call: l.call, Lines: lines}); err != nil {
		// The log is the only place to tell of it, so the next batch does.
		l.mu.Lock()
		l.dropped += len(lines)
		l.mu.Unlock()
	}
}

func (l *logStream) take() []*stagev1.LogLine {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines := l.pending
	l.pending, l.size = nil, 0
	if l.dropped > 0 && len(lines) > 0 {
		lines = append(lines, &stagev1.LogLine{
			Time: timestamppb.Now(), Level: "warn",
			Text: fmt.Sprintf("%d log lines were dropped by the plugin: they came faster than the agent took them", l.dropped),
		})
		l.dropped = 0
	}
	return lines
}

// close sends what is pending and waits for it.
func (l *logStream) close() {
	l.mu.Lock()
	first := !l.closed
	l.closed = true
	l.mu.Unlock()
	if first {
		close(l.stop)
	}
	<-l.done
}

func levelName(level slog.Level) string {
	switch {
	case level < slog.LevelInfo:
		return "debug"
	case level < slog.LevelWarn:
		return "info"
	case level < slog.LevelError:
		return "warn"
	}
	return "error"
}

func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return text[:limit] + "…"
}

// logHandler turns slog records into lines: the message, then the attributes as slog's text form has them.
type logHandler struct {
	logs   *logStream
	format slog.Handler
	buffer *formatBuffer
}

// formatBuffer is what format writes into; the handlers derived from one Logger share it.
type formatBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func newLogHandler(logs *logStream) *logHandler {
	buffer := &formatBuffer{}
	format := slog.NewTextHandler(&buffer.text, &slog.HandlerOptions{Level: slog.LevelDebug - 4})
	return &logHandler{logs: logs, format: format, buffer: buffer}
}

func (h *logHandler) Enabled(context.Context, slog.Level) bool { return true }

func (h *logHandler) Handle(ctx context.Context, record slog.Record) error {
	// Without time and message the text form begins with `level=L msg=""`.
	attrs := slog.NewRecord(time.Time{}, record.Level, "", 0)
	record.Attrs(func(attr slog.Attr) bool {
		attrs.AddAttrs(attr)
		return true
	})
	h.buffer.mu.Lock()
	defer h.buffer.mu.Unlock()
	h.buffer.text.Reset()
	if err := h.format.Handle(ctx, attrs); err != nil {
		return err
	}
	_, text, _ := strings.Cut(h.buffer.text.String(), ` msg=""`)
	h.logs.add(record.Level, record.Message+strings.TrimRight(text, "\n"))
	return nil
}

func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &logHandler{h.logs, h.format.WithAttrs(attrs), h.buffer}
}

func (h *logHandler) WithGroup(name string) slog.Handler {
	return &logHandler{h.logs, h.format.WithGroup(name), h.buffer}
}
