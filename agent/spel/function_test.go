package spel_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gennaker/gennaker/agent/spel"
)

// pages answers like a fetcher and counts what it is asked.
type pages struct {
	bodies map[string]string
	asked  []string
}

func (p *pages) fetch(_ context.Context, url string) ([]byte, error) {
	p.asked = append(p.asked, url)
	body, ok := p.bodies[url]
	if !ok {
		return nil, fmt.Errorf("GET %s: 404 Not Found", url)
	}
	return []byte(body), nil
}

func TestURLFunctions(t *testing.T) {
	p := &pages{bodies: map[string]string{
		"https://example.com/a.json":       `{"k":[1,2]} trailing`,
		"https://example.com/a.yaml":       "on: yes\nn: 010\n",
		"https://example.com/a.properties": "# c\nsemVer = 1.2.3\nname: a\\\n  b\nuni=\\u00e9\n",
		"https://example.com/text":         "plain",
	}}
	engine := spel.New(spel.Config{Fetch: p.fetch})
	env := &spel.Env{}
	tests := []struct{ expression, want string }{
		{"#fromUrl('https://example.com/text')", `"plain"`},
		{"#fromUrl('https://example.com/text') + #fromUrl('https://example.com/text')", `"plainplain"`},
		{"#jsonFromUrl('https://example.com/a.json').k[1]", "2"},
		{"#yamlFromUrl('https://example.com/a.yaml').n", "8"},
		{"#propertiesFromUrl('https://example.com/a.properties')", `{"semVer":"1.2.3","name":"ab","uni":"é"}`},
	}
	for _, tt := range tests {
		v, err := engine.Eval(t.Context(), tt.expression, env)
		if got := encode(t, v); err != nil || got != tt.want {
			t.Errorf("%s: %s (%v)", tt.expression, got, err)
		}
	}
	if len(p.asked) != 4 {
		t.Errorf("one evaluation asked %v", p.asked)
	}
	_, err := engine.Eval(t.Context(), "#fromUrl('https://example.com/none')", env)
	if want := "#fromUrl: GET https://example.com/none: 404 Not Found"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestRefusedURLsAreNotFetched(t *testing.T) {
	p := &pages{}
	engine := spel.New(spel.Config{Fetch: p.fetch})
	for _, url := range []string{
		"http://127.0.0.1/", "http://[::1]/", "http://2130706433/", "http://0x7f.1/", "http://127.1/", "http://localhost/", "http://LOCALHOST./",
		"http://intranet/", "http://orca.spinnaker/", "http://db.internal", "http://db.internal./", "file:///etc/passwd", "//example.com/", "",
		"http://user@127.0.0.1:80@example.com@/", "http://169.254.169.254/latest", "gopher://example.com/",
	} {
		if err := spel.CheckURL(url); err == nil {
			t.Errorf("%s is allowed", url)
		}
		if _, err := engine.Eval(t.Context(), fmt.Sprintf("#fromUrl('%s')", url), &spel.Env{}); err == nil {
			t.Errorf("#fromUrl('%s') did not fail", url)
		}
	}
	if len(p.asked) > 0 {
		t.Errorf("fetched %v", p.asked)
	}
	for _, url := range []string{"https://example.com", "HTTP://Example.COM:8080/x?y=1", "http://a.internal.example.com/"} {
		if err := spel.CheckURL(url); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
}

type catalog map[string]string

func (c catalog) PipelineID(_ context.Context, application, name string) (string, error) {
	if application == "broken" {
		return "", errors.New("the store is away")
	}
	return c[application+"/"+name], nil
}

func (c catalog) Application(_ context.Context, name string) (map[string]any, error) {
	if name != "shipit" {
		return nil, nil
	}
	return map[string]any{"name": "shipit", "email": "team@example.com", "instances": 3.0}, nil
}

func TestCatalogAndPluginFunctions(t *testing.T) {
	engine := spel.New(spel.Config{
		Catalog: catalog{"shipit/deploy": "id-1", "other/deploy": "id-2"},
		Functions: []spel.Function{{
			Name:        "acme_greet",
			Description: "Greets",
			Parameters:  []spel.Parameter{{Name: "who", Type: "String"}, {Name: "times", Type: "Integer"}},
			Call: func(_ context.Context, env *spel.Env, args []any) (any, error) {
				times, err := args[1].(json.Number).Int64()
				return map[string]any{"text": strings.Repeat(fmt.Sprintf("hi %s ", args[0]), int(times)), "user": env.User}, err
			},
		}, {
			Name:       "acme_count",
			Parameters: []spel.Parameter{{Name: "of", Type: "com.acme.Thing"}, {Name: "more", Type: "com.acme.Thing..."}},
			Call: func(_ context.Context, _ *spel.Env, args []any) (any, error) {
				return fmt.Sprintf("%v and %v", args[0], args[1]), nil
			},
		}},
	})
	env := benchEnv(t)
	env.User = "ann"
	tests := []struct{ expression, want string }{
		{"#pipelineId('deploy')", `"id-1"`},
		{"#pipelineId('nope')", "error: the application has no pipeline the string 'nope'"},
		{"#pipelineIdOrNull('nope')", "null"},
		{"#pipelineIdInApplication('deploy', 'other')", `"id-2"`},
		{"#pipelineIdInApplication('deploy', 'broken')", `error: look up pipeline "deploy" of application "broken": the store is away`},
		{"#applicationMetadata('shipit').instances + 1", "4"},
		{"#applicationMetadata('nope')", `error: there is no application "nope"`},
		{"#canaryConfigNameToId('a', 'b')", "error: canary configurations belong to Kayenta"},
		{"#fetchReference('ref')", `"ref"`},
		{"#acme_greet('you', '2').text.trim()", `"hi you hi you"`},
		{"#acme_greet('you', 1).user", `"ann"`},
		{"#acme_count(1, 'x', true)", `"1 and [x true]"`},
		{"#acme_greet('you')", "error: #acme_greet takes 2 arguments, not 1"},
		{"#currentUser()", `"ann"`},
	}
	for _, tt := range tests {
		v, err := engine.Eval(t.Context(), tt.expression, env)
		want, fails := strings.CutPrefix(tt.want, "error: ")
		if fails && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: got %v, want %s", tt.expression, err, want)
		}
		if got := encode(t, v); !fails && (err != nil || got != want) {
			t.Errorf("%s: got %s (%v), want %s", tt.expression, got, err, want)
		}
	}
	i := slices.IndexFunc(engine.Functions(), func(f spel.FunctionInfo) bool { return f.Name == "acme_greet" })
	if i < 0 || len(engine.Functions()[i].Parameters) != 2 {
		t.Errorf("functions %+v", engine.Functions())
	}
}

func TestYAML(t *testing.T) {
	tests := []struct{ yaml, want string }{
		{"a: 1\nb: [yes, Off, 'yes']", `{"a":1,"b":[true,false,"yes"]}`},
		{"[010, 0x1F, 0b101, 1_000, 1:30, 0o7, 09]", `[8,31,5,1000,90,"0o7","09"]`},
		{"[1.5, 1e3, .5, -.inf, .NaN, 1.]", `[1.5,1000.0,0.5,"-Infinity","NaN",1.0]`},
		{"[~, null, '', 12345678901, 123456789012345678901]", `[null,null,"",12345678901,123456789012345678901]`},
		{"d: 2024-01-02\nt: 2001-12-14t21:59:43.10-05:00", `{"d":1704153600000,"t":1008385183100}`},
		{"b: &b {x: 1, y: 2}\nd: {<<: *b, x: 3}", `{"b":{"x":1,"y":2},"d":{"x":3,"y":2}}`},
		{"d:\n  <<: [{a: 1}, {a: 2, b: 2}]", `{"d":{"a":1,"b":2}}`},
		{"!!str 1", `"1"`},
		{"!!float 1", `1.0`},
		{"", "null"},
		{"1: one\ntrue: t", `{"1":"one","true":"t"}`},
		{"a: !custom x", "error"},
		{"a: &x [*x]", "error"},
		{"a: 1\n---\nb: 2", "error"},
		{"a: [", "error"},
		{"<<: 1", "error"},
		{"&a [" + strings.Repeat("x,", 20) + "]\n", `["x","x","x","x","x","x","x","x","x","x","x","x","x","x","x","x","x","x","x","x"]`},
		{"a: &a [1]\nb: [" + strings.Repeat("*a,", 51) + "]", "error"},
	}
	engine := spel.New(spel.Config{})
	for _, tt := range tests {
		v, err := engine.Eval(t.Context(), "#readYaml(text)", &spel.Env{Root: map[string]any{"text": tt.yaml}})
		if got := encode(t, v); (err != nil) != (tt.want == "error") || err == nil && got != tt.want {
			t.Errorf("%q: got %s (%v), want %s", tt.yaml, got, err, tt.want)
		}
	}
	v, err := engine.Eval(t.Context(), "#readAllYaml(text)", &spel.Env{Root: map[string]any{"text": "a: 1\n---\n- b\n"}})
	if got := encode(t, v); err != nil || got != `[{"a":1},["b"]]` {
		t.Errorf("#readAllYaml: %s (%v)", got, err)
	}
}
