package manifest

import (
	"fmt"
	"strings"
)

// eachPodSpec visits the Pod specs of an object with their paths: of a Pod its spec, of a workload whatever stands at
// ….spec.template.spec, at any depth, so that the template inside a CronJob's jobTemplate or a ControllerRevision's
// data is found too.
func (k *Kinds) eachPodSpec(o Object, visit func(spec map[string]any, path string)) {
	switch k.Of(o.GroupVersionKind()).Name {
	case "deployment", "replicaSet", "statefulSet", "daemonSet", "job", "cronJob", "controllerRevision":
		eachTemplate(o.Object, "", visit)
	case "pod":
		if spec, ok := o.Object["spec"].(map[string]any); ok {
			visit(spec, "spec")
		}
	}
}

func eachTemplate(value map[string]any, path string, visit func(spec map[string]any, path string)) {
	for _, key := range sortedKeys(value) {
		object, ok := value[key].(map[string]any)
		if !ok {
			continue
		}
		objectPath := strings.TrimPrefix(path+"."+key, ".")
		if key == "spec" && strings.HasSuffix(objectPath, "spec.template.spec") {
			visit(object, objectPath)
			continue
		}
		eachTemplate(object, objectPath, visit)
	}
}

// eachElement visits the objects of a list field.
func eachElement(holder map[string]any, path, key string, visit func(element map[string]any, path string)) {
	list, _ := holder[key].([]any)
	for i, element := range list {
		if object, ok := element.(map[string]any); ok {
			visit(object, fmt.Sprintf("%s.%s[%d]", path, key, i))
		}
	}
}

// eachChild visits an object field, if it is there.
func eachChild(holder map[string]any, path, key string, visit func(child map[string]any, path string)) {
	if object, ok := holder[key].(map[string]any); ok {
		visit(object, path+"."+key)
	}
}
