package helm

import (
	"fmt"

	"helm.sh/helm/v3/pkg/chartutil"
	"sigs.k8s.io/yaml"
)

// ValuesFile is a values file; its name is for error texts.
type ValuesFile struct {
	Name string
	Data []byte
}

// mergeValues merges the values files and puts the overrides on top. The chart's own values stay below; they are
// merged in when the chart is rendered.
func (r *renderer) mergeValues() (map[string]any, error) {
	merged := map[string]any{}
	for _, file := range r.request.Values {
		var values map[string]any
		if err := yaml.Unmarshal(file.Data, &values); err != nil {
			return nil, fmt.Errorf("values file %q: %w", file.Name, err)
		}
		merged = merge(merged, values)
	}
	if len(r.request.Overrides.Entries) == 0 {
		return merged, nil
	}
	effective, err := chartutil.CoalesceValues(r.chart, merged)
	if err != nil {
		return nil, fmt.Errorf("values: %w", err)
	}
	warnings, err := r.request.Overrides.apply(merged, effective)
	r.warnings = append(r.warnings, warnings...)
	return merged, err
}

// merge returns the values of low and high, tables merged, high winning.
func merge(low, high map[string]any) map[string]any {
	out := make(map[string]any, len(low)+len(high))
	for key, value := range low {
		out[key] = value
	}
	for key, value := range high {
		above, isTable := value.(map[string]any)
		below, wasTable := out[key].(map[string]any)
		if isTable && wasTable {
			value = merge(below, above)
		}
		out[key] = value
	}
	return out
}
