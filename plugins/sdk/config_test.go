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
		{"text for a number", sdk.Config{"count": "3"}, "count", "field count: found a JSON string, expected int"},
		{"inside", sdk.Config{"items": []any{map[string]any{"id": true}}}, "items.id", "field items.id: found a JSON bool, expected int"},
		{"fraction", sdk.Config{"count": json.Number("1.5")}, "count", "field count: found a JSON number 1.5, expected int"},
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
