package telemetry

import (
	"io"
	"log/slog"
	"os"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Logger writes to w from a level on (debug, info, warn, error). The format is text or json; "" is text on a terminal and
// JSON otherwise.
func Logger(w io.Writer, level, format string) *slog.Logger {
	var lowest slog.Level
	if err := lowest.UnmarshalText([]byte(level)); err != nil {
		lowest = slog.LevelInfo
	}
	options := &slog.HandlerOptions{Level: lowest}
	if format == "text" || format == "" && terminal(w) {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(w, options))
}

// terminal says whether w is a character device.
func terminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// Metrics is a registry with the process's own metrics in it.
func Metrics() *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return registry
}
