package wire

import (
	"bytes"
	"strings"
	"sync"
)

// MaxOutputLine is where a line that a plugin prints is cut, in bytes.
const MaxOutputLine = 16 << 10

// output collects the three streams of what a plugin prints: its real standard error, and what go-plugin carries of
// its standard output and error while it serves.
type output struct {
	stderr, stdout, syncStderr *lineWriter
}

func newOutput(line func(string)) *output {
	if line == nil {
		line = func(string) {}
	}
	return &output{&lineWriter{line: line}, &lineWriter{line: line}, &lineWriter{line: line}}
}

// close hands out what has no newline yet, and nothing after that.
func (o *output) close() {
	for _, w := range []*lineWriter{o.stderr, o.stdout, o.syncStderr} {
		w.close()
	}
}

// lineWriter cuts a stream into lines.
type lineWriter struct {
	line func(string)

	mu      sync.Mutex
	partial []byte
	skip    bool // the rest of this line is over the limit
	closed  bool
}

func (w *lineWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for rest := p; len(rest) > 0 && !w.closed; {
		text, after, complete := bytes.Cut(rest, []byte("\n"))
		w.add(text)
		if complete {
			w.end()
		}
		rest = after
	}
	return len(p), nil
}

func (w *lineWriter) add(text []byte) {
	if w.skip {
		return
	}
	w.partial = append(w.partial, text[:min(len(text), MaxOutputLine-len(w.partial))]...)
	w.skip = len(w.partial) == MaxOutputLine
}

func (w *lineWriter) end() {
	text := strings.ToValidUTF8(string(bytes.TrimRight(w.partial, "\r")), "\uFFFD")
	w.partial, w.skip = w.partial[:0], false
	if text != "" {
		w.line(text)
	}
}

func (w *lineWriter) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.end()
	w.closed = true
}
