// Command report reads the output of `go test -json`, prints a line for each package and the whole output of what
// failed, and ends with the tests that were skipped and the line "N passed, N failed, N skipped".
//
// Only tests that need something a machine may lack for good reason may skip: a real Jenkins (JENKINS_URL), the spin CLI
// (SPIN_BIN), a JVM, or the history of the project (UPGRADE_FROM). Any other skipped test counts as failed.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
)

// excuse is what the message of a test that may skip holds.
var excuse = regexp.MustCompile(`JENKINS_URL|SPIN_BIN|JVM|Java|UPGRADE_FROM`)

// role is what the message of a test holds that is no test but a process which other tests start.
var role = regexp.MustCompile(`only started by`)

type event struct {
	Action, Package, Test, Output string
	Elapsed                       float64
}

type report struct {
	passed, failed, skipped int
	output                  map[string][]string
	skips, failures         []string
	// broken are packages that failed without a failed test: they did not build, or their process died.
	testFailed map[string]bool
}

func main() {
	r := report{output: map[string][]string{}, testFailed: map[string]bool{}}
	if err := r.read(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		os.Exit(1)
	}
	os.Exit(r.close())
}

func (r *report) read(in io.Reader) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			fmt.Println(lines.Text())
			continue
		}
		r.add(e)
	}
	return lines.Err()
}

func (r *report) add(e event) {
	key := e.Package + " " + e.Test
	switch e.Action {
	case "output", "build-output":
		r.output[key] = append(r.output[key], e.Output)
		return
	case "pass", "fail", "skip":
	default:
		return
	}
	text := strings.Join(r.output[key], "")
	delete(r.output, key)
	if e.Test == "" {
		r.closePackage(e, text)
		return
	}
	switch {
	case e.Action == "pass":
		r.passed++
	case e.Action == "skip" && role.MatchString(text):
	case e.Action == "skip" && excuse.MatchString(text):
		r.skipped++
		r.skips = append(r.skips, key+": "+reason(text))
	case e.Action == "skip":
		r.fail(e, "skipped without a reason that counts: "+text)
	default:
		r.fail(e, text)
	}
}

func (r *report) fail(e event, text string) {
	r.failed++
	r.testFailed[e.Package] = true
	r.failures = append(r.failures, e.Package+" "+e.Test)
	fmt.Printf("--- %s %s\n%s", e.Package, e.Test, text)
}

func (r *report) closePackage(e event, text string) {
	if e.Action == "fail" && !r.testFailed[e.Package] {
		r.failed++
		r.failures = append(r.failures, e.Package)
		fmt.Print(text)
	}
	fmt.Printf("%-4s %6.1fs %s\n", e.Action, e.Elapsed, e.Package)
}

// close prints the summary and returns the exit status.
func (r *report) close() int {
	// Output that belongs to no finished test or package: the compiler's, when a package did not build.
	for key, lines := range r.output {
		if r.failed > 0 && strings.TrimSpace(strings.Join(lines, "")) != "" {
			fmt.Printf("... %s\n%s", key, strings.Join(lines, ""))
		}
	}
	for _, failure := range r.failures {
		fmt.Println("failed:", failure)
	}
	for _, skip := range r.skips {
		fmt.Println("skipped:", skip)
	}
	fmt.Printf("%d passed, %d failed, %d skipped\n", r.passed, r.failed, r.skipped)
	if r.failed > 0 || r.passed == 0 {
		return 1
	}
	return 0
}

// reason is the line of a skipped test's output that says why.
func reason(text string) string {
	for line := range strings.Lines(text) {
		if excuse.MatchString(line) {
			return strings.TrimSpace(line)
		}
	}
	return strings.TrimSpace(text)
}
