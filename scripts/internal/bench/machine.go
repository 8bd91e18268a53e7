package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// machine says in a line or two on what the measures are taken, and of which version.
func machine(ctx context.Context) (string, error) {
	version, err := exec.CommandContext(ctx, "bin/gennaker", "version").Output()
	if err != nil {
		return "", fmt.Errorf("ask bin/gennaker for its version: %w (run `make build` first)", err)
	}
	return fmt.Sprintf("gennaker %s, %s %s/%s\n%d cores of %s, load %s", strings.TrimSpace(string(version)), runtime.Version(),
		runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), processor(), load()), nil
}

// processor is the name of the processor; "unknown" where /proc does not tell.
func processor() string {
	const unknown = "unknown"
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return unknown
	}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return unknown
}

// load is how many processes wanted to run in the last minute, on average.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	last, _, _ := strings.Cut(string(text), " ")
	return last
}
