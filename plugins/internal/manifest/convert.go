package manifest

import (
	"fmt"
	"strconv"
)

// move renames a field if it is there.
func move(object map[string]any, from, to string) {
	if value, present := object[from]; present {
		delete(object, from)
		object[to] = value
	}
}

// oldIngress rewrites extensions/v1beta1 and networking.k8s.io/v1beta1 Ingresses to networking.k8s.io/v1. A path
// without a type means what the controller makes of it, which is ImplementationSpecific.
func oldIngress(object map[string]any) error {
	spec, err := specOf(object)
	if err != nil {
		return err
	}
	if backend, ok := spec["backend"].(map[string]any); ok {
		if err := oldBackend(backend, "spec.backend"); err != nil {
			return err
		}
		move(spec, "backend", "defaultBackend")
	}
	var failure error
	eachElement(spec, "spec", "rules", func(rule map[string]any, path string) {
		eachChild(rule, path, "http", func(http map[string]any, path string) {
			eachElement(http, path, "paths", func(p map[string]any, path string) {
				if _, present := p["pathType"]; !present {
					p["pathType"] = "ImplementationSpecific"
				}
				eachChild(p, path, "backend", func(backend map[string]any, path string) {
					if err := oldBackend(backend, path); err != nil && failure == nil {
						failure = err
					}
				})
			})
		})
	})
	return failure
}

func oldBackend(backend map[string]any, path string) error {
	name, named := backend["serviceName"]
	port, ported := backend["servicePort"]
	if !named && !ported {
		return nil // a resource backend, or the new form already
	}
	if _, isResource := backend["resource"]; isResource {
		return fmt.Errorf("%s has both a service and a resource", path)
	}
	service := map[string]any{"name": name}
	switch v := port.(type) {
	case int64:
		service["port"] = map[string]any{"number": v}
	case string:
		if n, err := strconv.ParseInt(v, 10, 32); err == nil {
			service["port"] = map[string]any{"number": n}
		} else {
			service["port"] = map[string]any{"name": v}
		}
	default:
		return fmt.Errorf("%s.servicePort must be a number or a name, found %s", path, describe(port))
	}
	delete(backend, "serviceName")
	delete(backend, "servicePort")
	backend["service"] = service
	return nil
}

// oldWorkload rewrites extensions and apps betas to apps/v1: a missing selector becomes the template's labels, and
// where the old version updated Pods only when they are deleted (extensions, apps/v1beta1), that is written down.
func oldWorkload(onDeleteByDefault bool) func(map[string]any) error {
	return func(object map[string]any) error {
		spec, err := specOf(object)
		if err != nil {
			return err
		}
		if selector, _ := spec["selector"].(map[string]any); len(selector) == 0 {
			labels, err := templateLabels(object)
			if err != nil {
				return err
			}
			spec["selector"] = map[string]any{"matchLabels": labels}
		}
		delete(spec, "rollbackTo")
		delete(spec, "templateGeneration")
		kind, _ := object["kind"].(string)
		if _, present := spec["updateStrategy"]; !present && onDeleteByDefault && (kind == "DaemonSet" || kind == "StatefulSet") {
			spec["updateStrategy"] = map[string]any{"type": "OnDelete"}
		}
		return nil
	}
}

func templateLabels(object map[string]any) (map[string]any, error) {
	spec, _ := object["spec"].(map[string]any)
	template, _ := spec["template"].(map[string]any)
	metadata, _ := template["metadata"].(map[string]any)
	labels, _ := metadata["labels"].(map[string]any)
	if len(labels) == 0 {
		return nil, fmt.Errorf("it has neither a selector nor labels in its Pod template")
	}
	selector := make(map[string]any, len(labels))
	for key, value := range labels {
		selector[key] = value
	}
	return selector, nil
}

// oldDisruptionBudget refuses the one case whose meaning changed.
func oldDisruptionBudget(object map[string]any) error {
	spec, err := specOf(object)
	if err != nil {
		return err
	}
	if selector, ok := spec["selector"].(map[string]any); ok && len(selector) == 0 {
		return fmt.Errorf("its empty selector selected no Pod in policy/v1beta1 and selects every Pod of the namespace in policy/v1; say which is meant")
	}
	return nil
}

// oldWebhooks writes down the defaults of v1beta1 that v1 changed; what v1 requires beyond that must be there.
func oldWebhooks(object map[string]any) error {
	var failure error
	eachElement(object, "", "webhooks", func(webhook map[string]any, path string) {
		for _, field := range []string{"sideEffects", "admissionReviewVersions"} {
			if _, present := webhook[field]; !present && failure == nil {
				failure = fmt.Errorf("%s.%s is missing, which admissionregistration.k8s.io/v1 requires", path[1:], field)
			}
		}
		for field, was := range map[string]any{"failurePolicy": "Ignore", "matchPolicy": "Exact", "timeoutSeconds": int64(30)} {
			if _, present := webhook[field]; !present {
				webhook[field] = was
			}
		}
	})
	return failure
}
