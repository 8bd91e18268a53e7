package quartz

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// dateRule is one item of the day of the month or of the week.
type dateRule struct {
	kind dateKind
	// days are the days of kinds onDays and onWeekdays.
	days set
	// n is the day, or how many days before the last; weekday is the day of the week, nth its place in the month.
	n, nth  int
	weekday time.Weekday
}

type dateKind int

const (
	onDays dateKind = iota
	onWeekdays
	// nearWorkday is the working day of the month nearest to day n; lastDay is n days before its last day, lastWorkday the
	// working day nearest to that.
	nearWorkday
	lastDay
	lastWorkday
	nthWeekday
	lastWeekday
)

// fits says whether the rule means a day.
func (r dateRule) fits(day time.Time) bool {
	last := day.AddDate(0, 1, -day.Day()).Day()
	switch r.kind {
	case onDays:
		return r.days.has(day.Day())
	case onWeekdays:
		return r.days.has(int(day.Weekday()) + 1)
	case nearWorkday:
		return r.n <= last && day.Day() == nearest(day, r.n, last)
	case lastDay:
		return day.Day() == last-r.n
	case lastWorkday:
		return r.n < last && day.Day() == nearest(day, last-r.n, last)
	case nthWeekday:
		return day.Weekday() == r.weekday && (day.Day()-1)/7+1 == r.nth
	default:
		return day.Weekday() == r.weekday && day.Day()+7 > last
	}
}

// nearest is the working day nearest to the nth of a month, in the same month.
func nearest(day time.Time, n, last int) int {
	switch day.AddDate(0, 0, n-day.Day()).Weekday() {
	case time.Saturday:
		if n == 1 {
			return 3
		}
		return n - 1
	case time.Sunday:
		if n == last {
			return n - 2
		}
		return n + 1
	default:
		return n
	}
}

// parseDates reads the day of the month and the day of the week: one of them is "?".
func (e *Expression) parseDates(days, weekdays string) error {
	text, name, parse := days, dayField.name, parseDay
	switch {
	case days == "?" && weekdays == "?":
		return errors.New("day of month and day of week are both ?, expected one of them only to be")
	case days != "?" && weekdays != "?":
		return fmt.Errorf("found day of month %q and day of week %q, expected one of them to be ?", days, weekdays)
	case days == "?":
		text, name, parse = weekdays, weekdayField.name, parseWeekday
	}
	items, err := split(text)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	for _, item := range items {
		rule, err := parse(item)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		e.dates = append(e.dates, rule)
	}
	return nil
}

// parseDay reads one of `L`, `LW`, `L-3`, `L-3W`, `15W` and what all fields know.
func parseDay(item string) (dateRule, error) {
	if before, ok := strings.CutPrefix(item, "L"); ok {
		rule := dateRule{kind: lastDay}
		if before, ok = strings.CutSuffix(before, "W"); ok {
			rule.kind = lastWorkday
		}
		if before == "" {
			return rule, nil
		}
		n, err := strconv.Atoi(strings.TrimPrefix(before, "-"))
		if err != nil || before[0] != '-' || n < 0 || n > 30 {
			return dateRule{}, fmt.Errorf("found %q, expected L, LW, or L-N or L-NW with N up to 30", item)
		}
		rule.n = n
		return rule, nil
	}
	if number, ok := strings.CutSuffix(item, "W"); ok {
		n, err := dayField.value(number)
		if err != nil {
			return dateRule{}, fmt.Errorf("%q: %w before W", item, err)
		}
		return dateRule{kind: nearWorkday, n: n}, nil
	}
	days, err := dayField.item(item)
	return dateRule{kind: onDays, days: days}, err
}

// parseWeekday reads one of `L`, `6L`, `6#3` and what all fields know.
func parseWeekday(item string) (dateRule, error) {
	if item == "L" {
		return dateRule{kind: onWeekdays, days: 1 << 7}, nil
	}
	if text, nth, ok := strings.Cut(item, "#"); ok {
		day, err := weekdayField.value(text)
		if err != nil {
			return dateRule{}, err
		}
		n, err := strconv.Atoi(nth)
		if err != nil || n < 1 || n > 5 {
			return dateRule{}, fmt.Errorf("found %q after # in %q, expected a number from 1 to 5", nth, item)
		}
		return dateRule{kind: nthWeekday, weekday: time.Weekday(day - 1), nth: n}, nil
	}
	if text, ok := strings.CutSuffix(item, "L"); ok {
		day, err := weekdayField.value(text)
		return dateRule{kind: lastWeekday, weekday: time.Weekday(day - 1)}, err
	}
	days, err := weekdayField.item(item)
	return dateRule{kind: onWeekdays, days: days}, err
}
