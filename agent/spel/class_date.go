package spel

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gennaker/gennaker/agent/spel/internal/javalib"
)

// java.util.Date and java.text.SimpleDateFormat, in UTC and English as in
// Spinnaker's containers.

// date is a java.util.Date: milliseconds since 1970.
type date int64

func (d date) javaClass() string { return "Date" }
func (d date) time() time.Time   { return time.UnixMilli(int64(d)).UTC() }
func (d date) text() string      { return d.time().Format("Mon Jan 02 15:04:05 UTC 2006") }
func (d date) exported() any     { return int64(d) }
func (d date) hash() int32       { return hashOf(int64(d)) }

func (d date) compareTo(other any) (int, bool) {
	o, ok := other.(date)
	return compareInts(int64(d), int64(o)), ok
}

func compareInts(a, b int64) int { return b2i(a > b) - b2i(a < b) }

func dateOf(t time.Time) date { return date(t.UnixMilli()) }

// dateLayouts are the forms that Date.parse reads and that people use.
var dateLayouts = []string{
	"Mon Jan _2 15:04:05 MST 2006", time.RFC1123, time.RFC1123Z, "_2 Jan 2006 15:04:05 MST", "_2 Jan 2006 15:04:05",
	"Mon, _2 Jan 2006 15:04:05", "_2 Jan 2006", "Jan _2, 2006", "January _2, 2006", "1/2/2006", "2006/1/2", "2006/1/2 15:04:05", "1/2/2006 15:04:05",
}

func toDate(v any, _ *javaType) (any, error) {
	s, ok := v.(string)
	if !ok {
		return nil, errNoConversion
	}
	for _, layout := range dateLayouts {
		if t, err := time.Parse(layout, strings.TrimSpace(s)); err == nil {
			return dateOf(t), nil
		}
	}
	return nil, fmt.Errorf("%s is no date", quote(s))
}

// onDates makes a callable over two dates.
func onDates(f func(a, b date) bool) callable {
	return on(func(d date, args []any) (any, error) {
		other, ok := args[0].(date)
		if !ok {
			return nil, errors.New("the argument is null")
		}
		return f(d, other), nil
	})
}

func ofDate(f func(t time.Time) int) callable {
	return get(func(d date) any { return integer(f(d.time())) })
}

// localDateFrom is the time of year (since 1900), month (from 0), day, hour,
// minute and second, as far as given.
func localDateFrom(args []any) time.Time {
	var n [6]int
	for i, arg := range args {
		n[i] = int(arg.(int32))
	}
	return time.Date(1900+n[0], time.Month(n[1]+1), n[2], n[3], n[4], n[5], 0, time.UTC)
}

func newDate(args []any) any { return dateOf(localDateFrom(args)) }

var dateMembers = []member{
	{"getTime()", get(func(d date) any { return int64(d) })},
	{"getYear()", ofDate(func(t time.Time) int { return t.Year() - 1900 })},
	{"getMonth()", ofDate(func(t time.Time) int { return int(t.Month()) - 1 })},
	{"getDate()", ofDate(time.Time.Day)},
	{"getDay()", ofDate(func(t time.Time) int { return int(t.Weekday()) })},
	{"getHours()", ofDate(time.Time.Hour)},
	{"getMinutes()", ofDate(time.Time.Minute)},
	{"getSeconds()", ofDate(time.Time.Second)},
	{"getTimezoneOffset()", ofDate(func(time.Time) int { return 0 })},
	{"after(Date)", onDates(func(a, b date) bool { return a > b })},
	{"before(Date)", onDates(func(a, b date) bool { return a < b })},
	{"toInstant()", get(func(d date) any { return instant{d.time()} })},
	{"toGMTString()", get(func(d date) any { return d.time().Format("2 Jan 2006 15:04:05 GMT") })},
	{"toLocaleString()", get(func(d date) any { return d.time().Format("Jan 2, 2006, 3:04:05 PM") })},
	{"static from(Instant)", static(func(args []any) (any, error) {
		i, ok := args[0].(instant)
		if !ok {
			return nil, errors.New("the argument is null")
		}
		return dateOf(i.Time), nil
	})},
	{"static parse(String)", static(func(args []any) (any, error) {
		d, err := toDate(args[0], nil)
		if err != nil {
			return nil, err
		}
		return int64(d.(date)), nil
	})},
	{"static UTC(int,int,int,int,int,int)", pure(func(args []any) any { return localDateFrom(args).UnixMilli() })},
	{"new()", func(s *state, _ any, _ []any) (any, error) { return dateOf(s.engine.config.Now()), nil }},
	{"new(long)", pure(func(args []any) any { return date(args[0].(int64)) })},
	{"new(String)", static(func(args []any) (any, error) { return toDate(args[0], nil) })},
	{"new(int,int,int)", pure(newDate)},
	{"new(int,int,int,int,int)", pure(newDate)},
	{"new(int,int,int,int,int,int)", pure(newDate)},
}

// simpleDateFormat is a java.text.SimpleDateFormat.
type simpleDateFormat struct{ *javalib.DateFormat }

func (f simpleDateFormat) javaClass() string { return "SimpleDateFormat" }
func (f simpleDateFormat) text() string {
	return "java.text.SimpleDateFormat@" + fmt.Sprintf("%x", uint32(hashString(f.Pattern())))
}

func newDateFormat(pattern any) (any, error) {
	p, err := str(pattern)
	if err != nil {
		return nil, err
	}
	f, err := javalib.NewDateFormat(p)
	return simpleDateFormat{f}, err
}

var dateFormatMembers = []member{
	{"format(Date)", on(formatDate)},
	{"format(Object)", on(formatDate)},
	{"parse(String)", func(s *state, target any, args []any) (any, error) {
		text, err := str(args[0])
		if err != nil {
			return nil, err
		}
		t, err := target.(simpleDateFormat).Parse(text, s.engine.config.Now())
		return dateOf(t), err
	}},
	{"toPattern()", get(func(f simpleDateFormat) any { return f.Pattern() })},
	{"toLocalizedPattern()", get(func(f simpleDateFormat) any { return f.Pattern() })},
	{"isLenient()", get(func(simpleDateFormat) any { return true })},
	{"hashCode()", get(func(f simpleDateFormat) any { return hashString(f.Pattern()) })},
	{"equals(Object)", on(func(f simpleDateFormat, args []any) (any, error) {
		o, ok := args[0].(simpleDateFormat)
		return ok && o.Pattern() == f.Pattern(), nil
	})},
	{"new()", static(func([]any) (any, error) { return newDateFormat("M/d/yy, h:mm a") })},
	{"new(String)", static(func(args []any) (any, error) { return newDateFormat(args[0]) })},
	{"new(String,Locale)", static(func(args []any) (any, error) {
		if args[1] == nil {
			return nil, errors.New("the locale is null")
		}
		return newDateFormat(args[0])
	})},
}

// formatDate writes a date, or a number of milliseconds.
func formatDate(f simpleDateFormat, args []any) (any, error) {
	switch v := args[0].(type) {
	case date:
		return f.Format(v.time()), nil
	default:
		if isNumber(v) {
			return f.Format(time.UnixMilli(asInt64(v))), nil
		}
	}
	return nil, fmt.Errorf("%s is no date", describe(args[0]))
}
