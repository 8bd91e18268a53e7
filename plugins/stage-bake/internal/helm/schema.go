package helm

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"helm.sh/helm/v3/pkg/chart"
)

// schemaURL is how the schema's own text is known to its compiler.
const schemaURL = "file:///values.schema.json"

// checkSchema validates values against the schemas of the chart and its subcharts, as Helm does, except that nothing
// a schema refers to outside is loaded: such parts accept everything, with a warning.
func (r *renderer) checkSchema(values map[string]any) error {
	found, err := schemaErrors(r.chart, values, &r.warnings)
	if err != nil {
		return err
	}
	if len(found) > 0 {
		return fmt.Errorf("values do not fit values.schema.json: %s", strings.Join(found, "; "))
	}
	return nil
}

func schemaErrors(c *chart.Chart, values map[string]any, warnings *[]string) (found []string, err error) {
	if c.Schema != nil {
		text, err := validate(c, values, warnings)
		if err != nil {
			return nil, fmt.Errorf("values.schema.json of chart %q: %w", c.Name(), err)
		}
		if text != "" {
			found = append(found, fmt.Sprintf("chart %q: %s", c.Name(), text))
		}
	}
	for _, subchart := range c.Dependencies() {
		switch v := values[subchart.Name()].(type) {
		case nil:
		case map[string]any:
			below, err := schemaErrors(subchart, v, warnings)
			if err != nil {
				return nil, err
			}
			found = append(found, below...)
		default:
			found = append(found, fmt.Sprintf("chart %q: its values are %T, not a table", subchart.Name(), v))
		}
	}
	return found, nil
}

// validate returns what is wrong with the values, or nothing.
func validate(c *chart.Chart, values map[string]any, warnings *[]string) (string, error) {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(c.Schema))
	if err != nil {
		return "", err
	}
	loader := &closedLoader{}
	compiler := jsonschema.NewCompiler()
	compiler.UseLoader(loader)
	if err := compiler.AddResource(schemaURL, document); err != nil {
		return "", err
	}
	schema, err := compiler.Compile(schemaURL)
	if err != nil {
		return "", err
	}
	slices.Sort(loader.refused)
	for _, url := range loader.refused {
		warning := fmt.Sprintf("values.schema.json of chart %q refers to %s, which a bake does not load: that part is not checked", c.Name(), url)
		if !slices.Contains(*warnings, warning) {
			*warnings = append(*warnings, warning)
		}
	}
	var invalid *jsonschema.ValidationError
	switch err := schema.Validate(values); {
	case err == nil:
		return "", nil
	case errors.As(err, &invalid):
		findings := leaves(invalid)
		slices.Sort(findings)
		return strings.Join(findings, ", "), nil
	default:
		return "", err
	}
}

// leaves are the findings of a validation, each with its place.
func leaves(invalid *jsonschema.ValidationError) []string {
	if len(invalid.Causes) == 0 {
		return []string{invalid.Error()}
	}
	var out []string
	for _, cause := range invalid.Causes {
		out = append(out, leaves(cause)...)
	}
	return out
}

// closedLoader answers every outside reference with a schema that accepts everything, and remembers it.
type closedLoader struct {
	refused []string
}

func (l *closedLoader) Load(url string) (any, error) {
	l.refused = append(l.refused, url)
	return true, nil
}
