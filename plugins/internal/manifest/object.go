package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Object is one Kubernetes object of a set.
type Object struct {
	*unstructured.Unstructured
	// Origin says where it was written, for people.
	Origin string
}

// objectJSON is the stored form of an Object.
type objectJSON struct {
	Object map[string]any `json:"object"`
	Origin string         `json:"origin"`
}

// MarshalJSON keeps the origin beside the object.
func (o Object) MarshalJSON() ([]byte, error) {
	return json.Marshal(objectJSON{Object: o.Object, Origin: o.Origin})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (o *Object) UnmarshalJSON(text []byte) error {
	var stored objectJSON
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&stored); err != nil {
		return err
	}
	normal, err := Normalize(stored.Object)
	if err != nil {
		return err
	}
	o.Unstructured = &unstructured.Unstructured{Object: normal.(map[string]any)}
	o.Origin = stored.Origin
	return nil
}

// Title names the object for people before its kind is looked up: `Ingress "web" (document 6, line 80)`.
func (o Object) Title() string {
	name := o.GetName()
	if name == "" {
		name = o.GetGenerateName() + "*"
	}
	return fmt.Sprintf("%s %q (%s)", o.GetKind(), name, o.Origin)
}

// Ref names one object within an account.
type Ref struct {
	// Kind in its canonical spelling, for example "deployment" or "HTTPRoute.gateway.networking.k8s.io".
	Kind string `json:"kind"`
	// Namespace is empty for a cluster-scoped object.
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
}

// String is Spinnaker's full resource name, "<kind> <name>" (clouddriver-kubernetes KubernetesManifest#getFullResourceName).
func (r Ref) String() string { return r.Kind + " " + r.Name }

// In is String with the namespace: "deployment web in namespace shop".
func (r Ref) In() string {
	if r.Namespace == "" {
		return r.String()
	}
	return r.String() + " in namespace " + r.Namespace
}

// Objects turns documents into objects: lists are spliced, kinds that end in List unpacked, nulls dropped. The error
// joins one finding for each document that is no object.
func Objects(docs []Document) ([]Object, error) {
	var objects []Object
	var findings []error
	for _, doc := range docs {
		found, err := expand(doc.Value, doc.Origin)
		objects = append(objects, found...)
		if err != nil {
			findings = append(findings, err)
		}
	}
	return objects, errors.Join(findings...)
}

func expand(value any, origin string) ([]Object, error) {
	switch v := value.(type) {
	case nil:
		return nil, nil
	case []any:
		return expandList(v, origin, "element")
	case map[string]any:
		if items, ok := listItems(v); ok {
			return expandList(items, origin, "item")
		}
		object, err := newObject(v, origin)
		if err != nil {
			return nil, err
		}
		return []Object{object}, nil
	default:
		return nil, fmt.Errorf("%s: expected a Kubernetes object (a mapping with apiVersion, kind and metadata), found %s", origin, describe(v))
	}
}

func expandList(elements []any, origin, word string) ([]Object, error) {
	var objects []Object
	var findings []error
	for i, element := range elements {
		found, err := expand(element, fmt.Sprintf("%s, %s %d", origin, word, i+1))
		objects = append(objects, found...)
		if err != nil {
			findings = append(findings, err)
		}
	}
	return objects, errors.Join(findings...)
}

func listItems(object map[string]any) ([]any, bool) {
	kind, _ := object["kind"].(string)
	if !strings.HasSuffix(kind, "List") {
		return nil, false
	}
	items, ok := object["items"].([]any)
	return items, ok
}

func newObject(value map[string]any, origin string) (Object, error) {
	object := Object{Unstructured: &unstructured.Unstructured{Object: value}, Origin: origin}
	for _, field := range []string{"apiVersion", "kind"} {
		if text, _ := value[field].(string); text == "" {
			return Object{}, fmt.Errorf("%s: %s is missing; every manifest needs apiVersion, kind and metadata.name", origin, field)
		}
	}
	metadata, ok := value["metadata"].(map[string]any)
	if !ok {
		return Object{}, fmt.Errorf("%s: %s has no metadata", origin, object.GetKind())
	}
	for _, field := range []string{"name", "generateName", "namespace"} {
		if v, present := metadata[field]; present && v != nil {
			if _, ok := v.(string); !ok {
				return Object{}, fmt.Errorf("%s: %s: metadata.%s must be text, found %s", origin, object.GetKind(), field, describe(v))
			}
		}
	}
	for _, field := range []string{"labels", "annotations"} {
		if err := textMap(metadata[field]); err != nil {
			return Object{}, fmt.Errorf("%s: %s: metadata.%s%w", origin, object.GetKind(), field, err)
		}
	}
	if object.GetName() == "" && object.GetGenerateName() == "" {
		return Object{}, fmt.Errorf("%s: %s has neither metadata.name nor metadata.generateName", origin, object.GetKind())
	}
	return object, nil
}

func textMap(value any) error {
	if value == nil {
		return nil
	}
	pairs, ok := value.(map[string]any)
	if !ok {
		return fmt.Errorf(" must be a mapping, found %s", describe(value))
	}
	for key, v := range pairs {
		if _, ok := v.(string); !ok {
			return fmt.Errorf("[%q] must be text, found %s: put it in quotes", key, describe(v))
		}
	}
	return nil
}

func describe(value any) string {
	switch v := value.(type) {
	case nil:
		return "null"
	case map[string]any:
		return "a mapping"
	case []any:
		return "a list"
	case string:
		const shown = 40
		if len(v) > shown {
			v = v[:shown] + "…"
		}
		return fmt.Sprintf("the text %q", v)
	default:
		return fmt.Sprintf("%v", v)
	}
}

// unique drops objects that are given twice with the same content, with a warning, and refuses two of one name that
// differ. The objects must be placed.
func (k *Kinds) unique(objects []Object) (unique []Object, warnings []string, err error) {
	first := make(map[Ref]Object)
	var findings []error
	for _, o := range objects {
		ref := k.RefOf(o)
		other, seen := first[ref]
		switch {
		case ref.Name == "" || !seen:
			first[ref] = o
			unique = append(unique, o)
		case reflect.DeepEqual(other.Object, o.Object):
			warnings = append(warnings, fmt.Sprintf("%s is given twice, in %s and in %s, with the same content; it is deployed once", ref.In(), other.Origin, o.Origin))
		default:
			findings = append(findings, fmt.Errorf("%s is given twice, in %s and in %s, with different content; keep one of them", ref.In(), other.Origin, o.Origin))
		}
	}
	return unique, warnings, errors.Join(findings...)
}
