package spel

import (
	"fmt"
	"math"
	"time"
)

var instantMembers = [][]member{
	now(func(t time.Time) any { return instant{t} })[:1],
	parseTime[instant]("2006-01-02T15:04:05Z", "2006-01-02T15:04:05Z07:00", "2006-01-02T15:04Z"),
	fromTemporal[instant](never),
	temporalMembers[instant]("Instant"),
	plus[instant]("Seconds", seconds), plus[instant]("Millis", millis), plus[instant]("Nanos", nanos),
	{
		{"getEpochSecond()", get(func(i instant) any { return i.Unix() })},
		{"getNano()", get(func(i instant) any { return integer(i.Nanosecond()) })},
		{"toEpochMilli()", get(func(i instant) any { return i.UnixMilli() })},
		{"truncatedTo(TemporalUnit)", on(func(i instant, args []any) (any, error) { return truncated(i, args[0]) })},
		{"static ofEpochMilli(long)", pure(func(args []any) any { return instant{time.UnixMilli(args[0].(int64)).UTC()} })},
		{"static ofEpochSecond(long)", static(func(args []any) (any, error) {
			t, err := secondsSince1970(args[0].(int64), 0)
			return instant{t}, err
		})},
		{"static ofEpochSecond(long,long)", static(func(args []any) (any, error) {
			t, err := secondsSince1970(args[0].(int64), args[1].(int64))
			return instant{t}, err
		})},
	},
}

// secondsSince1970 is a time within the range of java.time.
func secondsSince1970(seconds, nanos int64) (time.Time, error) {
	if abs(seconds) > 366*86400*maxYear || seconds == math.MinInt64 {
		return time.Time{}, errOutOfRange
	}
	t := time.Unix(seconds, nanos).UTC()
	if t.Year() > maxYear || t.Year() < -maxYear {
		return time.Time{}, errOutOfRange
	}
	return t, nil
}

// truncated cuts what is smaller than a unit.
func truncated[T temporal](v T, unit any) (any, error) {
	u, ok := unit.(chronoUnit)
	if !ok || chronoUnits[u].length == 0 || chronoUnits[u].length > 24*time.Hour {
		return nil, fmt.Errorf("the unit is too large for truncation")
	}
	t := v.instantOf()
	start := midnight(t)
	return wrap[T](start.Add(t.Sub(start).Truncate(chronoUnits[u].length))), nil
}

