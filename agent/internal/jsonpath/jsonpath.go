// Package jsonpath reads values out of JSON documents by JSONPath, as the library that Spinnaker uses does.
//
// Source: com.jayway.jsonpath.JsonPath, as spinnaker/spinnaker calls it.
package jsonpath

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/ohler55/ojg/jp"
)

// Path is a parsed JSONPath. One that does not begin with $ begins at the document, too.
type Path struct {
	text string
	// parts are what stands between its descents (..).
	parts []jp.Expr
	// definite: the path can give one value only. compares: it compares values on its way.
	definite, compares bool
	// call is set for a path that ends with a function; parts are not used then.
	call *call
}

// maxLength bounds the text of a path.
const maxLength = 1000

// Parse reads a path. One whose filter descends may not descend itself, and the filter once only: each time multiplies the
// work by the document's depth.
func Parse(text string) (Path, error) {
	if len(text) > maxLength {
		return Path{}, fmt.Errorf("the JSONPath has %d characters, at most %d are read", len(text), maxLength)
	}
	if strings.HasSuffix(text, ")") {
		return parseCall(text)
	}
	expr, err := jp.ParseString(text)
	if err != nil {
		return Path{}, fmt.Errorf("%q is no JSONPath: %w", text, err)
	}
	p := Path{text: text, parts: []jp.Expr{nil}}
	for _, fragment := range expr {
		last := len(p.parts) - 1
		if _, descends := fragment.(jp.Descent); descends {
			p.parts = append(p.parts, nil)
			continue
		}
		p.parts[last] = append(p.parts[last], fragment)
	}
	for _, part := range p.parts[1:] {
		if len(part) == 0 {
			return Path{}, fmt.Errorf("%q is no JSONPath: what does it descend (..) to?", text)
		}
	}
	if inFilters := strings.Count(text, "..") - (len(p.parts) - 1); inFilters > 0 && len(p.parts)+inFilters > 2 {
		return Path{}, fmt.Errorf("%q has a filter that descends (..), and descends besides", text)
	}
	p.definite = len(p.parts) == 1 && definite(expr)
	p.compares = slices.ContainsFunc(expr, func(f jp.Frag) bool { _, isFilter := f.(*jp.Filter); return isFilter })
	return p, nil
}

// String returns the path as it was written.
func (p Path) String() string { return p.text }

// Compares says whether the path compares values on its way (a filter): numbers of the document have to be int64 or float64
// then, for a json.Number is more or less than nothing.
func (p Path) Compares() bool { return p.compares }

// Read returns the value at the path in a document of plain JSON values. A path that may give several values gives a
// list of them, which may be empty; any other gives the value, or is not found.
func (p Path) Read(document any) (value any, found bool) {
	if p.call != nil {
		return p.call.read(document)
	}
	values := p.parts[0].Get(document)
	if len(p.parts[0]) == 0 {
		values = []any{document}
	}
	for _, part := range p.parts[1:] {
		within := containers(values)
		values = nil
		for _, container := range within {
			values = append(values, part.Get(container)...)
		}
	}
	switch {
	case !p.definite && values == nil:
		return []any{}, true
	case !p.definite:
		return values, true
	case len(values) == 0:
		return nil, false
	default:
		return values[0], true
	}
}

func definite(expr jp.Expr) bool {
	for _, fragment := range expr {
		switch fragment.(type) {
		case jp.Wildcard, jp.Slice, jp.Union, *jp.Filter:
			return false
		}
	}
	return true
}

// containers are the objects and lists in some values, and those in them, each once.
func containers(values []any) []any {
	type place struct {
		at     uintptr
		length int
	}
	var found []any
	seen := map[place]bool{}
	var visit func(any)
	visit = func(value any) {
		var inner []any
		switch v := value.(type) {
		case map[string]any:
			for _, key := range slices.Sorted(maps.Keys(v)) {
				inner = append(inner, v[key])
			}
		case []any:
			inner = v
		}
		if len(inner) == 0 {
			return
		}
		here := place{reflect.ValueOf(value).Pointer(), len(inner)}
		if seen[here] {
			return
		}
		seen[here] = true
		found = append(found, value)
		for _, one := range inner {
			visit(one)
		}
	}
	for _, value := range values {
		visit(value)
	}
	return found
}
