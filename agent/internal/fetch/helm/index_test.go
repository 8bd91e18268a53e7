package helm

import (
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func index(t *testing.T) *Index {
	t.Helper()
	data, err := os.ReadFile("testdata/index.yaml")
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func TestIndex(t *testing.T) {
	index := index(t)
	if diff := cmp.Diff([]string{"broken", "empty", "shipitclicker", "worker"}, index.Names()); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	versions := map[string][]string{}
	var skipped []string
	for _, name := range index.Names() {
		charts, bad := index.Versions(name)
		for _, chart := range charts {
			versions[name] = append(versions[name], chart.Version)
		}
		skipped = append(skipped, bad...)
	}
	want := map[string][]string{
		"shipitclicker": {"1.10.0", "1.10.0-rc.1", "1.9.0", "v0.1", "nightly"},
		"worker":        {"1.0.0+b2", "1.0.0+b10", "0.9.0"},
	}
	if diff := cmp.Diff(want, versions); diff != "" {
		t.Errorf("versions (-want +got):\n%s", diff)
	}
	wantSkipped := []string{
		"entries.broken: line 20: found no list of versions",
		"entries.shipitclicker[5]: line 13: version: is missing",
		"entries.shipitclicker[6]: line 14: found no version of a chart",
		"entries.shipitclicker[7]: line 15: found no version of a chart",
	}
	if diff := cmp.Diff(wantSkipped, skipped); diff != "" {
		t.Errorf("skipped (-want +got):\n%s", diff)
	}
}

func TestFind(t *testing.T) {
	index := index(t)
	chart, err := index.Find("shipitclicker", "1.9.0")
	want := Chart{Name: "shipitclicker", Version: "1.9.0", AppVersion: "3", Digest: "ab12", URLs: []string{"charts/shipitclicker-1.9.0.tgz"},
		Created: time.Date(2026, 8, 1, 10, 0, 0, 5e8, time.UTC)}
	if diff := cmp.Diff(want, chart); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for _, c := range []struct{ name, version, want, wantErr string }{
		{name: "shipitclicker", want: "1.10.0"},
		{name: "shipitclicker", version: " ", want: "1.10.0"},
		{name: "shipitclicker", version: "nightly", want: "nightly"},
		{name: "shipitclicker", version: "3", wantErr: "Could not find correct entry with artifact version 3"},
		{name: "cart", wantErr: "Could not find correct entry with artifact name cart"},
		{name: "empty", wantErr: "Could not find correct entry with artifact name empty"},
	} {
		chart, err := index.Find(c.name, c.version)
		if c.wantErr != "" {
			if err == nil || err.Error() != c.wantErr {
				t.Errorf("%s %s: error %v, want %s", c.name, c.version, err, c.wantErr)
			}
		} else if err != nil || chart.Version != c.want {
			t.Errorf("%s %q: found %q, %v, want %q", c.name, c.version, chart.Version, err, c.want)
		}
	}
}

func TestLocate(t *testing.T) {
	for _, c := range []struct{ repository, version, want string }{
		{"https://charts.example/stable", "1.9.0", "https://charts.example/stable/charts/shipitclicker-1.9.0.tgz"},
		{"https://charts.example/stable/", "1.9.0", "https://charts.example/stable/charts/shipitclicker-1.9.0.tgz"},
		{"https://charts.example", "1.10.0-rc.1", "https://files.example/shipitclicker-1.10.0-rc.1.tgz?x=1"},
		{"https://charts.example/stable", "1.10.0", "https://charts.example/abs/shipitclicker-1.10.0.tgz https://mirror.example/s.tgz"},
	} {
		repository, err := url.Parse(c.repository)
		if err != nil {
			t.Fatal(err)
		}
		chart, err := index(t).Find("shipitclicker", c.version)
		if err != nil {
			t.Fatal(err)
		}
		places, err := chart.Locate(repository)
		if err != nil {
			t.Fatal(err)
		}
		texts := make([]string, len(places))
		for i, place := range places {
			texts[i] = place.String()
		}
		if got := strings.Join(texts, " "); got != c.want {
			t.Errorf("%s %s is at %s, want %s", c.repository, c.version, got, c.want)
		}
	}
	if _, err := (Chart{Name: "a", Version: "1"}).Locate(&url.URL{}); err == nil || err.Error() != "chart a 1: the index names no url of it" {
		t.Errorf("a chart without urls: %v", err)
	}
}

func TestWhatIsNoIndex(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"nothing", "", "the index has no `entries`: it is not the index of a chart repository"},
		{"a page", "<html><body>Sign in</body></html>", "the index has no `entries`: it is not the index of a chart repository"},
		{"a list", "[1, 2]", "the index has no `entries`: it is not the index of a chart repository"},
		{"other entries", "entries: [1]", "the index has no `entries`: it is not the index of a chart repository"},
		{"no YAML", "a: [", "the index is not YAML: line 1: did not find expected node content"},
	} {
		if _, err := Parse([]byte(c.text)); err == nil || err.Error() != c.want {
			t.Errorf("%s: error %v, want %s", c.name, err, c.want)
		}
	}
	for _, text := range []string{"entries: {}", `{"entries": {"a": [{"version": "1.0.0", "urls": ["a.tgz"]}]}}`} {
		if _, err := Parse([]byte(text)); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// A few bytes of aliases that would be gigabytes when written out.
func TestBillionLaughs(t *testing.T) {
	var text strings.Builder
	text.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x]\n")
	for i := 1; i < 12; i++ {
		line := strings.Repeat("*a"+string(rune('a'+i-1))+", ", 9)
		if i == 1 {
			line = strings.Repeat("*a0, ", 9)
		}
		text.WriteString("a" + string(rune('a'+i)) + ": &a" + string(rune('a'+i)) + " [" + strings.TrimSuffix(line, ", ") + "]\n")
	}
	text.WriteString("entries: {c: [{version: 1.0.0, urls: *al}]}\n")
	index, err := Parse([]byte(text.String()))
	if err != nil {
		return
	}
	if charts, skipped := index.Versions("c"); len(charts) != 0 || len(skipped) == 0 {
		t.Errorf("the chart was read: %v, skipped %v", charts, skipped)
	}
}

func FuzzParse(f *testing.F) {
	data, err := os.ReadFile("testdata/index.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte("entries: &a {b: *a}"))
	f.Add([]byte("entries: {a: [{<<: {version: 1}}]}"))
	repository := &url.URL{Scheme: "https", Host: "charts.example", Path: "/x"}
	f.Fuzz(func(t *testing.T, data []byte) {
		index, err := Parse(data)
		if err != nil {
			return
		}
		for _, name := range index.Names() {
			charts, _ := index.Versions(name)
			newest, err := index.Find(name, "")
			if err == nil != (len(charts) > 0) {
				t.Fatalf("chart %q has %d versions, its newest is %v, %v", name, len(charts), newest, err)
			}
			for _, chart := range charts {
				if Compare(chart.Version, newest.Version) > 0 {
					t.Errorf("%q is newer than %q", chart.Version, newest.Version)
				}
				if places, err := chart.Locate(repository); err == nil && len(places) != len(chart.URLs) {
					t.Errorf("%d places of %d urls", len(places), len(chart.URLs))
				}
			}
		}
	})
}
