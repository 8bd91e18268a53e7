package echo

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestReadObject(t *testing.T) {
	const form = "application/x-www-form-urlencoded; charset=utf-8"
	for _, test := range []struct{ name, contentType, body, want, err string }{
		{"an object", "application/json", `{"a":1.0}`, `{"a":1.0}`, ""},
		{"without a type", "", `{"a":1}`, `{"a":1}`, ""},
		{"nothing", "application/json", " \n", `{}`, ""},
		{"GitHub's form", form, "payload=%7B%22a%22%3A%22b+c%22%7D", `{"a":"b c"}`, ""},
		{"a form without payload", form, "a=b", "", "the webhook's body is not a JSON object: line 1, column 1: invalid character 'a' looking for beginning of value"},
		{"JSON that curl calls a form", form, `{"a":1}`, `{"a":1}`, ""},
		{"a form whose payload is a list", form, "payload=[]", "", "the webhook's body is not a JSON object: found a list, expected an object"},
		{"a broken form", form, "payload=%zz", "", "the webhook's body is not a JSON object: line 1, column 1: invalid character 'p' looking for beginning of value"},
		{"null", "", "null", "", "the webhook's body is null, expected a JSON object"},
		{"text", "", `"x"`, "", "the webhook's body is not a JSON object: found a text, expected an object"},
	} {
		request := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(test.body))
		request.Header.Set("Content-Type", test.contentType)
		_, object, err := readObject(request)
		if test.err != "" {
			if err == nil || err.Error() != test.err {
				t.Errorf("%s: %v, %v\nwant %s", test.name, object, err, test.err)
			}
			continue
		}
		if got, encodeErr := json.Marshal(object); err != nil || encodeErr != nil || string(got) != test.want {
			t.Errorf("%s: %s, %v, want %s", test.name, got, err, test.want)
		}
	}
}

// A body is an object or an error, whatever it holds.
func FuzzReadObject(f *testing.F) {
	f.Add("application/json", []byte(`{"a":[1,{"b":null}]}`))
	f.Add("application/x-www-form-urlencoded", []byte("payload=%7B%7D&x=%"))
	f.Add("application/x-www-form-urlencoded", []byte("payload=%7"))
	f.Add("text/plain;charset=\"", []byte("[]"))
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		request := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(string(body)))
		request.Header["Content-Type"] = []string{contentType}
		_, object, err := readObject(request)
		if (object == nil) != (err != nil) {
			t.Errorf("%v and %v", object, err)
		}
	})
}
