package main

import (
	"context"
	"fmt"
	"time"
)

// acceptLimit is the promise about the time in which 99 of 100 webhooks are accepted durably.
const acceptLimit = 100 * time.Millisecond

// webhookIntake measures how fast webhooks are accepted by an agent on either store.
func webhookIntake(ctx context.Context) ([]row, error) {
	results, err := goBench(ctx, "./agent/e2e", "^BenchmarkWebhooks$", "1x")
	if err != nil {
		return nil, err
	}
	var rows []row
	for _, r := range results {
		offered := r.metrics["offered/s"]
		rows = append(rows,
			heldAgainst(fmt.Sprintf("%s, %.0f/s offered: due → accepted durably, p99", r.name, offered), millis(r.metrics["p99-ms"]), "", acceptLimit),
			heldAgainst(fmt.Sprintf("%s, %.0f/s offered: median", r.name, offered), millis(r.metrics["p50-ms"]), "", acceptLimit),
			numbers(r.name+", as fast as they are taken", r.metrics["accepted/s"], "/s", offered, " at least"))
	}
	return append(rows, row{measure: "load at the end of it", here: load()}), nil
}
