package spel

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"time"
)

// java.time.DayOfWeek, java.time.temporal.ChronoUnit, and time zones.

// enum is a constant of a Java enum; it converts to its number.
type enum interface{ ordinal() int }

func (d dayOfWeek) ordinal() int  { return int(d) - 1 }
func (u chronoUnit) ordinal() int { return int(u) }

// dayOfWeek counts from Monday, 1.
type dayOfWeek int

var dayNames = []string{"", "MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"}

func dayOf(t time.Time) dayOfWeek { return dayOfWeek((int(t.Weekday())+6)%7 + 1) }

func (d dayOfWeek) javaClass() string { return "DayOfWeek" }
func (d dayOfWeek) text() string      { return dayNames[d] }

func (d dayOfWeek) compareTo(other any) (int, bool) {
	o, ok := other.(dayOfWeek)
	return int(d - o), ok
}

func (d dayOfWeek) plus(n int64) dayOfWeek { return dayOfWeek((int64(d)-1+n%7+7)%7 + 1) }

var dayOfWeekMembers = []member{
	{"name()", get(func(d dayOfWeek) any { return dayNames[d] })},
	{"ordinal()", get(func(d dayOfWeek) any { return integer(int(d) - 1) })},
	{"getValue()", get(func(d dayOfWeek) any { return integer(int(d)) })},
	{"plus(long)", on(func(d dayOfWeek, args []any) (any, error) { return d.plus(args[0].(int64)), nil })},
	{"minus(long)", on(func(d dayOfWeek, args []any) (any, error) { return d.plus(-(args[0].(int64) % 7)), nil })},
	{"static of(int)", static(func(args []any) (any, error) {
		n := args[0].(int32)
		if n < 1 || n > 7 {
			return nil, fmt.Errorf("there is no day %d of the week", n)
		}
		return dayOfWeek(n), nil
	})},
	{"static valueOf(String)", static(func(args []any) (any, error) { return enumNamed(args[0], "DayOfWeek") })},
	{"static values()", pure(func([]any) any {
		all := &array{elem: "DayOfWeek"}
		for d := dayOfWeek(1); d <= 7; d++ {
			all.items = append(all.items, d)
		}
		return all
	})},
	{"static from(TemporalAccessor)", static(func(args []any) (any, error) {
		switch v := args[0].(type) {
		case dayOfWeek:
			return v, nil
		case localDate:
			return dayOf(v.Time), nil
		case localDateTime:
			return dayOf(v.Time), nil
		}
		return nil, fmt.Errorf("%s has no day of the week", describe(args[0]))
	})},
}

// chronoUnit is an index into chronoUnits.
type chronoUnit int

const (
	nanos chronoUnit = iota
	micros
	millis
	seconds
	minutes
	hours
	halfDays
	days
	weeks
	months
	years
	decades
	centuries
	millennia
	eras
	forever
)

var chronoUnits = []struct {
	name, text string
	length     time.Duration // of units that have one
	months     int64         // of longer units
}{
	{"NANOS", "Nanos", time.Nanosecond, 0}, {"MICROS", "Micros", time.Microsecond, 0}, {"MILLIS", "Millis", time.Millisecond, 0},
	{"SECONDS", "Seconds", time.Second, 0}, {"MINUTES", "Minutes", time.Minute, 0}, {"HOURS", "Hours", time.Hour, 0},
	{"HALF_DAYS", "HalfDays", 12 * time.Hour, 0}, {"DAYS", "Days", 24 * time.Hour, 0}, {"WEEKS", "Weeks", 7 * 24 * time.Hour, 0},
	{"MONTHS", "Months", 0, 1}, {"YEARS", "Years", 0, 12}, {"DECADES", "Decades", 0, 120}, {"CENTURIES", "Centuries", 0, 1200},
	{"MILLENNIA", "Millennia", 0, 12000}, {"ERAS", "Eras", 0, 0}, {"FOREVER", "Forever", 0, 0},
}

func (u chronoUnit) javaClass() string { return "ChronoUnit" }
func (u chronoUnit) text() string      { return chronoUnits[u].text }
func (u chronoUnit) exported() any     { return chronoUnits[u].text }

func (u chronoUnit) compareTo(other any) (int, bool) {
	o, ok := other.(chronoUnit)
	return int(u - o), ok
}

