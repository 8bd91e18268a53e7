package ci

import _ "embed"

// The JSON Schemas of the stages' configuration and outputs.
var (
	//go:embed jenkins.schema.json
	jenkinsSchema string
	//go:embed script.schema.json
	scriptSchema string
	//go:embed outputs.schema.json
	outputsSchema string
)
