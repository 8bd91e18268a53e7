package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func write(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestRun(t *testing.T) {
	file := write(t, "cases.jsonl", `
{"id":"a-1","kind":"expression","level":"core","expression":"1+1","expect":{"value":2,"type":"Integer"}}
{"id":"a-2","kind":"expression","level":"core","expression":"1+1","expect":{"value":2.0,"type":"Double"}}
{"id":"a-3","kind":"template","level":"extended","template":"x${n}","root":{"n":1},"expect":{"value":"x1","type":"String"}}
{"id":"a-4","kind":"expression","level":"core","quirk":true,"expression":"nope.x","expect":{"value":1,"type":"Integer"}}
{"id":"a-5","kind":"expression","level":"core","expression":"1/0","expect":{"error":"*","phase":"eval"}}
{"id":"a-6","kind":"evaluateVariables","level":"core","context":{"variables":[{"key":"a","value":"${1+1}"},{"key":"b","value":"${nope}"}]},"expect":{"variables":[{"key":"a","value":2,"sourceValue":"{1+1}","description":null},{"key":"b","value":"${nope}","sourceValue":"{nope}"}],"total":2,"failures":1,"failed":["nope"]}}
{"id":"a-7","kind":"precondition","level":"core","expression":"trigger.type == 'manual' and x","context":{"x":true},"trigger":{"type":"manual"},"expect":{"status":"SUCCEEDED","expressionResult":"true"}}
{"id":"a-8","kind":"stageEnabled","level":"core","stageEnabled":{"type":"expression","expression":"false"},"expect":{"skipped":true}}
{"id":"a-9","kind":"urlAllowed","level":"core","url":"https://example.com/","expect":{"allowed":true}}
`)
	var out strings.Builder
	ok, err := run(&out, []string{file})
	if err != nil || ok {
		t.Fatalf("%v, %v", ok, err)
	}
	want := `a-2: "1+1" expected {"value":2.0,"type":"Double"} got Integer 2 text "2" <nil>
a-4: "nope.x" expected {"value":1,"type":"Integer"} got eval error PROPERTY_OR_FIELD_NOT_READABLE_ON_NULL (EL1007E: null has no "nope"; write "?." or "?:" if it may be missing)
core: 6 passed, 1 failed
extended: 1 passed, 0 failed
quirk: 0 passed, 1 failed
7 passed, 2 failed
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

func TestRunNamesBrokenLines(t *testing.T) {
	file := write(t, "broken.jsonl", "{\"id\":\"a\"}\n{\"id\":\n")
	if _, err := run(&strings.Builder{}, []string{file}); err == nil || !strings.Contains(err.Error(), "broken.jsonl:2") {
		t.Errorf("got %v", err)
	}
}
