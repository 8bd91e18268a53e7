// Command speldiff compares package spel with the real Spring Expression
// Language on generated expressions, templates and documents:
//
//	GENNAKER_SPEL_ORACLE=dir speldiff [-n 100000] [-seed 1] [-keep file] [-v]
//
// The directory holds run.sh, which answers JSON lines as Spring under
// Spinnaker's restrictions does. Without it the command says so and does
// nothing. It exits 1 if a difference is not explained by the oracle's older
// version of Spring; -keep appends those cases to a file in the form of the
// corpus.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"github.com/gennaker/gennaker/agent/spel"
	"github.com/gennaker/gennaker/agent/spel/conformance"
)

func main() {
	n := flag.Int("n", 100_000, "how many cases")
	seed := flag.Uint64("seed", 1, "seed of the generator")
	keep := flag.String("keep", "", "append differing cases to this `file`")
	sample := flag.Int("sample", 0, "with -keep: append every `n`th agreeing case too")
	verbose := flag.Bool("v", false, "print the explained differences too")
	executions := flag.String("executions", "agent/spel/testdata/executions.json", "executions for documents")
	flag.Parse()
	oracle := os.Getenv("GENNAKER_SPEL_ORACLE")
	if oracle == "" {
		fmt.Println("speldiff: skipped: GENNAKER_SPEL_ORACLE does not name a folder with the oracle's run.sh")
		return
	}
	unexplained, err := compare(context.Background(), oracle, *executions, *n, *seed, &report{explained: map[string]int{}, sample: *sample, verbose: *verbose}, *keep)
	if err != nil {
		fmt.Fprintln(os.Stderr, "speldiff:", err)
		os.Exit(2)
	}
	if unexplained > 0 {
		os.Exit(1)
	}
}

// compare generates cases, asks both sides, and reports what differs.
func compare(ctx context.Context, oracle, executionsFile string, n int, seed uint64, report *report, keep string) (unexplained int, err error) {
	executions, err := loadExecutions(executionsFile)
	if err != nil {
		return 0, err
	}
	decoded, err := conformance.LoadExecutions(executionsFile)
	if err != nil {
		return 0, err
	}
	seeds, err := loadSeeds(filepath.Dir(executionsFile))
	if err != nil {
		return 0, err
	}
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 0)), seeds: seeds, executions: executions}
	requests := make([]request, n)
	lines := make([][]byte, n)
	for i := range requests {
		requests[i] = g.request(i)
		if lines[i], err = json.Marshal(requests[i].asked(executions)); err != nil {
			return 0, err
		}
	}
	answers, err := ask(ctx, oracle, lines)
	if err != nil {
		return 0, err
	}
	if err := report.open(keep); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, report.close()) }()
	engine := spel.New(spel.Config{})
	labels := map[string]labels{}
	for name, doc := range decoded {
		if labels[name], err = labelsOf(ctx, engine, doc); err != nil {
			return 0, err
		}
	}
	for i, r := range requests {
		if err := answers[i].replace(labels[r.execution]); err != nil {
			return 0, err
		}
		if err := report.judge(engine, decoded, r, answers[i]); err != nil {
			return 0, err
		}
	}
	report.print()
	return report.differ, nil
}

func loadExecutions(file string) (map[string]json.RawMessage, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var all map[string]json.RawMessage
	return all, json.Unmarshal(text, &all)
}

// batch is how many requests one process of the oracle answers.
const batch = 10_000

// ask runs the oracle over all requests, given as lines of JSON.
func ask(ctx context.Context, oracle string, lines [][]byte) ([]answer, error) {
	var all []answer
	for part := range slices.Chunk(lines, batch) {
		answers, err := askBatch(ctx, oracle, part)
		if err != nil {
			return nil, err
		}
		all = append(all, answers...)
	}
	return all, nil
}

// askBatch asks one process. A value can be too large for the JVM, which then
// ends: such a request is found by halving.
func askBatch(ctx context.Context, oracle string, lines [][]byte) ([]answer, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(oracle, "run.sh"))
	cmd.Env = append(os.Environ(), "JAVA_TOOL_OPTIONS=-Xmx768m") // so that it gives up soon
	var complaint bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(bytes.Join(lines, []byte("\n"))), &complaint
	out, err := cmd.Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && bytes.Contains(complaint.Bytes(), []byte("OutOfMemoryError")) {
		if len(lines) == 1 {
			return []answer{{Error: "OutOfMemoryError", Phase: "eval"}}, nil
		}
		first, err1 := askBatch(ctx, oracle, lines[:len(lines)/2])
		second, err2 := askBatch(ctx, oracle, lines[len(lines)/2:])
		return append(first, second...), errors.Join(err1, err2)
	}
	if err != nil {
		return nil, fmt.Errorf("run the oracle: %w: %s", err, complaint.String())
	}
	answers := make([]answer, 0, len(lines))
	for line := range bytes.Lines(out) {
		var a answer
		if err := json.Unmarshal(line, &a); err != nil {
			return nil, fmt.Errorf("read the oracle's answer %.200s: %w", line, err)
		}
		answers = append(answers, a)
	}
	if len(answers) != len(lines) {
		return nil, fmt.Errorf("the oracle gave %d answers to %d requests", len(answers), len(lines))
	}
	return answers, nil
}

