package httpcheck_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gennaker/gennaker/plugins/sdk"
	"github.com/gennaker/gennaker/plugins/stage-test/httpcheck"
)

func TestValidate(t *testing.T) {
	tests := []struct {
		name, config string
		want         []string
	}{
		{"smallest", `{"checks": [{"url": "https://shop.example"}]}`, nil},
		{"everything", `{"checks": [{"name": "n", "url": "http://x:1/?a=b", "method": "post", "headers": {"a": "b"}, "body": [1], "timeout": "2s",
			"followRedirects": "false", "expect": {"status": [200, "3xx"], "headers": {"a": "b", "c": {"matches": "^x"}},
			"body": {"contains": "x", "notContains": ["y"], "matches": "z", "json": [{"path": "a[0].b", "equals": {}}]}}}],
			"retry": {"interval": "5s", "timeout": 60}, "tls": {"insecureSkipVerify": true}, "unknown": 1}`, nil},
		{"expressions", `{"checks": [{"url": "${ host }/x", "method": "${ m }", "timeout": "${ t }", "headers": "${ h }", "expect": {"status": "${ s }",
			"body": {"json": [{"path": "a", "equals": "${ v }"}]}}}, {"url": "http://x", "expect": "${ e }"}], "retry": "${ r }"}`, nil},
		{"all of it an expression", `{"checks": "${ c }"}`, nil},
		{"nothing", `{}`, []string{"checks: is missing: a list of checks, each with a url"}},
		{"no list", `{"checks": {"url": "http://x"}}`, []string{"checks: expected a list of checks"}},
		{"a text", `{"checks": "http://x"}`, []string{"checks: found a text, expected a list of checks"}},
		{"empty", `{"checks": []}`, []string{"checks: is empty: the stage would test nothing"}},
		{"too many", `{"checks": [` + strings.Repeat(`{"url":"http://x"},`, 100) + `{"url":"http://x"}]}`,
			[]string{"checks: has 101 entries, at most 100 are allowed; use several stages"}},
		{"no objects", `{"checks": ["http://x", null]}`, []string{
			"checks[0]: expected an object with a url", "checks[1]: expected an object with a url"}},
		{"no url", `{"checks": [{"name": "x"}]}`, []string{"checks[0].url: is missing"}},
		{"bad urls", `{"checks": [{"url": "shop.example"}, {"url": "ftp://u:secret@x"}, {"url": "http://"}, {"url": ":"}, {"url": 1}]}`, []string{
			`checks[0].url: found "shop.example", expected http://… or https://…`,
			`checks[1].url: found "ftp://u:xxxxx@x", expected http://… or https://…`,
			`checks[2].url: found "http:", expected http://… or https://…`,
			"checks[3].url: is not a URL",
			"checks[4].url: expected a text",
		}},
		{"bad values", `{"checks": [{"url": "http://x", "method": "GET /", "timeout": 9, "headers": {"a": 1}, "followRedirects": "perhaps", "name": 3,
			"expect": {"status": "20x", "headers": {"a": 1}, "body": {"contains": 1, "notContains": [1], "matches": "(", "json": [{"path": "a..b"}]}}}],
			"retry": {"interval": "soon", "timeout": -1}, "tls": {"caCertificate": "x", "serverName": 1, "insecureSkipVerify": 2}}`, []string{
			`checks[0].followRedirects: found "perhaps", expected true or false`,
			`checks[0].headers: found a JSON number where it does not belong`,
			`checks[0].method: found "GET /", expected a method such as GET`,
			`checks[0].name: found a JSON number where it does not belong`,
			`checks[0].timeout: found 9s, expected more than nothing and at most 8s: a request has to fit into a step`,
			`checks[0].expect.headers: found a JSON number where it does not belong`,
			`checks[0].expect.status: found "20x", expected a status code such as 200, or 2xx`,
			`checks[0].expect.body.contains: expected a text or a list of texts`,
			`checks[0].expect.body.json: path "a..b": expected a name at ".b"`,
			"checks[0].expect.body.matches: error parsing regexp: missing closing ): `(`",
			`checks[0].expect.body.notContains: expected a text or a list of texts`,
			`retry.interval: found "soon", expected seconds or a time such as "30s", at most a day`,
			`retry.timeout: found -1, expected seconds or a time such as "30s", at most a day`,
			`tls.caCertificate: has no certificate in PEM form`,
			`tls.insecureSkipVerify: found 2, expected true or false`,
			`tls.serverName: found a JSON number where it does not belong`,
		}},
	}
	plugin := start(t, nil)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			found, err := plugin.Validate(t.Context(), "httpTest", decode(t, test.config, ""))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, e := range found {
				got = append(got, e.Path+": "+e.Message)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestConfigThatIsWrongWhenItRuns(t *testing.T) {
	step := once(t, `{"url": "shop.example"}`, "")
	if step.Status != sdk.Terminal || !strings.HasPrefix(step.Message, `field checks[0].url: found "shop.example"`) {
		t.Errorf("got %s %q", step.Status, step.Message)
	}
}

// FuzzValidate holds that a configuration without findings can also be run: what Validate lets pass, Run can read.
func FuzzValidate(f *testing.F) {
	for _, seed := range []string{
		`{"checks":[{"url":"http://127.0.0.1:1","expect":{"status":"2xx","body":{"json":[{"path":"a[0]","equals":1}]}}}]}`,
		`{"checks":[{"url":"${x}"}],"retry":{"timeout":"1s"},"tls":{"caCertificate":""}}`,
		`{"checks":[{"url":"http://[::1]:1","headers":{"":""},"method":"","body":{"a":[null]}}],"retry":null}`,
		`{"checks":[[]]}`, `[]`,
	} {
		f.Add(seed)
	}
	stage, err := httpcheck.New()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		decoder := json.NewDecoder(strings.NewReader(text))
		decoder.UseNumber()
		var config sdk.Config
		if decoder.Decode(&config) != nil || strings.Contains(text, "${") {
			return
		}
		found := stage.Validate(config)
		for _, e := range found {
			if e.Path == "" || e.Message == "" {
				t.Errorf("empty finding %+v", e)
			}
		}
		if len(found) == 0 {
			if err := httpcheck.Readable(config); err != nil {
				t.Errorf("no finding, but: %v", err)
			}
		}
	})
}

// FuzzAnswer holds that no answer of a server breaks the comparison.
func FuzzAnswer(f *testing.F) {
	f.Add(`{"a":[1,{"b":null}]}`, "a[1].b", "null", 200)
	f.Add(`1e999`, "", "1e999", 404)
	f.Add("\x00\xff", "$", `"x"`, 999)
	f.Fuzz(func(t *testing.T, body, path, equals string, status int) {
		expect := fmt.Sprintf(`{"body":{"contains":"x","json":[{"path":%q,"equals":%s}]}}`, path, equals)
		if !json.Valid([]byte(expect)) {
			return
		}
		_ = httpcheck.Mismatch(expect, body, status)
	})
}
