package javalib

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// DateFormat is java.text.SimpleDateFormat with English names, in UTC.
type DateFormat struct {
	pattern string
	fields  []dateField
}

// dateField is a run of one pattern letter, or literal text.
type dateField struct {
	letter byte // 0 for text
	count  int
	text   string
}

const dateLetters = "GyYMLwWDdFEuaHkKhmsSzZX"

// NewDateFormat reads a pattern.
func NewDateFormat(pattern string) (*DateFormat, error) {
	f := &DateFormat{pattern: pattern}
	for i := 0; i < len(pattern); {
		c := pattern[i]
		switch {
		case c == '\'':
			text, length, err := quoted(pattern[i:])
			if err != nil {
				return nil, err
			}
			f.literal(text)
			i += length
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			if strings.IndexByte(dateLetters, c) < 0 {
				return nil, fmt.Errorf("illegal pattern character '%c'", c)
			}
			n := len(pattern[i:]) - len(strings.TrimLeft(pattern[i:], string(c)))
			if c == 'X' && n > 3 {
				return nil, fmt.Errorf("the pattern has %d X, more than 3", n)
			}
			f.fields = append(f.fields, dateField{letter: c, count: n})
			i += n
		default:
			f.literal(string(c))
			i++
		}
	}
	return f, nil
}

// quoted reads a text in single quotes; two of them stand for one.
func quoted(s string) (text string, length int, err error) {
	if strings.HasPrefix(s, "''") {
		return "'", 2, nil
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		if s[i] != '\'' {
			b.WriteByte(s[i])
			continue
		}
		if i+1 < len(s) && s[i+1] == '\'' {
			b.WriteByte('\'')
			i++
			continue
		}
		return b.String(), i + 1, nil
	}
	return "", 0, errors.New("unterminated quote in the pattern")
}

func (f *DateFormat) literal(text string) {
	if n := len(f.fields); n > 0 && f.fields[n-1].letter == 0 {
		f.fields[n-1].text += text
		return
	}
	f.fields = append(f.fields, dateField{text: text})
}

// Pattern is the pattern.
func (f *DateFormat) Pattern() string { return f.pattern }

// Format writes a time.
func (f *DateFormat) Format(t time.Time) string {
	t = t.UTC()
	var b strings.Builder
	for _, field := range f.fields {
		b.WriteString(field.format(t))
	}
	return b.String()
}

func (d dateField) format(t time.Time) string {
	number := func(n int) string { return fmt.Sprintf("%0*d", d.count, n) }
	switch d.letter {
	case 0:
		return d.text
	case 'G':
		return "AD"
	case 'y':
		if d.count == 2 {
			return fmt.Sprintf("%02d", t.Year()%100)
		}
		return number(t.Year())
	case 'Y':
		year, _ := weekOfYear(t)
		if d.count == 2 {
			return fmt.Sprintf("%02d", year%100)
		}
		return number(year)
	case 'M', 'L':
		switch {
		case d.count >= 4:
			return t.Month().String()
		case d.count == 3:
			return t.Month().String()[:3]
		}
		return number(int(t.Month()))
	case 'w':
		_, week := weekOfYear(t)
		return number(week)
	case 'W':
		first := time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
		return number((t.Day()+int(first.Weekday())-1)/7 + 1)
	case 'D':
		return number(t.YearDay())
	case 'd':
		return number(t.Day())
	case 'F':
		return number((t.Day()-1)/7 + 1)
	case 'E':
		if d.count >= 4 {
			return t.Weekday().String()
		}
		return t.Weekday().String()[:3]
	case 'u':
		return number((int(t.Weekday())+6)%7 + 1)
	case 'a':
		return t.Format("PM")
	}
	return d.formatTime(t, number)
}

func (d dateField) formatTime(t time.Time, number func(int) string) string {
	switch d.letter {
	case 'H':
		return number(t.Hour())
	case 'k':
		return number((t.Hour()+23)%24 + 1)
	case 'K':
		return number(t.Hour() % 12)
	case 'h':
		return number((t.Hour()+11)%12 + 1)
	case 'm':
		return number(t.Minute())
	case 's':
		return number(t.Second())
	case 'S':
		return number(t.Nanosecond() / 1e6)
	case 'z':
		if d.count >= 4 {
			return "Coordinated Universal Time"
		}
		return "UTC"
	case 'Z':
		return "+0000"
	default: // X
		return "Z"
	}
}

// weekOfYear counts weeks as the United States do: they begin on Sunday, and
// the week of 1 January is the first.
func weekOfYear(t time.Time) (year, week int) {
	jan1 := func(year int) time.Time { return time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC) }
	sunday := t.AddDate(0, 0, -int(t.Weekday()))
	if next := jan1(t.Year() + 1); next.Sub(sunday) < 7*24*time.Hour && !next.Before(sunday) {
		return t.Year() + 1, 1
	}
	return t.Year(), (t.YearDay()+int(jan1(t.Year()).Weekday())-1)/7 + 1
}

// parsedDate collects the fields of a text. Missing ones are those of 1970.
type parsedDate struct {
	year, month, day, yearDay   int
	hour, minute, second, milli int
	offset                      int // seconds east of UTC
	pm, hasPM, has12            bool
	hasDay, hasDayOfYear        bool
}

// Parse reads a time at the start of a text; what follows is ignored.
func (f *DateFormat) Parse(s string, now time.Time) (time.Time, error) {
	p := parsedDate{year: 1970, month: 1, day: 1}
	rest := s
	for i, field := range f.fields {
		adjacent := i+1 < len(f.fields) && f.fields[i+1].isNumber()
		var err error
		if rest, err = field.parse(rest, &p, adjacent, now); err != nil {
			return time.Time{}, fmt.Errorf("%q does not follow the pattern %q: %w", s, f.pattern, err)
		}
	}
	return p.time(), nil
}

