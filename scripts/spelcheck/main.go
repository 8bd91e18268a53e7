// Command spelcheck runs case files of the expression language against package
// spel: spelcheck FILE...
//
// It prints a line for each case that differs and a count for each level, and
// exits 1 if anything but a quirk failed.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/gennaker/gennaker/agent/spel"
	"github.com/gennaker/gennaker/agent/spel/conformance"
)

func main() {
	flag.Usage = func() { fmt.Fprintln(os.Stderr, "usage: spelcheck FILE.jsonl...") }
	flag.Parse()
	if flag.NArg() == 0 {
		flag.Usage()
		os.Exit(2)
	}
	ok, err := run(os.Stdout, flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, "spelcheck:", err)
		os.Exit(2)
	}
	if !ok {
		os.Exit(1)
	}
}

// tally counts the cases of one level.
type tally struct{ passed, failed int }

func (t tally) String() string { return fmt.Sprintf("%d passed, %d failed", t.passed, t.failed) }

// run checks all files; ok is false if a case that is no quirk failed.
func run(out io.Writer, files []string) (ok bool, err error) {
	engine := spel.New(spel.Config{})
	var core, extended, quirk tally
	for _, file := range files {
		cases, err := conformance.Load(file)
		if err != nil {
			return false, err
		}
		for _, c := range cases {
			level := &core
			switch {
			case c.Quirk:
				level = &quirk
			case c.Level == "extended":
				level = &extended
			}
			if got := c.Check(engine); got != "" {
				level.failed++
				fmt.Fprintf(out, "%s: %.200q expected %.300s got %.300s\n", c.ID, c.Input(), c.Want(), strings.ReplaceAll(got, "\n", `\n`))
				continue
			}
			level.passed++
		}
	}
	all := tally{core.passed + extended.passed + quirk.passed, core.failed + extended.failed + quirk.failed}
	fmt.Fprintf(out, "core: %v\nextended: %v\nquirk: %v\n%v\n", core, extended, quirk, all)
	return core.failed+extended.failed == 0, nil
}
