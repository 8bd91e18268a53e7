// Command bench takes the measures that the project makes promises about, and prints them as one table, each beside what
// it is held against. It asserts nothing: figures of a busy machine are busy figures, which is why the load is printed too.
//
// It is run by `make bench` from the project's folder, after the agent was built. Arguments choose measures (see
// measures); without any, all are taken.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

// measure is a group of rows that is taken together.
type measure struct {
	name string
	take func(ctx context.Context) ([]row, error)
}

// measures are all there are, in the order of the table.
func measures() []measure {
	return []measure{
		{"builds", buildLatency},
		{"masters", manyMasters},
		{"process", processFigures},
		{"engine", engineOverhead},
		{"throughput", throughput},
		{"postgres", throughputOnPostgres},
		{"syncs", syncs},
		{"takeover", takeOver},
		{"waiting", waitingExecutions},
		{"stored", manyExecutions},
		{"pages", pagesOnPostgres},
		{"bake", bakeAgainstHelm},
		{"feeds", quietCycles},
		{"webhooks", webhookIntake},
		{"parts", parts},
	}
}

func main() { os.Exit(run(os.Args[1:])) }

func run(chosen []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if slices.Equal(chosen, []string{doublesArgument}) {
		if err := serveDoubles(ctx, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "bench: the Jenkins doubles:", err)
			return 1
		}
		return 0
	}
	if err := bench(ctx, chosen); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 1
	}
	return 0
}

func bench(ctx context.Context, chosen []string) error {
	all := measures()
	var names []string
	for _, m := range all {
		names = append(names, m.name)
	}
	for _, name := range chosen {
		if !slices.Contains(names, name) {
			return fmt.Errorf("there is no measure %q; there are %s", name, strings.Join(names, ", "))
		}
	}
	about, err := machine(ctx)
	if err != nil {
		return err
	}
	fmt.Println(about)
	var rows []row
	var errs []error
	for _, m := range all {
		if len(chosen) > 0 && !slices.Contains(chosen, m.name) {
			continue
		}
		fmt.Fprintf(os.Stderr, "bench: %s …\n", m.name)
		taken, err := m.take(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", m.name, err))
		}
		rows = append(rows, taken...)
	}
	errs = append(errs, printTable(os.Stdout, rows))
	return errors.Join(errs...)
}
