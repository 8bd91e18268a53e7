package quartz

import (
	"bufio"
	"os"
	"strings"
	"testing"
	"time"
)

// cases calls test with each line of a file of testdata: expression | zone | start | times, "never" or "invalid".
func cases(t *testing.T, file string, test func(t *testing.T, expression, zone, start string, want []string)) {
	data, err := os.Open("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	defer data.Close()
	lines := bufio.NewScanner(data)
	for lines.Scan() {
		if line := lines.Text(); line != "" && line[0] != '#' {
			fields := strings.Split(line, " | ")
			test(t, fields[0], fields[1], fields[2], strings.Fields(fields[3]))
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
}

// What Quartz 2.3.2 answered, and what differs on purpose.
func TestQuartz(t *testing.T) {
	for _, file := range []string{"quartz.txt", "ours.txt"} {
		cases(t, file, func(t *testing.T, expression, zone, start string, want []string) {
			location, err := time.LoadLocation(zone)
			if err != nil {
				t.Fatal(err)
			}
			parsed, err := Parse(expression, "", location)
			if want[0] == "invalid" {
				if err == nil {
					t.Errorf("%q was accepted", expression)
				}
				return
			}
			if err != nil {
				t.Errorf("%q: %v", expression, err)
				return
			}
			at, err := time.Parse(time.RFC3339, start)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for range want {
				next, ok := parsed.Next(at)
				if !ok {
					got = append(got, "never")
					break
				}
				got, at = append(got, next.UTC().Format(time.RFC3339)), next
			}
			if strings.Join(got, " ") != strings.Join(want, " ") {
				t.Errorf("%q in %s from %s:\n got %v\nwant %v", expression, zone, start, got, want)
			}
		})
	}
}

func TestErrors(t *testing.T) {
	for expression, want := range map[string]string{
		"0 0 12 * *":          `found 5 fields in "0 0 12 * *", expected 6 or 7: second, minute, hour, day of month, month, day of week, and perhaps year`,
		"0 60 0 * * ?":        `minute: found "60", expected a number from 0 to 59`,
		"0 0 0 ? * FOO":       `day of week: found "FOO", expected a number from 1 to 7, or one of SUN to SAT`,
		"0 0 0 * * *":         `found day of month "*" and day of week "*", expected one of them to be ?`,
		"0 0 0 ? * ?":         `day of month and day of week are both ?, expected one of them only to be`,
		"0 0/90 0 * * ?":      `minute: found step "90" in "0/90", expected a number from 1 to 59`,
		"0 0 0 L-31 * ?":      `day of month: found "L-31", expected L, LW, or L-N or L-NW with N up to 30`,
		"0 0 0 ? * 6#6":       `day of week: found "6" after # in "6#6", expected a number from 1 to 5`,
		"0 0 0 * * ? 30-20":   `year: found "30" in "30-20", expected a number from 1970 to 2199`,
		"0 0 0 * * ? 2030-29": `year: found "29" in "2030-29", expected a number from 2030 to 2199`,
		"0 0 0 , * ?":         `day of month: found ",", expected something between the commas`,
	} {
		if _, err := Parse(expression, "", time.UTC); err == nil || err.Error() != want {
			t.Errorf("%q:\n got %v\nwant %s", expression, err, want)
		}
	}
}

func TestH(t *testing.T) {
	for _, c := range []struct{ id, expression, want string }{
		{"abcd", "H * * * * ?", "34 * * * * ?"},
		{"abcd", "H/5 * * * * ?", "34/5 * * * * ?"},
		{"abcde", "0 0 H * * ?", "0 0 3 * * ?"},
		{"nightly-1", "0 H H * * ?", "0 13 1 * * ?"},
		{"release-cron", "0 H H * * ?", "0 4 4 * * ?"},
		{"trig-7", "0 H h * * ?", "0 18 18 * * ?"},
		{"polygenelubricants", "H H H * * ?", "8 8 8 * * ?"}, // the hash is the smallest int
		{"", "H H H * * ?", "0 0 0 * * ?"},
	} {
		parsed, err := Parse(c.expression, c.id, time.UTC)
		if err != nil || parsed.String() != c.want {
			t.Errorf("%q for id %q: %v, %v, want %q", c.expression, c.id, parsed, err, c.want)
		}
	}
}

// Whatever parses fires later than asked, at a time that it fits in its zone, or not at all.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"* * * * * ?", "0 0/5 22-2 L-3W FEB-APR/2 ? 2026-2030/2", "H H 3 ? * 6#3,2L", "0 30 2 1,15W * ?", "0 0 0 29 2 ? */7"} {
		f.Add(seed, "Europe/Berlin", int64(1_774_000_000))
	}
	f.Fuzz(func(t *testing.T, text, zone string, after int64) {
		location, err := time.LoadLocation(zone)
		if err != nil || after < 0 || after > 4_000_000_000 {
			return
		}
		expression, err := Parse(text, "id", location)
		if err != nil {
			return
		}
		at := time.Unix(after, 0)
		next, ok := expression.Next(at)
		if ok && !next.After(at) {
			t.Errorf("%q after %v fires at %v", text, at, next)
		}
	})
}
