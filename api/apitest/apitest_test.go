package apitest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// All conversations of the folders can be read.
func TestLoad(t *testing.T) {
	for _, folder := range []string{"open", "guarded"} {
		conversations, err := Load(folder)
		if err != nil {
			t.Errorf("%s: %v", folder, err)
		}
		for _, c := range conversations {
			if len(c.Exchanges) == 0 || c.Exchanges[0].Line < 2 {
				t.Errorf("%s begins with its first exchange, not with a line that says what it is about", c.Name)
			}
		}
	}
	if _, err := Load("nowhere"); err == nil || err.Error() != "no conversations in testdata/nowhere" {
		t.Errorf("a folder that is not there: %v", err)
	}
}

func TestParseRefused(t *testing.T) {
	for text, want := range map[string]string{
		"":                           `x.txt: no exchange: none of its lines begins with "### "`,
		"### a\n":                    `x.txt:1: "a" has no request`,
		"\n### a\nGET\nHTTP 200":     "x.txt:2: \"a\": found \"GET\", expected a request such as `GET /version`",
		"### a\nGET /\n":             "x.txt:1: \"a\" has no answer: expected a line such as `HTTP 200`",
		"### a\nGET /\n{}\nHTTP 200": `x.txt:1: "a": request: found "{}", expected a header field, or an empty line before a body`,
	} {
		if _, err := Parse("x.txt", text); err == nil || err.Error() != want {
			t.Errorf("%q: %v\nwant %s", text, err, want)
		}
	}
}

func TestMatch(t *testing.T) {
	const ulid, uuid = "01ARZ3NDEKTSV4RRFFQ69G5FAV", "123e4567-e89b-12d3-a456-426614174000"
	for _, test := range []struct {
		want, got string
		// err is "" when they match.
		err string
	}{
		{`{"a": 1}`, `{"a":1}`, ""},
		{`{"a": 1}`, `{"a":1.0}`, "/a: found 1.0, expected 1"},
		{`{"a": 1}`, `{"a":"1"}`, `/a: found "1", expected 1`},
		{`{"a": 1}`, `{"a":1,"b":2}`, "/b: found 2, expected no such member"},
		{`{"a": 1, "...": ""}`, `{"a":1,"b":2}`, ""},
		{`{"a": 1, "...": ""}`, `{"b":2}`, "/a: it is not there, expected 1"},
		{`{"a": "{{absent}}", "...": ""}`, `{"b":2}`, ""},
		{`{"a": "{{absent}}", "...": ""}`, `{"a":null}`, "/a: found null, expected no such member"},
		{`{"a": null}`, `{"a":null}`, ""},
		{`[1, 2]`, `[1,2]`, ""},
		{`[1, 2]`, `[2,1]`, "/0: found 2, expected 1"},
		{`[1]`, `[1,2]`, ": found [2], expected no more elements"},
		{`[1, 2]`, `[1]`, "/1: it is not there, expected 2"},
		{`["...", 2, "..."]`, `[1,2,3]`, ""},
		{`["...", 2, "...", 3]`, `[1,2,9,3]`, ""},
		{`["...", {"a": 1, "b": 2}, "..."]`, `[{"a":0,"b":2},{"a":1,"b":3}]`, "/1/b: found 3, expected 2"},
		{`["..."]`, `[]`, ""},
		{`[]`, `{}`, ": found {}, expected []"},
		{`{}`, `null`, ": found null, expected {}"},
		{`"{{any}}"`, `null`, ""},
		{`"{{any}}"`, `"x"`, ""},
		{`"{{text}}"`, `""`, `: found "", expected "{{text}}"`},
		{`"{{number}}"`, `1.5`, ""},
		{`"{{number}}"`, `"1.5"`, `: found "1.5", expected "{{number}}"`},
		{`"{{millis}}"`, `1755162000000`, ""},
		{`"{{millis}}"`, `1755162000`, `: found 1755162000, expected "{{millis}}"`},
		{`"{{bool}}"`, `true`, ""},
		{`"{{object}}"`, `{}`, ""},
		{`"{{list}}"`, `{}`, `: found {}, expected "{{list}}"`},
		{`"{{ulid}}"`, `"` + ulid + `"`, ""},
		{`"{{uuid}}"`, `"` + uuid + `"`, ""},
		{`"{{ulid}}"`, `"` + uuid + `"`, `: found "` + uuid + `", expected "{{ulid}}"`},
		{`"/tasks/{{ulid}}"`, `"/tasks/` + ulid + `"`, ""},
		{`"{{time}}"`, `"2026-08-14T09:12:33.123+00:00"`, ""},
		{`"n: {{digits}}."`, `"n: 12."`, ""},
		{`"n: {{digits}}."`, `"n: 12!"`, `: found "n: 12!", expected "n: {{digits}}."`},
		{`"a.c"`, `"abc"`, `: found "abc", expected "a.c"`},
		{`["{{x: ulid}}", "{{x}}"]`, `["` + ulid + `","` + ulid + `"]`, ""},
		{`["{{x: ulid}}", "{{x}}"]`, `["` + ulid + `","y"]`, `/1: found "y", expected "{{x}}"`},
		{`"{{what}}"`, `"y"`, ": {{what}}: a name that stands for nothing yet, and no kind of text"},
		{`"{{a b}}"`, `"y"`, ": {{a b}}: expected {{name: kind}}, {{kind}} or {{name}}"},
		{`{`, `{}`, "the expected body is not JSON: unexpected EOF"},
		{`{}`, `<html>`, "the body is not JSON: invalid character '<' looking for beginning of value"},
		{`{}`, `{} {}`, "the body is not JSON: there is text after the JSON value"},
		{`plain {{digits}}`, "plain 7\n", ""},
		{`{{any}}seven{{any}}`, "six\nseven\n", ""},
		{``, ``, ""},
		{``, `x`, `found "x", expected ""`},
	} {
		err := variables{}.matchBody(test.want, []byte(test.got))
		if got := fmt.Sprint(err); got != test.err && !(err == nil && test.err == "") {
			t.Errorf("%s against %s: %v\nwant %s", test.want, test.got, err, test.err)
		}
	}
}

