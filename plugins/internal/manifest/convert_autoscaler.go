package manifest

import "fmt"

// oldAutoscaler rewrites the metrics of autoscaling/v2beta1 to the shape of autoscaling/v2.
func oldAutoscaler(object map[string]any) error {
	spec, err := specOf(object)
	if err != nil {
		return err
	}
	var failure error
	eachElement(spec, "spec", "metrics", func(metric map[string]any, path string) {
		if err := oldMetric(metric); err != nil && failure == nil {
			failure = fmt.Errorf("%s: %w", path, err)
		}
	})
	return failure
}

func oldMetric(metric map[string]any) error {
	kind, _ := metric["type"].(string)
	fields := map[string]string{
		"Resource": "resource", "ContainerResource": "containerResource", "Pods": "pods", "Object": "object", "External": "external",
	}
	source, ok := metric[fields[kind]].(map[string]any)
	if !ok {
		return fmt.Errorf("a metric of type %q that this conversion does not know", kind)
	}
	switch kind {
	case "Resource", "ContainerResource":
		source["target"] = oldTarget(source, "targetAverageUtilization", "", "targetAverageValue")
	case "Pods":
		source["metric"] = oldMetricName(source, "metricName", "selector")
		source["target"] = oldTarget(source, "", "", "targetAverageValue")
	case "Object":
		source["metric"] = oldMetricName(source, "metricName", "selector")
		move(source, "target", "describedObject")
		source["target"] = oldTarget(source, "", "targetValue", "averageValue")
	case "External":
		source["metric"] = oldMetricName(source, "metricName", "metricSelector")
		source["target"] = oldTarget(source, "", "targetValue", "targetAverageValue")
	}
	return nil
}

func oldMetricName(source map[string]any, name, selector string) map[string]any {
	metric := make(map[string]any)
	take(source, name, metric, "name")
	take(source, selector, metric, "selector")
	return metric
}

// oldTarget collects what the old fields said; an average wins over a total, as v2beta1 had it.
func oldTarget(source map[string]any, utilization, value, average string) map[string]any {
	target := make(map[string]any)
	if take(source, value, target, "value") {
		target["type"] = "Value"
	}
	if take(source, average, target, "averageValue") {
		target["type"] = "AverageValue"
		delete(target, "value")
	}
	if take(source, utilization, target, "averageUtilization") {
		target["type"] = "Utilization"
	}
	return target
}

func take(from map[string]any, field string, to map[string]any, as string) bool {
	value, present := from[field]
	if present {
		delete(from, field)
		to[as] = value
	}
	return present
}
