package app

import (
	"testing"

	"github.com/gennaker/gennaker/api/spinnaker"
)

// How a trigger meets the pattern of a search.
func TestMeets(t *testing.T) {
	for _, test := range []struct {
		pattern, value string
		want           bool
	}{
		{`{}`, `{"a":1}`, true},
		{`{"a":1}`, `{"a":1,"b":2}`, true},
		{`{"a":1}`, `{"a":1.0}`, false},
		{`{"a":1}`, `{"a":"1"}`, false},
		{`{"a":null}`, `{"a":null}`, true},
		{`{"a":null}`, `{}`, false},
		{`{"a":{"b":"X"}}`, `{"a":{"b":"x","c":1}}`, true},
		{`{"a":{"b":"x"}}`, `{"a":"x"}`, false},
		{`"v1\\..*"`, `"v1.2"`, true},
		{`"v1"`, `"v1.2"`, false},
		{`"a(b"`, `"A(B"`, true},
		{`"a(b"`, `"ab"`, false},
		{`"x"`, `1`, false},
		{`["a","b"]`, `["c","B","a"]`, true},
		{`["a","a"]`, `["a","b"]`, false},
		{`["a","a"]`, `["a","b","a"]`, true},
		{`[]`, `["a"]`, true},
		{`["a"]`, `"a"`, false},
		{`[{"n":1}]`, `[{"n":2},{"n":1,"m":3}]`, true},
	} {
		if got := meets(decoded(t, test.pattern), decoded(t, test.value)); got != test.want {
			t.Errorf("%s against %s: %v", test.pattern, test.value, got)
		}
	}
}

func decoded(t *testing.T, text string) (value any) {
	t.Helper()
	if err := spinnaker.Decode([]byte(text), &value); err != nil {
		t.Fatal(err)
	}
	return value
}