// answer is what the oracle says to one request.
type answer struct {
	Value     json.RawMessage   `json:"value"`
	Type      string            `json:"type"`
	Text      json.RawMessage   `json:"text"`
	TextError string            `json:"textError"`
	Error     string            `json:"error"`
	Phase     string            `json:"phase"`
	Types     map[string]string `json:"types"`
	Failures  *int              `json:"failures"`
	Total     *int              `json:"total"`
	Summary   map[string][]struct {
		Level       string `json:"level"`
		Description string `json:"description"`
	} `json:"summary"`
}

// replace puts the data of labels into the value.
func (a *answer) replace(l labels) error {
	if len(l) == 0 || a.Value == nil {
		return nil
	}
	for key, name := range a.Types {
		a.Types[key] = l.class(name)
	}
	d := json.NewDecoder(bytes.NewReader(a.Value))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return err
	}
	var err error
	a.Value, err = json.Marshal(l.in(v))
	return err
}

// expect is the answer in the form of a case.
func (a answer) expect(kind string) map[string]any {
	if a.Error != "" {
		code := a.Error
		if !isCode(code) {
			return map[string]any{"error": "*", "phase": a.Phase, "java": code}
		}
		return map[string]any{"error": code, "phase": a.Phase}
	}
	e := map[string]any{"value": a.Value}
	if kind == "document" {
		e["types"], e["failures"], e["total"] = a.Types, a.Failures, a.Total
	} else {
		e["type"] = a.Type
		if a.TextError != "" {
			e["text"] = nil
		} else if a.Text != nil {
			e["text"] = a.Text
		}
	}
	if len(a.Summary) > 0 {
		e["summary"] = a.summary()
	}
	return e
}

func (a answer) summary() map[string][]map[string]string {
	out := map[string][]map[string]string{}
	for key, notes := range a.Summary {
		for _, n := range notes {
			note := map[string]string{"level": n.Level, "prefix": "Failed to evaluate "}
			if n.Level == "INFO" {
				note = map[string]string{"level": n.Level, "description": n.Description}
			}
			out[key] = append(out[key], note)
		}
	}
	return out
}

// isCode tells Spring's names from those of Java's exceptions.
func isCode(s string) bool {
	for _, r := range s {
		if r >= 'a' && r <= 'z' {
			return false
		}
	}
	return true
}

// report counts, prints and keeps what differs.
type report struct {
	same, differ, values, errors int
	explained                    map[string]int // by reason

	sample  int
	verbose bool
	file    *os.File
}

func (r *report) open(keep string) (err error) {
	if keep != "" {
		r.file, err = os.OpenFile(keep, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	}
	return err
}

func (r *report) close() error {
	if r.file == nil {
		return nil
	}
	return r.file.Close()
}

// print writes the counts.
func (r *report) print() {
	explained := 0
	for _, reason := range slices.Sorted(maps.Keys(r.explained)) {
		fmt.Printf("%6d  %s\n", r.explained[reason], reason)
		explained += r.explained[reason]
	}
	fmt.Printf("%d cases: %d same, %d explained, %d differ (%d values, %d errors)\n",
		r.same+explained+r.differ, r.same, explained, r.differ, r.values, r.errors)
}

func (r *report) judge(engine *spel.Engine, executions map[string]any, q request, a answer) error {
	if a.Error != "" || len(a.Summary) > 0 {
		r.errors++
	} else {
		r.values++
	}
	line, err := json.Marshal(q.asCase(a))
	if err != nil {
		return err
	}
	c, err := conformance.Parse(line, executions)
	if err != nil {
		return err
	}
	got := c.Check(engine)
	switch {
	case got == "":
		if r.same++; r.sample > 0 && r.same%r.sample == 0 {
			return r.write(line)
		}
		return nil
	}
	d := difference{q, a, got}
	reason := explain(d)
	if reason == "" || r.verbose {
		fmt.Printf("%s %.300s\n\twant %s %.200s %s %.300s\n\tgot  %.300s\n", reason, q.text(), a.Type, a.Value, a.Error, fmt.Sprint(a.Summary), got)
	}
	if reason != "" {
		r.explained[reason]++
		return nil
	}
	r.differ++
	return r.write(line)
}

func (r *report) write(line []byte) error {
	if r.file == nil {
		return nil
	}
	_, err := fmt.Fprintf(r.file, "%s\n", line)
	return err
}
