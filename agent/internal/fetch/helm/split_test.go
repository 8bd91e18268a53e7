package helm

import (
	"bytes"
	"fmt"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

// What Helm writes is cut into sections; what it does not write is not.
func TestSplit(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       map[string]string
	}{
		{"as Helm writes it", "apiVersion: v1\nentries:\n  a:\n  - version: 1.0.0\n    urls:\n    - a.tgz\n  b:\n  - version: 2.0.0\ngenerated: \"x\"\n",
			map[string]string{"a": "  - version: 1.0.0\n    urls:\n    - a.tgz\n", "b": "  - version: 2.0.0\n"}},
		{"items further in, comments, an end without a line break", "---\n# x\nentries:\n\n    a:\n      # y\n      - version: 1.0.0\n    b: \n      - version: 2.0.0",
			map[string]string{"a": "      # y\n      - version: 1.0.0\n", "b": "      - version: 2.0.0"}},
		{"no charts", "entries:\ngenerated: x\n", map[string]string{}},
		{"Windows", "entries:\r\n  a:\r\n  - version: 1.0.0\r\n", map[string]string{"a": "  - version: 1.0.0\r\n"}},
		{"nothing", "", nil},
		{"an empty map", "entries: {}\n", nil},
		{"a list in the line of the name", "entries:\n  a: [{version: 1.0.0}]\n", nil},
		{"a quoted name", "entries:\n  \"a\":\n  - version: 1.0.0\n", nil},
		{"a name twice", "entries:\n  a:\n  - version: 1.0.0\n  a:\n  - version: 2.0.0\n", nil},
		{"entries twice", "entries:\n  a:\n  - version: 1.0.0\nentries:\n  b:\n  - version: 1.0.0\n", nil},
		{"two documents", "entries:\n  a:\n  - version: 1.0.0\n---\nx: y\n", nil},
		{"a list", "entries:\n- a\n", nil},
		{"less indented", "entries:\n    a:\n    - version: 1.0.0\n  b:\n  - version: 1.0.0\n", nil},
		{"JSON", `{"entries": {}}`, nil},
	} {
		sections, ok := split([]byte(c.text))
		if ok != (c.want != nil) {
			t.Errorf("%s: split %v", c.name, ok)
		}
		if !ok {
			continue
		}
		got := map[string]string{}
		for name, section := range sections {
			got[name] = string(section.text)
			if first := bytes.Count([]byte(c.text[:bytes.Index([]byte(c.text), section.text)]), []byte("\n")) + 1; first != section.line {
				t.Errorf("%s: section %s begins at line %d, want %d", c.name, name, section.line, first)
			}
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

// whole takes a document apart with the YAML library alone.
func whole(data []byte) (*Index, error) {
	var file struct {
		Entries map[string]yaml.Node `yaml:"entries"`
	}
	if err := yaml.Unmarshal(data, &file); err != nil {
		return nil, err
	}
	index := &Index{charts: map[string]section{}}
	for name, node := range file.Entries {
		index.charts[name] = section{node: &node}
	}
	return index, nil
}

// FuzzSplit compares the sections with what the library makes of the whole.
func FuzzSplit(f *testing.F) {
	data, err := os.ReadFile("testdata/index.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte("entries:\n  a:\n  - version: \"1\n      \\ 2\"\n  b:\n  - description: |\n      x:\n\n      - y\n    version: 1.0.0\n"))
	f.Add([]byte(" 0:\nentries:\n 00:"))
	f.Add([]byte("entries:\n 1:\n  \r 0:"))
	f.Add([]byte("entries:\n  a:\n  - description: |\n      x\n      \ty\n    version: 1.0.0\n"))
	f.Add([]byte("entries:\n  a:\n  - {version: 1.0.0,\n  urls: []}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		sections, ok := split(data)
		if !ok {
			return
		}
		want, err := whole(data)
		if err != nil {
			return
		}
		got := &Index{charts: sections}
		if diff := cmp.Diff(want.Names(), got.Names()); diff != "" {
			t.Fatalf("names of %q (-whole +sections):\n%s", data, diff)
		}
		for _, name := range want.Names() {
			expected, _ := want.Versions(name)
			found, skipped := got.Versions(name)
			if diff := cmp.Diff(fmt.Sprint(expected), fmt.Sprint(found)); diff != "" && len(skipped) == 0 {
				t.Errorf("versions of %s in %q (-whole +sections):\n%s", name, data, diff)
			}
		}
	})
}
