package spel

import (
	"errors"
	"fmt"
	"time"
)

// timeLayouts are the parts of a time that %t writes, as Go writes them.
var timeLayouts = map[byte]string{
	'H': "15", 'I': "03", 'l': "3", 'M': "04", 'S': "05", 'L': ".000", 'N': ".000000000", 'p': "pm", 'z': "-0700", 'Z': "MST",
	'B': "January", 'b': "Jan", 'h': "Jan", 'A': "Monday", 'a': "Mon", 'Y': "2006", 'y': "06", 'm': "01", 'd': "02", 'e': "2",
	'R': "15:04", 'T': "15:04:05", 'r': "03:04:05 PM", 'D': "01/02/06", 'F': "2006-01-02", 'c': "Mon Jan 02 15:04:05 MST 2006",
}

// time writes a part of a time: of a Date, of milliseconds, or of java.time.
func (d directive) time(v any) (string, error) {
	var t time.Time
	switch v := v.(type) {
	case nil:
		return "null", nil
	case date:
		t = v.time()
	case int64:
		t = date(v).time()
	case temporal:
		t = v.instantOf()
	default:
		return "", fmt.Errorf("%s is no time", describe(v))
	}
	if layout, ok := timeLayouts[d.suffix]; ok {
		s := t.Format(layout)
		if layout[0] == '.' {
			s = s[1:]
		}
		return s, nil
	}
	switch d.suffix {
	case 'k':
		return fmt.Sprint(t.Hour()), nil
	case 'j':
		return fmt.Sprintf("%03d", t.YearDay()), nil
	case 'C':
		return fmt.Sprintf("%02d", t.Year()/100), nil
	case 's':
		return fmt.Sprint(t.Unix()), nil
	case 'Q':
		return fmt.Sprint(t.UnixMilli()), nil
	}
	return "", errors.New("unknown part of a time")
}