func (p *parsedDate) time() time.Time {
	hour := p.hour
	if p.has12 && p.hasPM {
		hour %= 12
		if p.pm {
			hour += 12
		}
	}
	if p.hasDayOfYear && !p.hasDay {
		p.month, p.day = 1, p.yearDay
	}
	return time.Date(p.year, time.Month(p.month), p.day, hour, p.minute, p.second, p.milli*1e6, time.UTC).
		Add(-time.Duration(p.offset) * time.Second)
}

// isNumber reports whether a field is digits, so that a number before it cannot
// run on.
func (d dateField) isNumber() bool {
	if d.letter == 'M' || d.letter == 'L' {
		return d.count < 3
	}
	return d.letter != 0 && strings.IndexByte("yYwWDdFuHkKhmsS", d.letter) >= 0
}

func (d dateField) parse(s string, p *parsedDate, adjacent bool, now time.Time) (rest string, err error) {
	if d.letter == 0 {
		rest, ok := strings.CutPrefix(s, d.text)
		if !ok {
			return "", fmt.Errorf("%q is missing", d.text)
		}
		return rest, nil
	}
	if !d.isNumber() {
		return d.parseText(strings.TrimLeft(s, " \t"), p)
	}
	s = strings.TrimLeft(s, " \t")
	digits := s[:len(s)-len(strings.TrimLeft(s, "0123456789"))]
	if adjacent && len(digits) > d.count {
		digits = digits[:d.count]
	}
	negative := digits == "" && strings.HasPrefix(s, "-")
	if negative {
		digits = s[:len(s)-len(strings.TrimLeft(s[1:], "0123456789"))]
	}
	n, err := strconv.Atoi(digits)
	if err != nil {
		return "", errors.New("a number is missing")
	}
	d.set(p, n, len(digits), now)
	return s[len(digits):], nil
}

func (d dateField) set(p *parsedDate, n, digits int, now time.Time) {
	switch d.letter {
	case 'y', 'Y':
		if d.count <= 2 && digits == 2 {
			// Two digits mean a year from 80 years before now to 20 after.
			start := now.UTC().Year() - 80
			if n += start - start%100; n < start {
				n += 100
			}
		}
		p.year = n
	case 'M', 'L':
		p.month = n
	case 'd':
		p.day, p.hasDay = n, true
	case 'D':
		p.yearDay, p.hasDayOfYear = n, true
	case 'H', 'k':
		p.hour = n
		if d.letter == 'k' && n == 24 {
			p.hour = 0
		}
	case 'K', 'h':
		p.hour, p.has12 = n, true
	case 'm':
		p.minute = n
	case 's':
		p.second = n
	case 'S':
		p.milli = n
	}
}

func (d dateField) parseText(s string, p *parsedDate) (rest string, err error) {
	cut := func(names ...string) (int, string, bool) {
		best := -1
		for i, name := range names {
			if len(s) >= len(name) && strings.EqualFold(s[:len(name)], name) && (best < 0 || len(name) > len(names[best])) {
				best = i
			}
		}
		if best < 0 {
			return 0, s, false
		}
		return best, s[len(names[best]):], true
	}
	switch d.letter {
	case 'M', 'L':
		var names []string
		for m := time.January; m <= time.December; m++ {
			names = append(names, m.String(), m.String()[:3])
		}
		if i, rest, ok := cut(names...); ok {
			p.month = i/2 + 1
			return rest, nil
		}
		return "", errors.New("the name of a month is missing")
	case 'E':
		var names []string
		for w := time.Sunday; w <= time.Saturday; w++ {
			names = append(names, w.String(), w.String()[:3])
		}
		if _, rest, ok := cut(names...); ok {
			return rest, nil
		}
		return "", errors.New("the name of a weekday is missing")
	case 'a':
		if i, rest, ok := cut("AM", "PM"); ok {
			p.pm, p.hasPM = i == 1, true
			return rest, nil
		}
		return "", errors.New("AM or PM is missing")
	case 'G':
		if _, rest, ok := cut("AD", "BC"); ok {
			return rest, nil
		}
		return "", errors.New("the era is missing")
	}
	return p.parseZone(s)
}

// parseZone reads UTC, GMT, Z, +hh, +hhmm, +hh:mm and GMT+hh:mm.
func (p *parsedDate) parseZone(s string) (rest string, err error) {
	rest = s
	for _, name := range [...]string{"UTC", "GMT", "Z"} {
		if after, ok := strings.CutPrefix(s, name); ok {
			rest = after
			break
		}
	}
	if rest == "" || rest[0] != '+' && rest[0] != '-' {
		if len(rest) == len(s) {
			return "", errors.New("the time zone is missing or unknown")
		}
		return rest, nil
	}
	digits := strings.Replace(rest[1:min(len(rest), 6)], ":", "", 1)
	n := len(digits) - len(strings.TrimLeft(digits, "0123456789"))
	n = min(n, 4)
	if n != 2 && n != 4 {
		return "", errors.New("the time zone's offset is incomplete")
	}
	hours, _ := strconv.Atoi(digits[:2])
	minutes, _ := strconv.Atoi(digits[2:n])
	p.offset = hours*3600 + minutes*60
	if rest[0] == '-' {
		p.offset = -p.offset
	}
	length := 1 + n
	if n == 4 && rest[3] == ':' {
		length++
	}
	return rest[length:], nil
}
