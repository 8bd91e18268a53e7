package main

import (
	"context"
	"fmt"
)

// quietCycles measure what a look at 100 repositories of 1,000 tags costs in which nothing is new, beside the least that the
// protocol allows: neither the distribution protocol nor ECR's can be asked for changes only, so each repository is one
// request for each 1,000 tags.
func quietCycles(ctx context.Context) ([]row, error) {
	results, err := goBench(ctx, "./agent/internal/feed/registry", "^BenchmarkQuietCycle$", "5x")
	if err != nil {
		return nil, err
	}
	var rows []row
	for _, r := range results {
		requests, least := r.metrics["requests"], r.metrics["least-requests"]
		rows = append(rows,
			row{measure: r.name + ", 100 repositories × 1,000 tags: requests", here: fmt.Sprintf("%.0f", requests),
				against: fmt.Sprintf("%.0f (protocol's least)", least), ratio: requests / least},
			row{measure: r.name + ": bytes answered, own processor time",
				here: fmt.Sprintf("%.0f KiB, %s", r.metrics["KiB"], short(millis(r.metrics["cpu-ms"])))})
	}
	return rows, nil
}