// supports reports whether times of the value's class can be counted in the
// unit.
func (u chronoUnit) supports(v temporal) error {
	ok := true
	switch v.(type) {
	case instant:
		ok = u <= days
	case localDate:
		ok = u >= days
	}
	if !ok || u == forever || u == eras {
		return fmt.Errorf("the unit %s does not fit %s", u.text(), v.javaClass())
	}
	return nil
}

var errOutOfRange = errors.New("the result is out of the range of times")

// maxYear bounds the years of java.time.
const maxYear = 999_999_999

// add moves a time by n units.
func (u chronoUnit) add(t time.Time, n int64) (time.Time, error) {
	unit := chronoUnits[u]
	if unit.months > 0 {
		total := n * unit.months
		if n > maxYear*12 || n < -maxYear*12 || abs(total) > maxYear*12 {
			return t, errOutOfRange
		}
		month := int64(t.Year())*12 + int64(t.Month()) - 1 + total
		return clampedDate(t, int(floorDiv(month, 12)), time.Month(month-floorDiv(month, 12)*12+1), t.Day()), nil
	}
	sum, overflow := multiplyDuration(n, unit.length)
	if overflow {
		return t, errOutOfRange
	}
	moved := time.Unix(t.Unix()+sum.seconds, int64(t.Nanosecond())+sum.nanos).UTC()
	if moved.Year() > maxYear || moved.Year() < -maxYear {
		return t, errOutOfRange
	}
	return moved, nil
}

type span struct{ seconds, nanos int64 }

func multiplyDuration(n int64, length time.Duration) (span, bool) {
	if length < time.Second {
		per := int64(time.Second / length)
		return span{n / per, n % per * int64(length)}, false
	}
	high, low := bits.Mul64(uint64(abs(n)), uint64(length/time.Second))
	if high != 0 || low > math.MaxInt64/2 {
		return span{}, true
	}
	total := int64(low)
	if n < 0 {
		total = -total
	}
	return span{total, 0}, false
}

// between counts whole units from one time to another.
func (u chronoUnit) between(from temporal, to any) (any, error) {
	other, ok := to.(temporal)
	if !ok {
		return nil, errors.New("the end is null")
	}
	if err := u.supports(from); err != nil {
		return nil, err
	}
	a, b := from.instantOf(), other.instantOf()
	switch from.(type) {
	case localDate:
		if dt, ok := other.(localDateTime); ok {
			b = midnight(dt.Time)
		} else if _, ok := other.(instant); ok {
			return nil, errors.New("an Instant has no date")
		}
	default:
		if from.javaClass() != other.javaClass() {
			return nil, fmt.Errorf("%s and %s have no distance", from.javaClass(), other.javaClass())
		}
	}
	if unit := chronoUnits[u]; unit.months > 0 {
		return monthsBetween(a, b) / unit.months, nil
	}
	if _, ok := from.(instant); ok && u == millis {
		return b.UnixMilli() - a.UnixMilli(), nil // each is cut first
	}
	return unitsBetween(a, b, chronoUnits[u].length)
}

func monthsBetween(a, b time.Time) int64 {
	n := int64(b.Year()-a.Year())*12 + int64(b.Month()-a.Month())
	restA := time.Duration(a.Day())*24*time.Hour + a.Sub(midnight(a))
	restB := time.Duration(b.Day())*24*time.Hour + b.Sub(midnight(b))
	switch {
	case n > 0 && restB < restA:
		n--
	case n < 0 && restB > restA:
		n++
	}
	return n
}

// unitsBetween counts whole units, cut toward zero.
func unitsBetween(a, b time.Time, unit time.Duration) (any, error) {
	total := new(big.Int).Mul(big.NewInt(b.Unix()-a.Unix()), big.NewInt(int64(time.Second)))
	total.Add(total, big.NewInt(int64(b.Nanosecond()-a.Nanosecond())))
	total.Quo(total, big.NewInt(int64(unit)))
	if !total.IsInt64() {
		return nil, errOutOfRange
	}
	return total.Int64(), nil
}