// echo answers with what it was asked, on the third look at /slow with "done".
func echo(t *testing.T) *httptest.Server {
	var looks atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		answer := map[string]any{"method": r.Method, "uri": r.RequestURI, "body": string(body), "type": r.Header.Get("Content-Type")}
		if r.URL.Path == "/slow" {
			answer["done"] = looks.Add(1) >= 3
		}
		w.Header().Set("X-Id", "id-7")
		if err := json.NewEncoder(w).Encode(answer); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	return server
}

const conversation = `A conversation.

### Send something
# with a comment
PUT /a%2Fb?x=${y}&given={{given}}
Content-Type: text/x

{{3 times ab}}

HTTP 200
X-Id: {{id: text}}
X-None: {{absent}}

{"method": "PUT", "uri": "/a%2Fb?x=${y}&given=G", "body": "ababab", "type": "text/x"}

### Use what came back, until it is done
GET /slow?{{id}}

HTTP 200 eventually

{"uri": "/slow?{{id}}", "done": true, "...": ""}
`

func TestReplay(t *testing.T) {
	server := echo(t)
	parsed, err := Parse("c.txt", conversation)
	if err != nil {
		t.Fatal(err)
	}
	if err := parsed.Replay(t.Context(), server.URL, map[string]string{"given": "G"}); err != nil {
		t.Error(err)
	}
}

// What does not fit is told with file, line, title and the answer.
func TestReplayFails(t *testing.T) {
	server := echo(t)
	for _, test := range []struct{ old, changed, want string }{
		{"HTTP 200\nX-Id", "HTTP 201\nX-Id", "c.txt:3: Send something: status: found 200, expected 201\nanswer: 200 {"},
		{"X-None: {{absent}}", "X-Id: {{absent}}", `c.txt:3: Send something: header X-Id: found ["id-7"], expected none`},
		{"X-None: {{absent}}", "X-None: x", `header X-None: it is not there, expected "x"`},
		{"X-Id: {{id: text}}", "X-Id: other", `header X-Id: found "id-7", expected "other"`},
		{`"body": "ababab"`, `"body": "x"`, `c.txt:3: Send something: body: /body: found "ababab", expected "x"`},
		{"{{3 times ab}}", "{{unknown}}", "{{unknown}} stands for nothing yet"},
	} {
		parsed, err := Parse("c.txt", strings.Replace(conversation, test.old, test.changed, 1))
		if err != nil {
			t.Fatal(err)
		}
		err = parsed.Replay(t.Context(), server.URL, map[string]string{"given": "G"})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v\nwant %s", test.changed, err, test.want)
		}
	}
}
