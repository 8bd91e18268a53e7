package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// result is a line of a Go benchmark.
type result struct {
	// name without "Benchmark" and the number of processors, spaces for underscores.
	name string
	// metrics by unit, such as "ns/op".
	metrics map[string]float64
}

// parseLine reads a line of `go test -bench`; ok is false for lines that are no result.
func parseLine(line string) (r result, ok bool) {
	fields := strings.Fields(line)
	if len(fields) < 4 || len(fields)%2 != 0 || !strings.HasPrefix(fields[0], "Benchmark") {
		return result{}, false
	}
	name := regexp.MustCompile(`-\d+$`).ReplaceAllString(strings.TrimPrefix(fields[0], "Benchmark"), "")
	r = result{name: strings.ReplaceAll(name, "_", " "), metrics: map[string]float64{}}
	for i := 2; i < len(fields); i += 2 {
		value, err := strconv.ParseFloat(fields[i], 64)
		if err != nil {
			return result{}, false
		}
		r.metrics[fields[i+1]] = value
	}
	return r, true
}

// goBench runs the benchmarks of a package that match a pattern.
func goBench(ctx context.Context, pkg, pattern, length string) ([]result, error) {
	test := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", pattern, "-benchtime", length, pkg)
	var out bytes.Buffer
	test.Stdout, test.Stderr = &out, os.Stderr
	if err := test.Run(); err != nil {
		return nil, fmt.Errorf("go test -bench %s %s: %w\n%s", pattern, pkg, err, out.String())
	}
	var results []result
	for line := range strings.Lines(out.String()) {
		if r, ok := parseLine(line); ok {
			results = append(results, r)
		}
	}
	return results, nil
}

// bakeAgainstHelm compares a bake in the plugin with a `helm template` process on the same inputs.
func bakeAgainstHelm(ctx context.Context) ([]row, error) {
	results, err := goBench(ctx, "./plugins/stage-bake", "^BenchmarkBakeAgainstHelmTemplate$", "20x")
	if err != nil {
		return nil, err
	}
	var rows []row
	for _, r := range results {
		rows = append(rows, heldAgainst("bake of the demo chart, byte-equal (promised: below 0.200)", millis(r.metrics["ms/bake"]),
			" (helm template process)", millis(r.metrics["ms/helm"])))
	}
	return rows, nil
}

// throughputOnPostgres is throughput's measure with an agent on PostgreSQL that syncs each commit.
func throughputOnPostgres(ctx context.Context) ([]row, error) {
	results, err := goBench(ctx, "./agent/e2e/replicas", "^BenchmarkThroughput$", fmt.Sprint(together, "x"))
	if err != nil {
		return nil, err
	}
	var rows []row
	for _, r := range results {
		_, several, _ := strings.Cut(r.name, "/")
		name := "three waits of 0 through the API on PostgreSQL, " + several
		commits, raw := r.metrics["commits/execution"], r.metrics["raw-commits/s"]
		rows = append(rows,
			numbers(name+": commits for each", commits, "", commitLimit, " at most"),
			numbers(name+": syncs of the disk for each commit", r.metrics["syncs/commit"], "", 1, " (fewer where commits share one)"),
			allowed(name, r.metrics["executions/s"], raw, commits, ""),
			allowed(name, r.metrics["executions/s"], raw, commitLimit, " (promised of 32 at once: above 0.600)"))
	}
	return rows, nil
}

// pagesOnPostgres is manyExecutions' measure with an agent on PostgreSQL.
func pagesOnPostgres(ctx context.Context) ([]row, error) {
	results, err := goBench(ctx, "./agent/e2e/replicas", "^BenchmarkPages$", "1x")
	if err != nil {
		return nil, err
	}
	var rows []row
	for _, r := range results {
		_, page, _ := strings.Cut(r.name, "/")
		name := fmt.Sprintf("%d stored executions on PostgreSQL: %s, median", stored, strings.ReplaceAll(page, "_", " "))
		rows = append(rows, heldAgainst(name, millis(r.metrics["ms/page"]), "", lookLimit))
	}
	return rows, nil
}

// takeOver measures how long the work of an agent that was killed stands still, with the lease that agents have by default.
func takeOver(ctx context.Context) ([]row, error) {
	const limit = 15 * time.Second
	results, err := goBench(ctx, "./agent/e2e/replicas", "^BenchmarkTakeOver$", "10x")
	if err != nil {
		return nil, err
	}
	var rows []row
	for _, r := range results {
		const name = "an agent is killed, another one goes on with its step, "
		rows = append(rows, heldAgainst(name+"mean of 10", millis(1000*r.metrics["s/takeover"]), "", limit),
			heldAgainst(name+"longest", millis(1000*r.metrics["s/longest"]), "", limit))
	}
	return rows, nil
}

func millis(ms float64) time.Duration { return time.Duration(ms * float64(time.Millisecond)) }

// parts are the benchmarks of single packages, in short.
func parts(ctx context.Context) ([]row, error) {
	var rows []row
	for _, part := range []struct{ pkg, pattern string }{
		{"./agent/internal/store/sqlite", "^BenchmarkStore$/^(Update|Step)"},
		{"./agent/internal/runner", "."},
		{"./jenkins/poll", "."},
		{"./agent/spel", "."},
		{"./agent/internal/catalog", "."},
	} {
		results, err := goBench(ctx, part.pkg, part.pattern, "300ms")
		if err != nil {
			return rows, err
		}
		for _, r := range results {
			rows = append(rows, row{measure: path.Base(part.pkg) + ": " + r.name, here: r.short()})
		}
	}
	return rows, nil
}

// short is a result's rate if it reports one, else the time of an operation.
func (r result) short() string {
	for unit, value := range r.metrics {
		if strings.HasSuffix(unit, "/s") {
			return fmt.Sprintf("%.0f %s", value, unit)
		}
	}
	return short(time.Duration(r.metrics["ns/op"]))
}
