package plugintest

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	stagev1 "github.com/gennaker/gennaker/plugins/proto/stage/v1"
	"github.com/gennaker/gennaker/plugins/sdk"
)

// checkSchemas compiles a stage type's schemas and holds the realistic requests against the one of the config.
func checkSchemas(t *testing.T, stageType *stagev1.StageType, requests []sdk.Request) {
	t.Helper()
	config := compile(t, stageType.GetType()+" config", stageType.GetConfigSchema())
	compile(t, stageType.GetType()+" outputs", stageType.GetOutputsSchema())
	if config == nil {
		return
	}
	for _, request := range requests {
		text, err := json.Marshal(map[string]any(request.Config))
		if err != nil {
			t.Fatal(err)
		}
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
		if err != nil {
			t.Fatal(err)
		}
		if err := config.Validate(value); err != nil {
			t.Errorf("%s: a realistic configuration does not fit the schema: %v", stageType.GetType(), err)
		}
	}
}

// compile returns nil for an empty schema and for one that is wrong.
func compile(t *testing.T, name, text string) *jsonschema.Schema {
	t.Helper()
	if text == "" {
		return nil
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Errorf("%s schema is not JSON: %v", name, err)
		return nil
	}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	const url = "schema.json"
	if err := compiler.AddResource(url, doc); err != nil {
		t.Errorf("%s schema: %v", name, err)
		return nil
	}
	schema, err := compiler.Compile(url)
	if err != nil {
		t.Errorf("%s schema: %v", name, err)
		return nil
	}
	return schema
}

// properties are the names of a schema's top-level properties.
func properties(schema string) map[string]json.RawMessage {
	var object struct{ Properties map[string]json.RawMessage }
	if json.Unmarshal([]byte(schema), &object) != nil {
		return nil // checkSchemas tells of it
	}
	return object.Properties
}
