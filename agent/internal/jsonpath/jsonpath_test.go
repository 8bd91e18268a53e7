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

func TestFunctions(t *testing.T) {
	const document = `{"id":5,"name":"x,(y)","jobs":[{"id":1,"state":"bad","took":2},{"id":7,"state":"ok","took":1.5}],"words":["a","b"],"none":[]}`
	for path, want := range map[string]string{
		`concat("https://x/", $.id, '/', $.name)`:   `"https://x/5/x,(y)"`,
		`$.words.concat("-", $.jobs[*].state, ")")`: `"ab-badok)"`,
		`$.concat($.jobs[?(@.id == 7)].state)`:      `"ok"`,
		`concat($.nope)`:                            ``,
		`$.jobs.length()`:                           `2`,
		`$.jobs.size()`:                             `2`,
		`$.length()`:                                `5`,
		`length($.words)`:                           `5`,
		`$.name.length()`:                           ``,
		`$.jobs[*].took.sum()`:                      `3.5`,
		`$..took.max()`:                             `2`,
		`$.jobs[*].took.min()`:                      `1.5`,
		`$.jobs[*].took.avg()`:                      `1.75`,
		`sum(95, $.id)`:                             `100`,
		`$.words.sum()`:                             ``,
		`$.jobs[?(@.id==7)].state.first()`:          `"ok"`,
		`$.jobs.last().nope`:                        `refused`,
		`$.jobs[?(@.state == "ok)")].state.first()`: ``,
		`$.none.first()`:                            ``,
		`concat(concat("a", 'b'), "c")`:             `"abc"`,
		`concat("a`:                                 `refused`,
		`concat("a)`:                                `refused`,
		`$.jobs.unknown()`:                          `refused`,
		`$.jobs.length() )`:                         `refused`,
		`)`:                                         `refused`,
		`concat(,)`:                                 `refused`,
	} {
		var decoded any
		if err := spinnaker.Decode([]byte(document), &decoded); err != nil {
			t.Fatal(err)
		}
		got := "refused"
		if parsed, err := Parse(path); err == nil {
			if parsed.Compares() {
				decoded = spinnaker.Numbers(decoded)
			}
			got = ""
			if value, found := parsed.Read(decoded); found {
				data, err := json.Marshal(value)
				if err != nil {
					t.Fatal(err)
				}
				got = string(data)
			}
		}
		if got != want {
			t.Errorf("%s: found %s, expected %s", path, got, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, path := range []string{"$.a[", "$[?(@.a", "$.a b]", "$..a..", "$..[?(@..a)]", "$.x[?(@..a..b)]", "$....a", "$..", "concat(" + strings.Repeat("1,", 20) + "1)", "$." + strings.Repeat("a", 1000)} {
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
	f.Add(`concat("x", $.a.length(), 'y')`, `{"a":[1,2]}`)
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
