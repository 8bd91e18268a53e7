package jsonpath

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gennaker/gennaker/api/spinnaker"
)

func TestRead(t *testing.T) {
	const document = `{"a":{"b":[1,{"c":"x"},null]},"e.f":2,"n":null}`
	for path, want := range map[string]string{
		"$.a.b[0]":       "1",
		"a.b[1].c":       `"x"`,
		"$['a']['b'][0]": "1",
		"$['e.f']":       "2",
		"$":              document,
		"$.n":            "null",
		"$.a.b[2]":       "null",
		"$.a.b[7]":       "",
		"$.a.b[-1]":      "null",
		"$.a.x":          "",
		"$.a.b.c":        "",
		"$.a.b[*].c":     `["x"]`,
		"$..c":           `["x"]`,
		"$..z":           `[]`,
		"$.a.b[0,1]":     `[1,{"c":"x"}]`,
		"$.a.b[0:1]":     `[1]`,
		"$..b..c":        `["x"]`,
		"$..b..[0]":      `[1]`,
		"..c":            `["x"]`,
		"$..a..b..c":     `["x"]`,
		"$..[?(@.c)].c":  `["x"]`,
	} {
		var decoded any
		if err := spinnaker.Decode([]byte(document), &decoded); err != nil {
			t.Fatal(err)
		}
		parsed, err := Parse(path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		value, found := parsed.Read(decoded)
		got := ""
		if found {
			data, err := json.Marshal(value)
			if err != nil {
				t.Fatal(err)
			}
			got = string(data)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
		if parsed.String() != path {
			t.Errorf("%s is shown as %s", path, parsed)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, path := range []string{"$.a[", "$[?(@.a", "$.a b]", "$..a..", "$..[?(@..a)]", "$.x[?(@..a..b)]", "$....a", "$..", "$." + strings.Repeat("a", 1000)} {
		if _, err := Parse(path); err == nil {
			t.Errorf("%s was accepted", path)
		}
	}
}

// TestDescents: the work of a path is that of its descents one after the other, however deep the document is.
func TestDescents(t *testing.T) {
	const depth = 5000
	var decoded any
	if err := spinnaker.Decode([]byte(strings.Repeat(`{"a":`, depth)+`1`+strings.Repeat(`}`, depth)), &decoded); err != nil {
		t.Fatal(err)
	}
	parsed, err := Parse("$" + strings.Repeat("..a", 10))
	if err != nil {
		t.Fatal(err)
	}
	if value, _ := parsed.Read(decoded); len(value.([]any)) != depth-9 {
		t.Errorf("found %d values, expected %d", len(value.([]any)), depth-9)
	}
}

func FuzzRead(f *testing.F) {
	f.Add("$.a.b[0]", `{"a":{"b":[1]}}`)
	f.Add("$..x[?(@.a > 1)]", `[{"x":[{"a":2}]}]`)
	f.Add("$.a[-1:0:-1]", `{"a":[1,2]}`)
	f.Fuzz(func(t *testing.T, path, document string) {
		parsed, err := Parse(path)
		if err != nil {
			return
		}
		var decoded any
		if spinnaker.Decode([]byte(document), &decoded) != nil {
			return
		}
		value, found := parsed.Read(decoded)
		if !found && value != nil {
			t.Errorf("%q gives %v, and is not found", path, value)
		}
	})
}
