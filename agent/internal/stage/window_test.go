package stage

import (
	"testing"
	"time"

	"github.com/gennaker/gennaker/api/spinnaker"
)

// TestOpening is the table of execution.md 5.11, and more.
func TestOpening(t *testing.T) {
	const layout = "2006-01-02 15:04:05"
	zone, err := time.LoadLocation("America/Los_Angeles")
	if err != nil {
		t.Fatal(err)
	}
	night := `{"whitelist":[{"startHour":22,"startMin":0,"endHour":5,"endMin":0}]}`
	for name, test := range map[string]struct{ now, window, opens string }{
		"before the night":          {"2015-02-25 13:45:00", night, "2015-02-25 22:00:00"},
		"in the night":              {"2015-02-25 01:00:00", night, "2015-02-25 01:00:00"},
		"the last minute of it":     {"2015-02-25 05:00:59", night, "2015-02-25 05:00:59"},
		"after it":                  {"2015-02-25 05:01:00", night, "2015-02-25 22:00:00"},
		"just missed":               {"2015-02-25 14:01:00", `{"whitelist":[{"startHour":13,"endHour":14}]}`, "2015-02-26 13:00:00"},
		"the last second":           {"2015-02-25 14:00:59", `{"whitelist":[{"startHour":13,"endHour":14}]}`, "2015-02-25 14:00:59"},
		"a second early":            {"2015-02-25 09:59:59", `{"whitelist":[{"startHour":10,"endHour":13}]}`, "2015-02-25 10:00:00"},
		"two windows":               {"2015-02-25 16:01:00", `{"whitelist":[{"startHour":6,"endHour":10},{"startHour":12,"endHour":16}]}`, "2015-02-26 06:00:00"},
		"two windows, out of order": {"2015-02-25 11:00:00", `{"whitelist":[{"startHour":20,"endHour":21},{"startHour":12,"endHour":16}]}`, "2015-02-25 12:00:00"},
		"on Thursdays":              {"2015-02-25 21:45:00", `{"days":[5],"whitelist":[{"startHour":6,"endHour":10}]}`, "2015-02-26 06:00:00"},
		"a whole day":               {"2015-02-25 21:45:00", `{"days":[5]}`, "2015-02-26 00:00:00"},
		"the whole day, late":       {"2015-02-26 23:59:59", `{"days":[5]}`, "2015-02-26 23:59:59"},
		"in a week":                 {"2015-02-25 21:45:00", `{"days":[4],"whitelist":[{"startHour":6,"endHour":10}]}`, "2015-03-04 06:00:00"},
		"days as texts":             {"2015-02-25 21:45:00", `{"days":["5"],"whitelist":[{"startHour":"6","startMin":"30","endHour":"10","endMin":"0"}]}`, "2015-02-26 06:30:00"},
		"no days are all days":      {"2015-02-25 21:45:00", `{"days":[],"whitelist":[{"startHour":6,"endHour":10}]}`, "2015-02-26 06:00:00"},
		"the clock goes forward":    {"2015-03-07 23:00:00", `{"whitelist":[{"startHour":3,"endHour":4}]}`, "2015-03-08 03:00:00"},
	} {
		t.Run(name, func(t *testing.T) {
			now, err := time.ParseInLocation(layout, test.now, zone)
			if err != nil {
				t.Fatal(err)
			}
			var config map[string]any
			if err := spinnaker.Decode([]byte(test.window), &config); err != nil {
				t.Fatal(err)
			}
			opens, err := opening(config, now)
			if err != nil {
				t.Fatal(err)
			}
			if found := opens.Format(layout); found != test.opens {
				t.Errorf("the window opens at %s, expected %s", found, test.opens)
			}
		})
	}
}

func TestOpeningNever(t *testing.T) {
	for window, expected := range map[string]string{
		`{}`:           "Incorrect time windows specified",
		`{"days":[8]}`: "day 8 is none: use 1 (Sunday) to 7 (Saturday)",
		`{"whitelist":[{"startHour":25,"endHour":3}]}`:                             "startHour of window 1 is 25: use 0 to 23",
		`{"whitelist":[{"endHour":3}]}`:                                            "startHour of window 1 is <nil>: use 0 to 23",
		`{"whitelist":[{"startHour":3,"startMin":30,"endHour":3,"endMin":10}]}`:    "window 1 ends before it begins",
		`{"whitelist":[{"startHour":3,"startMin":"soon","endHour":3,"endMin":1}]}`: "startMin of window 1 is soon: use 0 to 59",
	} {
		var config map[string]any
		if err := spinnaker.Decode([]byte(window), &config); err != nil {
			t.Fatal(err)
		}
		if _, err := opening(config, time.Now()); err == nil || err.Error() != expected {
			t.Errorf("%s: found %v, expected %s", window, err, expected)
		}
	}
}
