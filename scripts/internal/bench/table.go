package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// row is a line of the table.
type row struct {
	measure string
	// here is what was measured; against what it is held against, empty for nothing.
	here, against string
	// ratio is here to against; 0 for none.
	ratio float64
}

// heldAgainst is a row of two durations.
func heldAgainst(measure string, here time.Duration, what string, against time.Duration) row {
	return row{measure: measure, here: short(here), against: short(against) + what, ratio: float64(here) / float64(against)}
}

// short writes a duration with three digits.
func short(d time.Duration) string {
	switch {
	case d >= time.Second:
		return fmt.Sprintf("%.2f s", d.Seconds())
	case d >= time.Millisecond:
		return fmt.Sprintf("%.3g ms", float64(d)/float64(time.Millisecond))
	default:
		return fmt.Sprintf("%.3g µs", float64(d)/float64(time.Microsecond))
	}
}

func printTable(out io.Writer, rows []row) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nmeasure\there\tagainst\there/against")
	for _, r := range rows {
		ratio := ""
		if r.ratio != 0 {
			ratio = fmt.Sprintf("%.3f", r.ratio)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", r.measure, r.here, r.against, ratio)
	}
	return w.Flush()
}
