package properties_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gennaker/gennaker/jenkins/properties"
)

type values = map[string]any

func TestParseGood(t *testing.T) {
	tests := []struct {
		name, file, data string
		want             values
	}{
		// triggers.md §7.2: the worked example.
		{"worked example", "build.properties",
			"# made by jenkins\nIMAGE = registry.example/team/cart:1.4.2\nVERSION:1.4.2\nMSG=line one \\\n    line two\nEMPTY\nquoted=\"x\"\n",
			values{"IMAGE": "registry.example/team/cart:1.4.2", "VERSION": "1.4.2", "MSG": "line one line two", "EMPTY": "", "quoted": `"x"`}},
		{"Properties.store output", "build.properties",
			"#comment\n#Mon Nov 23 20:14:32 UTC 2026\nimageName=registry.example\\:5000/shop/cart\\:1.4.2\npad=\\ x\nword=caf\\u00E9\npath=C\\:\\\\temp\ntwo=a\\nb\n",
			values{"imageName": "registry.example:5000/shop/cart:1.4.2", "pad": " x", "word": "café", "path": `C:\temp`, "two": "a\nb"}},
		{"no suffix means properties", "build", "a=1", values{"a": "1"}},
		{"suffix counts with case", "build.YML", "a: 1", values{"a": "1"}},
		{"CRLF", "p", "a=1\r\nb=2 \\\r\n  3\r\n", values{"a": "1", "b": "2 3"}},
		{"CR alone", "p", "a=1\rb=2\r", values{"a": "1", "b": "2"}},
		{"UTF-8 byte order mark", "p", "\ufeffsemVer=1\n", values{"semVer": "1"}},
		{"UTF-8", "p", "a=é😀\n", values{"a": "é😀"}},
		{"ISO-8859-1 when it is no UTF-8", "p", "a=\xe9\n", values{"a": "é"}},
		{"surrogate pair", "p", `a=\ud83d\uDE00`, values{"a": "😀"}},
		{"half a surrogate pair", "p", `a=\ud83dx`, values{"a": "\ufffdx"}},
		{"trailing blanks belong to the value", "p", "a=1  \n", values{"a": "1  "}},
		{"separators", "p", "a = 1\nb\t:\t2\nc 3\nd  =  = 4\ne:=5\n", values{"a": "1", "b": "2", "c": "3", "d": "= 4", "e": "=5"}},
		{"escaped separators", "p", `a\=b\:c\ d=1`, values{"a=b:c d": "1"}},
		{"unknown escapes drop the backslash", "p", `a=\z\é\t.`, values{"a": "zé\t."}},
		{"comments after blanks", "p", "  # x\n\t! y\na=#1\n", values{"a": "#1"}},
		{"comments do not continue", "p", "# x\\\na=1\n", values{"a": "1"}},
		{"a continuation may look like a comment", "p", "a=1\\\n#2\n", values{"a": "1#2"}},
		{"even backslashes do not continue", "p", "a=1\\\\\nb=2\n", values{"a": `1\`, "b": "2"}},
		{"blank line ends a continuation", "p", "a=1\\\n\nb=2\n", values{"a": "1", "b": "2"}},
		{"backslash at the end of the file", "p", `a=1\`, values{"a": "1"}},
		{"last duplicate wins", "p", "a=1\na=2\n", values{"a": "2"}},
		{"no section headers", "p", "[main]\na=1", values{"[main]": "", "a": "1"}},
		{"empty key", "p", "=x", values{"": "x"}},

		{"JSON", "b.json", "\ufeff{\"a\":1,\"b\":1.50,\"c\":\"x\",\"d\":[true,null,{\"e\":-2}],\"a\":3}",
			values{"a": int64(3), "b": 1.5, "c": "x", "d": []any{true, nil, values{"e": int64(-2)}}}},
		{"JSON, large numbers", "b.json", `{"a":123456789012345678901234567890,"b":1e999}`,
			values{"a": json.Number("123456789012345678901234567890"), "b": json.Number("1e999")}},
		{"JSON, empty object on purpose", "b.json", " {} \n", values{}},

		{"YAML types as SnakeYAML reads them", "b.yml",
			"s: text\nq: '1'\ni: 12\nn: -1_000\noct: 010\nhex: 0x1F\nf: 1.50\ne: 1.5e3\nyes: on\nno: No\nz: ~\nz2:\n",
			values{"s": "text", "q": "1", "i": int64(12), "n": int64(-1000), "oct": int64(8), "hex": int64(31), "f": 1.5, "e": 1500.0, "yes": true, "no": false, "z": nil, "z2": nil}},
		{"YAML keeps dates, base 60, versions and odd numbers as text", "b.yaml",
			"d: 2026-01-02\nt: 10:30\nv: 1.2.3\ni: .inf\no: 08\ng: 1e3x\n",
			values{"d": "2026-01-02", "t": "10:30", "v": "1.2.3", "i": ".inf", "o": "08", "g": "1e3x"}},
		{"YAML nesting, key types, tags", "b.yml",
			"a: {b: [1, {c: x}]}\n1: one\ntrue: yes\nt: !!str 12\nf: !!float 2\nl: |\n  two\n  lines\n",
			values{"a": values{"b": []any{int64(1), values{"c": "x"}}}, "1": "one", "true": true, "t": "12", "f": int64(2), "l": "two\nlines\n"}},
		{"YAML anchors and merge keys", "b.yml",
			"base: &b {x: 1, y: 2}\nd:\n  <<: *b\n  y: 3\nl:\n  <<: [{x: 5}, *b]\n",
			values{"base": values{"x": int64(1), "y": int64(2)}, "d": values{"x": int64(1), "y": int64(3)}, "l": values{"x": int64(5), "y": int64(2)}}},
		{"YAML big integer", "b.yml", "a: 123456789012345678901234567890", values{"a": json.Number("123456789012345678901234567890")}},
		{"YAML last duplicate wins", "b.yml", "a: 1\na: 2\n", values{"a": int64(2)}},
		{"YAML empty map on purpose", "b.yml", "{}", values{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			file, err := properties.Parse(test.file, []byte(test.data))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, file.Values); diff != "" {
				t.Error("want -, got +:\n" + diff)
			}
		})
	}
}

func TestParseBad(t *testing.T) {
	tests := []struct {
		name, file, data string
		reason           error
		text             string
	}{
		{"no bytes", "build.properties", "", properties.ErrEmpty, `property file "build.properties": empty`},
		{"only comments", "build.properties", "# x\n\n! y", properties.ErrEmpty, `property file "build.properties": empty`},
		{"only a byte order mark", "p", "\ufeff", properties.ErrEmpty, `property file "p": empty`},
		{"empty JSON", "p.json", " \n", properties.ErrEmpty, `property file "p.json": empty`},
		{"empty YAML", "p.yml", "", properties.ErrEmpty, `property file "p.yml": empty`},
		{"only comments in YAML", "p.yml", "# x\n---\n", properties.ErrEmpty, `property file "p.yml": empty`},
		{"too large", "p", strings.Repeat("a=1\n", 1<<18+1), properties.ErrTooLarge, `property file "p": larger than 1 MiB`},

		{"bad unicode escape", "p", "a=1\nb=\\u12x4\n", properties.ErrMalformed, `property file "p", line 2: malformed: \u12x4 is not a \uXXXX escape`},
		{"cut unicode escape", "p", `a=\u12`, properties.ErrMalformed, `property file "p", line 1: malformed: \u12 is not a \uXXXX escape`},
		{"NUL byte", "p", "a=1\nb=\x00", properties.ErrMalformed, `property file "p", line 2: malformed: NUL byte, not a text file`},
		{"NUL escape", "p", `a=\u0000`, properties.ErrMalformed, `property file "p", line 1: malformed: \u0000 is no text`},
		{"UTF-16", "p", "\xff\xfea\x00", properties.ErrMalformed, `property file "p", line 1: malformed: the file is UTF-16; write it as UTF-8`},

		{"JSON list", "p.json", "[1]", properties.ErrMalformed, `property file "p.json", line 1: malformed: the root is a list, want an object`},
		{"JSON null", "p.json", "null", properties.ErrMalformed, `property file "p.json", line 1: malformed: the root is null, want an object`},
		{"JSON syntax", "p.json", "{\n \"a\": 1,\n}", properties.ErrMalformed, `property file "p.json", line 3: malformed: invalid character '}' looking for beginning of object key string`},
		{"JSON cut", "p.json", "{\"a\":\n1", properties.ErrMalformed, `property file "p.json", line 2: malformed: the file ends in the middle of a value`},
		{"JSON twice", "p.json", "{}\n{}", properties.ErrMalformed, `property file "p.json", line 2: malformed: text after the JSON object`},
		{"JSON not UTF-8", "p.json", "{\n\"a\":\"\xe9\"}", properties.ErrMalformed, `property file "p.json", line 2: malformed: not UTF-8`},
		{"JSON NUL", "p.json", `{"a":"\u0000"}`, properties.ErrMalformed, `property file "p.json": malformed: \u0000 is no text`},
		{"JSON deep", "p.json", `{"a":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}`, properties.ErrMalformed, `property file "p.json": malformed: nested deeper than 100 levels`},

		{"YAML list", "p.yml", "- 1", properties.ErrMalformed, `property file "p.yml", line 1: malformed: the root is a list, want a map`},
		{"YAML scalar, such as a properties file named .yml", "p.yml", "a=1", properties.ErrMalformed, `property file "p.yml", line 1: malformed: the root is a single value, want a map`},
		{"YAML syntax", "p.yml", "a: 1\nb: [1,\n", properties.ErrMalformed, `property file "p.yml", line 2: malformed: did not find expected node content`},
		{"YAML two documents", "p.yml", "a: 1\n---\nb: 2\n", properties.ErrMalformed, `property file "p.yml", line 2: malformed: a second document; want one`},
		{"YAML foreign tag", "p.yml", "a: !!java.lang.Runtime x", properties.ErrMalformed, `property file "p.yml", line 1: malformed: tag !!java.lang.Runtime is not supported`},
		{"YAML alias of itself", "p.yml", "a: &a [*a]", properties.ErrMalformed, `property file "p.yml", line 1: malformed: alias *a contains itself`},
		{"YAML billion laughs", "p.yml", laughs(), properties.ErrMalformed, `malformed: more than 100000 values after aliases are expanded`},
		{"YAML key is a list", "p.yml", "? [a]\n: 1", properties.ErrMalformed, `property file "p.yml", line 1: malformed: a map key that is itself a map or a list`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			file, err := properties.Parse(test.file, []byte(test.data))
			if !errors.Is(err, test.reason) {
				t.Fatalf("got %v, want %v", err, test.reason)
			}
			if !strings.HasSuffix(err.Error(), test.text) {
				t.Errorf("got  %s\nwant %s", err, test.text)
			}
			if len(file.Values) != 0 || file.Values == nil {
				t.Errorf("values of a bad file: %v", file.Values)
			}
		})
	}
}

func TestHints(t *testing.T) {
	file, err := properties.Parse("p", []byte("TAG=\"1.2\"\nA='x'\nB=\"\nC=x\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`the value of "A" is wrapped in quotes, which are part of the value`,
		`the value of "TAG" is wrapped in quotes, which are part of the value`,
	}
	if diff := cmp.Diff(want, file.Hints); diff != "" {
		t.Error(diff)
	}
}

func laughs() string {
	var b strings.Builder
	b.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	for i := range 20 {
		n := string(rune('a' + i))
		p := "a0"
		if i > 0 {
			p = string(rune('a' + i - 1))
		}
		b.WriteString(n + ": &" + n + " [" + strings.Repeat("*"+p+",", 10) + "]\n")
	}
	return b.String()
}

func FuzzParse(f *testing.F) {
	f.Add("a.properties", []byte("a = 1 \\\n 2\n\\u00e9:x"))
	f.Add("a.yml", []byte("a: &x [1, {b: *x}]\n<<: {c: ~}"))
	f.Add("a.yaml", []byte("a: &a [x, x]\nb: [*a, *a]\nc: !!str 1\nd: |\n  x\n"))
	f.Add("a.json", []byte(`{"a":[1,2.5e3,{"b":null}]}`))
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		file, err := properties.Parse(name, data)
		if file.Values == nil {
			t.Fatal("nil values")
		}
		if err != nil {
			var typed *properties.Error
			if !errors.As(err, &typed) || typed.File != name || len(file.Values) != 0 {
				t.Fatalf("untyped or half an answer: %v %v", err, file)
			}
			return
		}
		if _, err := json.Marshal(file.Values); err != nil {
			t.Fatalf("values cannot be stored: %v", err)
		}
	})
}