var localDateMembers = [][]member{
	now(func(t time.Time) any { return localDate{midnight(t)} }),
	parseTime[localDate]("2006-01-02"),
	fromTemporal[localDate](func(v any) (any, bool) {
		d, ok := v.(localDateTime)
		return localDate{midnight(d.Time)}, ok
	}),
	dayMembers[localDate]("ChronoLocalDate"),
	{
		{"isLeapYear()", get(func(d localDate) any { return yearLength(d.Time) == 366 })},
		{"lengthOfMonth()", get(func(d localDate) any {
			return integer(time.Date(d.Year(), d.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day())
		})},
		{"lengthOfYear()", get(func(d localDate) any { return integer(yearLength(d.Time)) })},
		{"toEpochDay()", get(func(d localDate) any { return floorDiv(d.Unix(), 86400) })},
		{"atStartOfDay()", get(func(d localDate) any { return localDateTime(d) })},
		{"atTime(int,int)", on(atTime)},
		{"atTime(int,int,int)", on(atTime)},
		{"atTime(int,int,int,int)", on(atTime)},
		{"static of(int,int,int)", static(func(args []any) (any, error) {
			t, err := timeOf(args)
			return localDate{t}, err
		})},
		{"static ofEpochDay(long)", static(func(args []any) (any, error) {
			day := args[0].(int64)
			if abs(day) > 366*maxYear {
				return nil, errOutOfRange
			}
			t, err := secondsSince1970(86400*day, 0)
			return localDate{t}, err
		})},
		{"static ofYearDay(int,int)", static(func(args []any) (any, error) {
			t := time.Date(int(args[0].(int32)), 1, int(args[1].(int32)), 0, 0, 0, 0, time.UTC)
			if t.Year() > maxYear || t.Year() < -maxYear {
				return nil, errOutOfRange
			}
			if t.Year() != int(args[0].(int32)) {
				return nil, fmt.Errorf("the year has no day %d", args[1])
			}
			return localDate{t}, nil
		})},
	},
}

func yearLength(t time.Time) int { return time.Date(t.Year(), 12, 31, 0, 0, 0, 0, time.UTC).YearDay() }

func atTime(d localDate, args []any) (any, error) {
	t, err := timeOf(append([]any{int32(d.Year()), int32(d.Month()), int32(d.Day())}, args...))
	return localDateTime{t}, err
}

// timeOf is the time of year, month, day, hour, minute, second and nanosecond,
// as far as given; each must be in its range.
func timeOf(args []any) (time.Time, error) {
	n := [7]int{}
	for i, arg := range args {
		n[i] = int(arg.(int32))
	}
	t := time.Date(n[0], time.Month(n[1]), n[2], n[3], n[4], n[5], n[6], time.UTC)
	if n[0] > maxYear || n[0] < -maxYear {
		return t, errOutOfRange
	}
	for i, got := range [...]int{t.Year(), int(t.Month()), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond()} {
		if got != n[i] {
			return t, fmt.Errorf("there is no such time: %v", n[:len(args)])
		}
	}
	return t, nil
}

var localDateTimeMembers = [][]member{
	now(func(t time.Time) any { return localDateTime{t} }),
	parseTime[localDateTime]("2006-01-02T15:04:05", "2006-01-02T15:04"),
	fromTemporal[localDateTime](never),
	dayMembers[localDateTime]("ChronoLocalDateTime"),
	plus[localDateTime]("Hours", hours), plus[localDateTime]("Minutes", minutes),
	plus[localDateTime]("Seconds", seconds), plus[localDateTime]("Nanos", nanos),
	{
		timeField[localDateTime]("getHour", time.Time.Hour),
		timeField[localDateTime]("getMinute", time.Time.Minute),
		timeField[localDateTime]("getSecond", time.Time.Second),
		timeField[localDateTime]("getNano", time.Time.Nanosecond),
		{"toLocalDate()", get(func(d localDateTime) any { return localDate{midnight(d.Time)} })},
		{"toEpochSecond(ZoneOffset)", on(func(d localDateTime, args []any) (any, error) {
			i, err := d.at(args[0])
			return i.Unix(), err
		})},
		{"toInstant(ZoneOffset)", on(func(d localDateTime, args []any) (any, error) { return d.at(args[0]) })},
		{"truncatedTo(TemporalUnit)", on(func(d localDateTime, args []any) (any, error) { return truncated(d, args[0]) })},
		change[localDateTime]("Hour", 0, 23, func(t time.Time, n int) time.Time { return t.Add(time.Duration(n-t.Hour()) * time.Hour) }),
		change[localDateTime]("Minute", 0, 59, func(t time.Time, n int) time.Time { return t.Add(time.Duration(n-t.Minute()) * time.Minute) }),
		change[localDateTime]("Second", 0, 59, func(t time.Time, n int) time.Time { return t.Add(time.Duration(n-t.Second()) * time.Second) }),
		change[localDateTime]("Nano", 0, 999999999, func(t time.Time, n int) time.Time { return t.Add(time.Duration(n - t.Nanosecond())) }),
		{"static of(int,int,int,int,int)", static(newLocalDateTime)},
		{"static of(int,int,int,int,int,int)", static(newLocalDateTime)},
		{"static of(int,int,int,int,int,int,int)", static(newLocalDateTime)},
		{"static ofEpochSecond(long,int,ZoneOffset)", static(func(args []any) (any, error) {
			z, ok := args[2].(zone)
			nano := int64(args[1].(int32))
			if !ok || nano < 0 || nano >= int64(time.Second) {
				return nil, fmt.Errorf("the offset is null or the nanoseconds are out of range")
			}
			t, err := secondsSince1970(args[0].(int64), nano)
			return localDateTime{inUTC(t.In(z.Location))}, err
		})},
	},
}

func newLocalDateTime(args []any) (any, error) {
	t, err := timeOf(args)
	return localDateTime{t}, err
}

// at is the instant of a local time at an offset.
func (d localDateTime) at(offset any) (instant, error) {
	z, ok := offset.(zone)
	if !ok {
		return instant{}, fmt.Errorf("the offset is null")
	}
	t := d.Time
	return instant{time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), z.Location).UTC()}, nil
}