var chronoUnitMembers = []member{
	{"name()", get(func(u chronoUnit) any { return chronoUnits[u].name })},
	{"ordinal()", get(func(u chronoUnit) any { return integer(int(u)) })},
	{"isDateBased()", get(func(u chronoUnit) any { return u >= days && u != forever })},
	{"isTimeBased()", get(func(u chronoUnit) any { return u < days })},
	{"isDurationEstimated()", get(func(u chronoUnit) any { return u >= days })},
	{"isSupportedBy(Temporal)", on(func(u chronoUnit, args []any) (any, error) {
		v, ok := args[0].(temporal)
		if !ok {
			return nil, errors.New("the argument is null")
		}
		return u.supports(v) == nil, nil
	})},
	{"between(Temporal,Temporal)", on(func(u chronoUnit, args []any) (any, error) {
		from, ok := args[0].(temporal)
		if !ok {
			return nil, errors.New("the start is null")
		}
		return u.between(from, args[1])
	})},
	{"static valueOf(String)", static(func(args []any) (any, error) { return enumNamed(args[0], "ChronoUnit") })},
	{"static values()", pure(func([]any) any {
		all := &array{elem: "ChronoUnit"}
		for u := range chronoUnits {
			all.items = append(all.items, chronoUnit(u))
		}
		return all
	})},
}

func enumNamed(v any, class string) (any, error) {
	name, err := str(v)
	if err != nil {
		return nil, err
	}
	for i, known := range dayNames {
		if class == "DayOfWeek" && i > 0 && known == name {
			return dayOfWeek(i), nil
		}
	}
	for i, unit := range chronoUnits {
		if class == "ChronoUnit" && unit.name == name {
			return chronoUnit(i), nil
		}
	}
	if class == "ExecutionStatus" && slices.Contains(statuses, status(name)) {
		return status(name), nil
	}
	return nil, fmt.Errorf("there is no %s %s", class, quote(name))
}

// toEnum converts a name, or a number counted from 0.
func toEnum(v any, t *javaType) (any, error) {
	switch n := v.(type) {
	case string:
		if n == "" {
			return nil, nil
		}
		return enumNamed(strings.TrimFunc(n, javaTrim), t.name)
	case int32:
		if t.name == "DayOfWeek" && n >= 0 && n < 7 {
			return dayOfWeek(n + 1), nil
		}
		if t.name == "ChronoUnit" && n >= 0 && int(n) < len(chronoUnits) {
			return chronoUnit(n), nil
		}
		return nil, fmt.Errorf("there is no %s number %d", t.name, n)
	}
	return nil, errNoConversion
}

// toAnyEnum fails for what might be the name or number of a constant: of which
// enum is not said.
func toAnyEnum(v any, _ *javaType) (any, error) {
	switch v.(type) {
	case string, int32:
		return nil, fmt.Errorf("%s is no constant of an enum", describe(v))
	}
	return nil, errNoConversion
}

// zone is a ZoneId, ZoneOffset or TimeZone.
type zone struct{ *time.Location }

func (z zone) javaClass() string { return "ZoneRegion" }
func (z zone) text() string      { return z.String() }

// toZone reads Z, UTC, +hh, +hh:mm and names of the time zone database.
func toZone(v any, t *javaType) (any, error) {
	name, ok := v.(string)
	if !ok {
		return nil, errNoConversion
	}
	for _, prefix := range [...]string{"UTC", "GMT", "UT", ""} {
		rest, ok := strings.CutPrefix(name, prefix)
		if !ok || t.name == "ZoneOffset" && prefix != "" {
			continue
		}
		if rest == "Z" && prefix == "" || rest == "" && prefix != "" {
			return zone{time.UTC}, nil
		}
		if offset, err := zoneOffset(rest); err == nil {
			return zone{time.FixedZone(name, offset)}, nil
		}
	}
	if t.name == "ZoneOffset" {
		return nil, fmt.Errorf("%s is no offset", quote(name))
	}
	location, err := time.LoadLocation(name)
	if err != nil || name == "" || name == "Local" {
		return nil, fmt.Errorf("there is no time zone %s", quote(name))
	}
	return zone{location}, nil
}

// zoneOffset reads +h, +hh, +hh:mm, +hhmm, +hh:mm:ss in seconds.
func zoneOffset(s string) (int, error) {
	if len(s) < 2 || s[0] != '+' && s[0] != '-' {
		return 0, errors.New("no offset")
	}
	digits := strings.ReplaceAll(s[1:], ":", "")
	if len(digits) == 1 {
		digits = "0" + digits
	}
	if len(digits)%2 != 0 || len(digits) == 0 || len(digits) > 6 {
		return 0, errors.New("no offset")
	}
	n, err := strconv.Atoi((digits + "0000")[:6])
	if err != nil || n < 0 || n > 180000 {
		return 0, errors.New("no offset")
	}
	offset := n/10000*3600 + n/100%100*60 + n%100
	if s[0] == '-' {
		offset = -offset
	}
	return offset, nil
}
