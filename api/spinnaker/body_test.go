package spinnaker

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestReadJSON(t *testing.T) {
	const limit = 64
	for _, test := range []struct {
		name, contentType, body string
		status                  int
		message                 string
	}{
		{"JSON", "application/json", `{"a": 1}`, 0, ""},
		{"JSON that curl calls a form", "application/x-www-form-urlencoded", `{"a": 1}`, 0, ""},
		{"no type", "", `{"a": 1}`, 0, ""},
		{"a form", "application/x-www-form-urlencoded; charset=utf-8", `a=1`, 415,
			"the request body is application/x-www-form-urlencoded: send JSON, with `Content-Type: application/json`"},
		{"syntax", "application/vnd.x+json", "{\n \"a\": ]}", 400,
			"the request body is not the JSON expected: line 2, column 7: invalid character ']' looking for beginning of value"},
		{"too early", "", `{"a":`, 400, "the request body is not the JSON expected: line 1, column 6: the JSON ends too early"},
		{"too much", "", `{} x`, 400, "the request body is not the JSON expected: line 1, column 4: unexpected text after the JSON value"},
		{"another type", "", `{"a": "x"}`, 400, "the request body is not the JSON expected: a: found a text, expected a whole number"},
		{"too large", "", `{"a": "` + strings.Repeat("x", limit) + `"}`, 413, "the request body is larger than 64 bytes: send less, or raise server.maxBody"},
	} {
		t.Run(test.name, func(t *testing.T) {
			request := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(test.body))
			if test.contentType != "" {
				request.Header.Set("Content-Type", test.contentType)
			}
			request.Body = http.MaxBytesReader(httptest.NewRecorder(), request.Body, limit)
			var into struct {
				A int `json:"a"`
			}
			present, err := ReadJSON(request, &into)
			if test.message == "" {
				if err != nil || !present || into.A != 1 {
					t.Errorf("found %v, %v, %v", into, present, err)
				}
				return
			}
			answer := (*Error)(nil)
			if !errors.As(err, &answer) || answer.Status != test.status || answer.Message != test.message {
				t.Errorf("found %v\nwant %d %s", err, test.status, test.message)
			}
		})
	}
	if present, err := ReadJSON(httptest.NewRequest(http.MethodPost, "/", strings.NewReader(" \n")), nil); present || err != nil {
		t.Errorf("an empty body: %v, %v", present, err)
	}
}

func TestClone(t *testing.T) {
	original := Trigger{"list": []any{map[string]any{"a": json.Number("1")}}, "none": nil}
	copied := Clone(original)
	copied["list"].([]any)[0].(map[string]any)["a"] = "changed"
	if original["list"].([]any)[0].(map[string]any)["a"] != json.Number("1") {
		t.Error("the copy shares what it holds")
	}
	if got := Clone(map[string]any(nil)); got != nil {
		t.Errorf("a nil map became %v", got)
	}
}

func TestPlain(t *testing.T) {
	plain, err := Plain(struct {
		A float64 `json:"a"`
		B []int   `json:"b"`
	}{1.5, []int{1}})
	object, _ := plain.(map[string]any)
	if err != nil || object["a"] != json.Number("1.5") || object["b"].([]any)[0] != json.Number("1") {
		t.Errorf("%v, %v", plain, err)
	}
	if _, err := Plain(func() {}); err == nil {
		t.Error("a function became JSON")
	}
}

// Decode says something readable of whatever is wrong, and never panics.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{``, `{`, `[1,]`, `{"a":1}x`, "\"\xff\"", `1e999`, "{\"a\":\n\n}"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var value any
		if err := Decode(data, &value); err != nil && strings.TrimSpace(err.Error()) == "" {
			t.Error("an error without words")
		}
		var object map[string]string
		if err := Decode(data, &object); err != nil && strings.Contains(err.Error(), "Go ") {
			t.Errorf("an error about Go, not about JSON: %v", err)
		}
	})
}
