package quartz

import (
	"fmt"
	"strings"
	"time"
)

// The years that an expression may name, and that are looked through.
const (
	firstYear = 1970
	lastYear  = 2199
)

// Expression is a parsed cron expression in a zone.
type Expression struct {
	text                         string
	zone                         *time.Location
	second, minute, hour, months set
	// everyHour says that the expression leaves the hour open.
	everyHour bool
	// dates are the rules for the day of the month or of the week, whichever is not "?".
	dates []dateRule
	// years are those named; nil means every year.
	years map[int]bool
}

// Parse reads an expression of six or seven fields: second, minute, hour, day of month, month, day of week, year. Each H in
// the first three stands for a number that follows from the id.
func Parse(text, id string, zone *time.Location) (*Expression, error) {
	fields := strings.Fields(strings.ToUpper(text))
	if len(fields) < 6 || len(fields) > 7 {
		return nil, fmt.Errorf("found %d fields in %q, expected 6 or 7: second, minute, hour, day of month, month, day of week, and perhaps year",
			len(fields), text)
	}
	fuzz(fields, id)
	e := &Expression{text: strings.Join(fields, " "), zone: zone}
	sets := []struct {
		field
		into *set
	}{{seconds, &e.second}, {minutes, &e.minute}, {hours, &e.hour}, {monthField, &e.months}}
	for i, at := range []int{0, 1, 2, 4} {
		var err error
		if *sets[i].into, err = sets[i].set(fields[at]); err != nil {
			return nil, fmt.Errorf("%s: %w", sets[i].name, err)
		}
	}
	e.everyHour = e.hour == allHours
	if err := e.parseDates(fields[3], fields[5]); err != nil {
		return nil, err
	}
	if len(fields) == 7 {
		var err error
		if e.years, err = parseYears(fields[6]); err != nil {
			return nil, fmt.Errorf("year: %w", err)
		}
	}
	return e, nil
}

// fuzz replaces each H in the fields second, minute and hour by a number that follows from the id, so that triggers with
// the same expression do not all fire at once.
func fuzz(fields []string, id string) {
	hash := javaHash(id)
	for i, size := range []int64{60, 60, 24} {
		fields[i] = strings.ReplaceAll(fields[i], "H", fmt.Sprint(hash%size))
	}
}

// javaHash is the absolute value of Java's hash of a text.
func javaHash(text string) int64 {
	var h int32
	for _, unit := range utf16Units(text) {
		h = 31*h + int32(unit)
	}
	if h < 0 {
		return -int64(h)
	}
	return int64(h)
}

// String is the expression with its H replaced.
func (e *Expression) String() string { return e.text }

// Zone is the zone of the expression.
func (e *Expression) Zone() *time.Location { return e.zone }

// Next is the first time after the one given at which the expression fires; ok is false when there is none.
//
// Where the clock is put forward, the times skipped fire once, when it has been put forward. Where it is put back, times
// that come twice fire the first time only. Neither holds for expressions that leave the hour open: they go by what the
// clock shows.
func (e *Expression) Next(after time.Time) (next time.Time, ok bool) {
	at := after.Truncate(time.Second).Add(time.Second).In(e.zone)
	for at.Year() <= lastYear {
		_, offset := at.Zone()
		begin, end := at.ZoneBounds()
		from := wall(at)
		if !e.everyHour && !begin.IsZero() {
			before := wall(begin.Add(-time.Second)).Add(time.Second)
			if at.Equal(begin) && e.fits(before, from) {
				return begin, true
			}
			if before.After(from) {
				from = before
			}
		}
		found, ok := e.nextWall(from)
		if !ok {
			return time.Time{}, false
		}
		instant := found.Add(-time.Duration(offset) * time.Second).In(e.zone)
		if end.IsZero() || instant.Before(end) {
			return instant, true
		}
		at = end.In(e.zone)
		// What comes much later cannot be in the next few hours either.
		if far := instant.Add(-48 * time.Hour); far.After(at) {
			at = far
		}
	}
	return time.Time{}, false
}

// fits says whether the expression has a time from one reading of the clock up to another.
func (e *Expression) fits(from, to time.Time) bool {
	found, ok := e.nextWall(from)
	return ok && found.Before(to)
}

// wall is what the clock shows at a time, as if in UTC.
func wall(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
}

// nextWall is the first time from the one given, on a clock that is never put forward or back, that fits.
func (e *Expression) nextWall(from time.Time) (time.Time, bool) {
	day := time.Date(from.Year(), from.Month(), from.Day(), 0, 0, 0, 0, time.UTC)
	second := int(from.Sub(day) / time.Second)
	for day.Year() <= lastYear {
		switch {
		case e.years != nil && !e.years[day.Year()]:
			day, second = time.Date(day.Year()+1, 1, 1, 0, 0, 0, 0, time.UTC), 0
			continue
		case !e.months.has(int(day.Month())):
			day, second = time.Date(day.Year(), day.Month()+1, 1, 0, 0, 0, 0, time.UTC), 0
			continue
		case e.onDate(day):
			if found, ok := e.nextSecond(second); ok {
				return day.Add(time.Duration(found) * time.Second), true
			}
		}
		day, second = day.AddDate(0, 0, 1), 0
	}
	return time.Time{}, false
}

// nextSecond is the first second of a day from the one given that fits.
func (e *Expression) nextSecond(from int) (int, bool) {
	hour, minute, second := from/3600, from/60%60, from%60
	for ; hour < 24; hour, minute, second = hour+1, 0, 0 {
		if !e.hour.has(hour) {
			continue
		}
		for ; minute < 60; minute, second = minute+1, 0 {
			if !e.minute.has(minute) {
				continue
			}
			for ; second < 60; second++ {
				if e.second.has(second) {
					return hour*3600 + minute*60 + second, true
				}
			}
		}
	}
	return 0, false
}

func (e *Expression) onDate(day time.Time) bool {
	for _, rule := range e.dates {
		if rule.fits(day) {
			return true
		}
	}
	return false
}
