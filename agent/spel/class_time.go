package spel

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strings"
	"time"
)

// java.time.Instant, LocalDate and LocalDateTime. Each is a time in UTC.
type (
	instant       struct{ time.Time }
	localDate     struct{ time.Time }
	localDateTime struct{ time.Time }
)

func (instant) javaClass() string       { return "Instant" }
func (localDate) javaClass() string     { return "LocalDate" }
func (localDateTime) javaClass() string { return "LocalDateTime" }

// year is a year as java.time writes it.
func year(t time.Time) string {
	switch y := t.Year(); {
	case y > 9999:
		return fmt.Sprintf("+%d", y)
	case y < 0:
		return fmt.Sprintf("-%04d", -y)
	default:
		return fmt.Sprintf("%04d", y)
	}
}

// fraction is the nanoseconds in groups of three digits.
func fraction(t time.Time) string {
	switch n := t.Nanosecond(); {
	case n == 0:
		return ""
	case n%1e6 == 0:
		return fmt.Sprintf(".%03d", n/1e6)
	case n%1e3 == 0:
		return fmt.Sprintf(".%06d", n/1e3)
	default:
		return fmt.Sprintf(".%09d", n)
	}
}

func (i instant) text() string {
	return year(i.Time) + i.Format("-01-02T15:04:05") + fraction(i.Time) + "Z"
}

func (d localDate) text() string { return year(d.Time) + d.Format("-01-02") }

func (d localDateTime) text() string {
	s := year(d.Time) + d.Format("-01-02T15:04")
	if d.Second() > 0 || d.Nanosecond() > 0 {
		s += d.Format(":05") + fraction(d.Time)
	}
	return s
}

// temporal is any of the three.
type temporal interface {
	javaObject
	instantOf() time.Time
}

func (i instant) instantOf() time.Time       { return i.Time }
func (d localDate) instantOf() time.Time     { return d.Time }
func (d localDateTime) instantOf() time.Time { return d.Time }

func (i instant) hash() int32 {
	return hashOf(i.Unix()) + 51*int32(i.Nanosecond())
}
func (d localDate) hash() int32 {
	return int32(d.Year())&^0x7ff ^ (int32(d.Year())<<11 + int32(d.Month())<<6 + int32(d.Day()))
}
func (d localDateTime) hash() int32 {
	return localDate(d).hash() ^ hashOf(int64(d.Sub(midnight(d.Time))))
}

func (i instant) compareTo(other any) (int, bool) {
	o, ok := other.(instant)
	return i.Compare(o.Time), ok
}

// compareTo gives the difference of the years, months or days, whichever is the
// first that differs.
func (d localDate) compareTo(other any) (int, bool) {
	o, ok := other.(localDate)
	return compareDates(d.Time, o.Time), ok
}

func compareDates(a, b time.Time) int {
	for _, difference := range [...]int{a.Year() - b.Year(), int(a.Month()) - int(b.Month()), a.Day() - b.Day()} {
		if difference != 0 {
			return difference
		}
	}
	return 0
}

func (d localDateTime) compareTo(other any) (int, bool) {
	o, ok := other.(localDateTime)
	if c := compareDates(d.Time, o.Time); c != 0 || !ok {
		return c, ok
	}
	return d.Compare(o.Time), ok
}

// wrap makes a value of the same class.
func wrap[T temporal](t time.Time) T {
	var zero T
	var v any
	switch any(zero).(type) {
	case instant:
		v = instant{t}
	case localDate:
		v = localDate{t}
	default:
		v = localDateTime{t}
	}
	return v.(T)
}

func midnight(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
}

// now makes the overloads of now(); at turns the clock's time into one of the
// class.
func now(at func(time.Time) any) []member {
	return []member{
		{"static now()", func(s *state, _ any, _ []any) (any, error) { return at(s.engine.config.Now().UTC()), nil }},
		{"static now(ZoneId)", func(s *state, _ any, args []any) (any, error) {
			z, ok := args[0].(zone)
			if !ok {
				return nil, errors.New("the argument is null")
			}
			return at(inUTC(s.engine.config.Now().In(z.Location))), nil
		}},
		{"static ofInstant(Instant,ZoneId)", static(func(args []any) (any, error) {
			i, ok1 := args[0].(instant)
			z, ok2 := args[1].(zone)
			if !ok1 || !ok2 {
				return nil, errors.New("an argument is null")
			}
			return at(inUTC(i.In(z.Location))), nil
		})},
	}
}

