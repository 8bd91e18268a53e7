package engine

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/gennaker/gennaker/api/spinnaker"
)

// Bool reads a context value as Spinnaker's JSON mapper does: booleans, and the texts "true" and "false".
func Bool(value any) (b, ok bool) {
	switch v := value.(type) {
	case bool:
		return v, true
	case string:
		switch strings.ToLower(strings.TrimSpace(v)) {
		case "true":
			return true, true
		case "false":
			return false, true
		}
	}
	return false, false
}

// Number reads a context value as a number: any kind of number, or a text that is one.
func Number(value any) (float64, bool) {
	switch v := value.(type) {
	case json.Number:
		return parseNumber(v.String())
	case string:
		return parseNumber(strings.TrimSpace(v))
	case float64:
		return v, true
	case float32:
		return float64(v), true
	case int:
		return float64(v), true
	case int32:
		return float64(v), true
	case int64:
		return float64(v), true
	default:
		return 0, false
	}
}

func parseNumber(text string) (float64, bool) {
	n, err := strconv.ParseFloat(text, 64)
	return n, err == nil && !math.IsNaN(n) && !math.IsInf(n, 0)
}

// longest bounds durations that pipelines ask for, so that a time plus one of them stays a time.
const longest = 100 * 365 * 24 * time.Hour

// Span reads a context value as a length of time in units. Negative lengths count as 0, and none is over 100 years.
func Span(value any, unit time.Duration) (time.Duration, bool) {
	n, ok := Number(value)
	if !ok {
		return 0, false
	}
	span := n * float64(unit)
	switch {
	case span <= 0:
		return 0, true
	case span >= float64(longest):
		return longest, true
	default:
		return time.Duration(span), true
	}
}

// latest bounds points in time that pipelines ask for, in milliseconds since 1970: the end of the year 9999.
const latest = 253_402_300_799_999

// Moment reads a context value as a point in time, given in milliseconds since 1970. What is before that is long past.
func Moment(value any) (time.Time, bool) {
	n, ok := Number(value)
	return time.UnixMilli(int64(min(max(n, 1), latest))).UTC(), ok
}

// flag reads a stage's boolean option; absent means false.
func flag(stage *spinnaker.Stage, key string) bool {
	set, _ := Bool(stage.Context[key])
	return set
}

// words says a length of time as Spinnaker does: "1 hour 2 minutes 3 seconds".
//
// Source: org.apache.commons.lang3.time.DurationFormatUtils.formatDurationWords.
func words(d time.Duration) string {
	seconds := int64(d / time.Second)
	parts := []struct {
		n    int64
		unit string
	}{{seconds / 86400, "day"}, {seconds / 3600 % 24, "hour"}, {seconds / 60 % 60, "minute"}, {seconds % 60, "second"}}
	for len(parts) > 1 && parts[0].n == 0 {
		parts = parts[1:]
	}
	for len(parts) > 1 && parts[len(parts)-1].n == 0 {
		parts = parts[:len(parts)-1]
	}
	var said []string
	for _, part := range parts {
		unit := part.unit
		if part.n != 1 {
			unit += "s"
		}
		said = append(said, strconv.FormatInt(part.n, 10)+" "+unit)
	}
	return strings.Join(said, " ")
}
