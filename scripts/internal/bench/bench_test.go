package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestQuantile(t *testing.T) {
	ten := []time.Duration{10, 9, 8, 7, 6, 5, 4, 3, 2, 1}
	for _, test := range []struct {
		values []time.Duration
		share  float64
		want   time.Duration
	}{
		{nil, 0.5, 0}, {ten[:1], 0.95, 10}, {ten, 0, 1}, {ten, 0.5, 5}, {ten, 0.95, 10}, {ten, 0.9, 9}, {ten, 1, 10},
	} {
		if got := quantile(test.values, test.share); got != test.want {
			t.Errorf("quantile %v of %v is %v, want %v", test.share, test.values, got, test.want)
		}
	}
}

func TestParseLine(t *testing.T) {
	for line, want := range map[string]*result{
		"BenchmarkStore/Update/one_after_the_other-2   \t 100\t  2034567 ns/op\t 491.5 updates/s\n": {
			"Store/Update/one after the other", map[string]float64{"ns/op": 2034567, "updates/s": 491.5}},
		"BenchmarkRender-16 5 12.5 ns/op": {"Render", map[string]float64{"ns/op": 12.5}},
		"BenchmarkRender":                 nil,
		"BenchmarkRender-2 5 many ns/op":  nil,
		"ok  \tgithub.com/x/y\t1.2s":      nil,
		"PASS":                            nil,
	} {
		got, ok := parseLine(line)
		if ok != (want != nil) {
			t.Errorf("%q: taken for a result: %v", line, ok)
		} else if want != nil {
			if diff := cmp.Diff(*want, got, cmp.AllowUnexported(result{})); diff != "" {
				t.Errorf("%q (-want +got):\n%s", line, diff)
			}
		}
	}
}

func TestParseCPUTime(t *testing.T) {
	const text = "4711 (a b) S 1 4711 4711 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 5 0 100 200 300"
	if got, err := parseCPUTime("stat", text); err != nil || got != 3*time.Second {
		t.Errorf("found %v, %v, want 3 s", got, err)
	}
	for _, broken := range []string{"", "4711 (x) S 1", strings.Replace(text, "250", "many", 1)} {
		if got, err := parseCPUTime("stat", broken); err == nil {
			t.Errorf("%q: found %v", broken, got)
		}
	}
}

func TestPrintTable(t *testing.T) {
	var out bytes.Buffer
	err := printTable(&out, []row{
		heldAgainst("start", 310*time.Millisecond, "", 2*time.Second), {measure: "store: Update", here: "491 updates/s"},
	})
	const want = "\nmeasure        here           against  here/against\n" +
		"start          310 ms         2.00 s   0.155\n" +
		"store: Update  491 updates/s           \n"
	if diff := cmp.Diff(want, out.String()); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// The doubles start, finish builds on the masters that are not spared, count what they are asked, and end with their orders.
func TestServeDoubles(t *testing.T) {
	var orders, answers bytes.Buffer
	for _, o := range []order{{Do: "start", Masters: 2, Jobs: 3}, {Do: "finish", Seconds: 1, PerSecond: 20, Spared: 1}, {Do: "count"}, {Do: "dance"}} {
		if err := json.NewEncoder(&orders).Encode(o); err != nil {
			t.Fatal(err)
		}
	}
	if err := serveDoubles(t.Context(), &orders, &answers); err != nil {
		t.Fatal(err)
	}
	var reports []report
	for line := range strings.Lines(answers.String()) {
		var r report
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		reports = append(reports, r)
	}
	if len(reports) != 4 || len(reports[0].Masters) != 2 || reports[0].IgorBytes == 0 {
		t.Fatalf("reports: %+v", reports)
	}
	if ends := reports[1].Ends; len(ends) != 20 || ends[0].Master != 1 || ends[0].Number != earlierBuilds+1 {
		t.Errorf("builds: %+v", ends)
	}
	if reports[2].Requests != 1 || reports[3].Error != `unknown order "dance"` {
		t.Errorf("counted %+v, danced %+v", reports[2], reports[3])
	}
}
