package main

import (
	"math"
	"slices"
	"time"
)

// quantile is the value below or at which a share of the values lies (nearest rank); 0 without values.
func quantile(values []time.Duration, share float64) time.Duration {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	rank := int(math.Ceil(share * float64(len(sorted))))
	return sorted[min(max(rank, 1), len(sorted))-1]
}
