package quartz

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
)

func utf16Units(text string) []uint16 { return utf16.Encode([]rune(text)) }

// set is a set of numbers from 0 to 63.
type set uint64

const allHours set = 1<<24 - 1

func (s set) has(n int) bool { return s&(1<<n) != 0 }

// field is one of the fields of an expression: its name, its bounds, and the names of its values from the first on.
type field struct {
	name     string
	from, to int
	names    []string
}

var (
	seconds      = field{"second", 0, 59, nil}
	minutes      = field{"minute", 0, 59, nil}
	hours        = field{"hour", 0, 23, nil}
	dayField     = field{"day of month", 1, 31, nil}
	monthField   = field{"month", 1, 12, []string{"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}}
	weekdayField = field{"day of week", 1, 7, []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}}
)

// set reads a list of numbers, ranges and steps.
func (f field) set(text string) (set, error) {
	var all set
	items, err := split(text)
	if err != nil {
		return 0, err
	}
	for _, item := range items {
		some, err := f.item(item)
		if err != nil {
			return 0, err
		}
		all |= some
	}
	return all, nil
}

// split cuts a field at its commas. As in Quartz, empty items mean nothing.
func split(text string) ([]string, error) {
	items := slices.DeleteFunc(strings.Split(text, ","), func(item string) bool { return item == "" })
	if len(items) == 0 {
		return nil, fmt.Errorf("found %q, expected something between the commas", text)
	}
	return items, nil
}

// item reads one of `*`, `3`, `3-5`, `3/5`, `3-9/2`, `*/5` and `/5`. A range may go past the end: 22-2.
func (f field) item(text string) (set, error) {
	span, stepText, stepped := strings.Cut(text, "/")
	step := 1
	if stepped {
		var err error
		if step, err = strconv.Atoi(stepText); err != nil || step < 0 || step > f.to {
			return 0, fmt.Errorf("found step %q in %q, expected a number from 1 to %d", stepText, text, f.to)
		}
	}
	size := f.to - f.from + 1
	first, last := f.from, f.to
	fromText, toText, ranged := strings.Cut(span, "-")
	switch {
	case span == "*" || span == "" && stepped:
	case ranged:
		var err error
		if first, err = f.value(fromText); err != nil {
			return 0, err
		}
		if last, err = f.value(toText); err != nil {
			return 0, err
		}
		if last < first {
			last += size
		}
	default:
		var err error
		if first, err = f.value(span); err != nil {
			return 0, err
		}
		if !stepped {
			last = first
		}
	}
	if step == 0 { // Quartz takes 5/0 for 5.
		last, step = first, 1
	}
	var some set
	for n := first; n <= last; n += step {
		some |= 1 << ((n-f.from)%size + f.from)
	}
	return some, nil
}

// value reads a number or a name.
func (f field) value(text string) (int, error) {
	if i := slices.Index(f.names, text); i >= 0 {
		return f.from + i, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < f.from || n > f.to || text[0] == '+' {
		expected := fmt.Sprintf("a number from %d to %d", f.from, f.to)
		if f.names != nil {
			expected += fmt.Sprintf(", or one of %s to %s", f.names[0], f.names[len(f.names)-1])
		}
		return 0, fmt.Errorf("found %q, expected %s", text, expected)
	}
	return n, nil
}

// parseYears reads the last field; nil means every year.
func parseYears(text string) (map[int]bool, error) {
	if text == "*" {
		return nil, nil
	}
	items, err := split(text)
	if err != nil {
		return nil, err
	}
	years := map[int]bool{}
	for _, item := range items {
		if err := addYears(years, item); err != nil {
			return nil, err
		}
	}
	return years, nil
}

func addYears(years map[int]bool, item string) error {
	span, stepText, stepped := strings.Cut(item, "/")
	fromText, toText, ranged := strings.Cut(span, "-")
	first, last, step := firstYear, lastYear, 1
	read := func(text string, into *int, from, to int) error {
		n, err := strconv.Atoi(text)
		if err != nil || n < from || n > to {
			return fmt.Errorf("found %q in %q, expected a number from %d to %d", text, item, from, to)
		}
		*into = n
		return nil
	}
	if span != "*" && (span != "" || !stepped) {
		if err := read(fromText, &first, firstYear, lastYear); err != nil {
			return err
		}
		if !stepped {
			last = first
		}
	}
	if ranged {
		if err := read(toText, &last, first, lastYear); err != nil {
			return err
		}
	}
	if stepped {
		if err := read(stepText, &step, 1, lastYear-firstYear); err != nil {
			return err
		}
	}
	for year := first; year <= last; year += step {
		years[year] = true
	}
	return nil
}
