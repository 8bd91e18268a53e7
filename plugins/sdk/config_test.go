package sdk_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/gennaker/gennaker/plugins/sdk"
)

func TestDecode(t *testing.T) {
	type item struct {
		ID int `json:"id"`
	}
	type config struct {
		Name  string         `json:"name"`
		Count int            `json:"count"`
		Items []item         `json:"items"`
		Any   map[string]any `json:"any"`
	}
	tests := []struct {
		name     string
		in       sdk.Config
		wantPath string
		want     string
	}{
		{"all", sdk.Config{"name": "a", "count": json.Number("3"), "items": []any{map[string]any{"id": 1}}, "unknown": true,
			"any": map[string]any{"n": json.Number("1.0")}}, "", ""},
		{"empty", nil, "", ""},
		{"text for a number", sdk.Config{"count": "3"}, "count", "field count: found a text, expected a whole number"},
		{"inside", sdk.Config{"items": []any{map[string]any{"id": true}}}, "items.id", "field items.id: found true or false, expected a whole number"},
		{"fraction", sdk.Config{"count": json.Number("1.5")}, "count", "field count: found number 1.5, expected a whole number"},
		{"number for a text", sdk.Config{"name": json.Number("1")}, "name", "field name: found a number, expected a text"},
		{"object for a list", sdk.Config{"items": map[string]any{}}, "items", "field items: found an object, expected an array"},
		{"list for an object", sdk.Config{"any": []any{}}, "any", "field any: found an array, expected an object"},
		{"not JSON", sdk.Config{"name": make(chan int)}, "", "json: unsupported type: chan int"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got config
			err := test.in.Decode(&got)
			if test.want == "" {
				if err != nil {
					t.Error(err)
				}
				if n := test.in["any"]; n != nil && got.Any["n"] != json.Number("1.0") {
					t.Errorf("the number became %v", got.Any["n"])
				}
				return
			}
			var found *sdk.ConfigError
			if !errors.As(err, &found) || found.Path != test.wantPath || err.Error() != test.want {
				t.Errorf("got %v", err)
			}
		})
	}
}