// inUTC is a local time with its numbers kept, but taken as UTC.
func inUTC(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

// field makes getters of a time's numbers.
func timeField[T temporal](name string, f func(t time.Time) int) member {
	return member{name + "()", get(func(v T) any { return integer(f(v.instantOf())) })}
}

// plus makes plusX and minusX of a unit.
func plus[T temporal](name string, unit chronoUnit) []member {
	add := func(shift shift[T]) callable {
		return on(func(v T, args []any) (any, error) { return shift(v, args[0].(int64), unit) })
	}
	return []member{{"plus" + name + "(long)", add(shifted[T])}, {"minus" + name + "(long)", add(shiftedBack[T])}}
}

// shift is shifted or shiftedBack.
type shift[T temporal] func(v T, n int64, unit chronoUnit) (any, error)

func shifted[T temporal](v T, n int64, unit chronoUnit) (any, error) {
	t, err := unit.add(v.instantOf(), n)
	if err != nil {
		return nil, err
	}
	return wrap[T](t), nil
}

// shiftedBack goes two steps where -n is no long.
func shiftedBack[T temporal](v T, n int64, unit chronoUnit) (any, error) {
	if n != math.MinInt64 {
		return shifted(v, -n, unit)
	}
	further, err := shifted(v, math.MaxInt64, unit)
	if err != nil {
		return nil, err
	}
	return shifted(further.(T), 1, unit)
}

// change makes withX of a number; set puts it into the numbers of a time.
func change[T temporal](name string, low, high int, set func(t time.Time, n int) time.Time) member {
	return member{"with" + name + "(int)", on(func(v T, args []any) (any, error) {
		n := int(args[0].(int32))
		if n < low || n > high {
			return nil, fmt.Errorf("%d is not between %d and %d", n, low, high)
		}
		t := set(v.instantOf(), n)
		if name == "DayOfMonth" && t.Day() != n || name == "DayOfYear" && t.YearDay() != n {
			return nil, fmt.Errorf("there is no day %d", n)
		}
		return wrap[T](t), nil
	})}
}

func clampedDate(t time.Time, year int, month time.Month, day int) time.Time {
	last := time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC).Day()
	return time.Date(year, month, min(day, last), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

// temporalMembers are those that all three have; class is the parameter type of
// their comparisons.
func temporalMembers[T temporal](class string) []member {
	test := func(f func(a, b time.Time) bool) callable {
		return on(func(v T, args []any) (any, error) {
			other, ok := args[0].(temporal)
			if !ok {
				return nil, errors.New("the argument is null")
			}
			return f(v.instantOf(), other.instantOf()), nil
		})
	}
	by := func(shift shift[T]) callable {
		return on(func(v T, args []any) (any, error) {
			unit, ok := args[1].(chronoUnit)
			if !ok {
				return nil, errors.New("the unit is null")
			}
			if err := unit.supports(v); err != nil {
				return nil, err
			}
			return shift(v, args[0].(int64), unit)
		})
	}
	return []member{
		{"isAfter(" + class + ")", test(time.Time.After)},
		{"isBefore(" + class + ")", test(time.Time.Before)},
		{"plus(long,TemporalUnit)", by(shifted[T])},
		{"minus(long,TemporalUnit)", by(shiftedBack[T])},
		{"until(Temporal,TemporalUnit)", on(func(v T, args []any) (any, error) {
			unit, ok := args[1].(chronoUnit)
			if !ok {
				return nil, errors.New("the unit is null")
			}
			return unit.between(v, args[0])
		})},
		{"isSupported(TemporalUnit)", on(func(v T, args []any) (any, error) {
			unit, ok := args[0].(chronoUnit)
			return ok && unit.supports(v) == nil, nil
		})},
	}
}

// dayMembers are those of LocalDate and LocalDateTime about days.
func dayMembers[T temporal](class string) []member {
	members := []member{
		timeField[T]("getYear", time.Time.Year),
		timeField[T]("getMonthValue", func(t time.Time) int { return int(t.Month()) }),
		timeField[T]("getDayOfMonth", time.Time.Day),
		timeField[T]("getDayOfYear", time.Time.YearDay),
		{"getDayOfWeek()", get(func(v T) any { return dayOf(v.instantOf()) })},
		{"isEqual(" + class + ")", on(func(v T, args []any) (any, error) {
			other, ok := args[0].(temporal)
			if !ok {
				return nil, errors.New("the argument is null")
			}
			return v.instantOf().Equal(other.instantOf()), nil
		})},
		change[T]("Year", -999999999, 999999999, func(t time.Time, n int) time.Time { return clampedDate(t, n, t.Month(), t.Day()) }),
		change[T]("Month", 1, 12, func(t time.Time, n int) time.Time { return clampedDate(t, t.Year(), time.Month(n), t.Day()) }),
		change[T]("DayOfMonth", 1, 31, func(t time.Time, n int) time.Time { return t.AddDate(0, 0, n-t.Day()) }),
		change[T]("DayOfYear", 1, 366, func(t time.Time, n int) time.Time { return t.AddDate(0, 0, n-t.YearDay()) }),
		{"with(TemporalAdjuster)", on(func(v T, args []any) (any, error) {
			switch a := args[0].(type) {
			case T:
				return a, nil
			case localDate:
				t := v.instantOf()
				return wrap[T](time.Date(a.Year(), a.Month(), a.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)), nil
			case dayOfWeek:
				return wrap[T](v.instantOf().AddDate(0, 0, int(a-dayOf(v.instantOf())))), nil
			}
			return nil, errors.New("this adjuster does not fit")
		})},
	}
	for name, unit := range map[string]chronoUnit{"Days": days, "Weeks": weeks, "Months": months, "Years": years} {
		members = append(members, plus[T](name, unit)...)
	}
	return append(members, temporalMembers[T](class)...)
}

func parseTime[T temporal](layouts ...string) []member {
	return []member{{"static parse(CharSequence)", static(func(args []any) (any, error) {
		s, err := str(args[0])
		if err != nil {
			return nil, err
		}
		for _, layout := range layouts {
			if t, err := time.Parse(layout, strings.ToUpper(s)); err == nil && !strings.Contains(s, ",") && !shortHour.MatchString(s) {
				return wrap[T](t.UTC()), nil
			}
		}
		return nil, fmt.Errorf("%s does not look like %s", quote(s), layouts[0])
	})}}
}

// shortHour is an hour of one digit, which Go reads and Java does not.
var shortHour = regexp.MustCompile(`[Tt]\d:`)

// fromTemporal is from(TemporalAccessor): every class takes its own, LocalDate
// also a LocalDateTime.
func fromTemporal[T temporal](also func(v any) (any, bool)) []member {
	return []member{{"static from(TemporalAccessor)", static(func(args []any) (any, error) {
		if v, ok := args[0].(T); ok {
			return v, nil
		}
		if v, ok := also(args[0]); ok {
			return v, nil
		}
		return nil, fmt.Errorf("this cannot be made of %s", describe(args[0]))
	})}}
}

func never(any) (any, bool) { return nil, false }
