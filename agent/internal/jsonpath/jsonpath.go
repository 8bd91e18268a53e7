// Package jsonpath reads values out of JSON documents by JSONPath, as the library that Spinnaker uses does.
//
// Source: com.jayway.jsonpath.JsonPath, as spinnaker/spinnaker calls it.
package jsonpath

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ohler55/ojg/jp"
)

// Path is a parsed JSONPath. One that does not begin with $ begins at the document, too.
type Path struct {
	text string
	expr jp.Expr
	// definite: the path can give one value only. compares: it compares values on its way.
	definite, compares bool
}

// maxLength bounds the text of a path.
const maxLength = 1000

// Parse reads a path. One may descend (..) once only: each further time multiplies the work by the document's depth.
func Parse(text string) (Path, error) {
	if strings.Count(text, "..") > 1 {
		return Path{}, fmt.Errorf("%q descends (..) more than once", text)
	}
	if len(text) > maxLength {
		return Path{}, fmt.Errorf("the JSONPath has %d characters, at most %d are read", len(text), maxLength)
	}
	expr, err := jp.ParseString(text)
	if err != nil {
		return Path{}, fmt.Errorf("%q is no JSONPath: %w", text, err)
	}
	compares := slices.ContainsFunc(expr, func(f jp.Frag) bool { _, isFilter := f.(*jp.Filter); return isFilter })
	return Path{text, expr, definite(expr), compares}, nil
}

// String returns the path as it was written.
func (p Path) String() string { return p.text }

// Compares says whether the path compares values on its way (a filter): numbers of the document have to be int64 or float64
// then, for a json.Number is more or less than nothing.
func (p Path) Compares() bool { return p.compares }

// Read returns the value at the path in a document of plain JSON values. A path that may give several values gives a
// list of them, which may be empty; any other gives the value, or is not found.
func (p Path) Read(document any) (value any, found bool) {
	values := p.expr.Get(document)
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
		case jp.Wildcard, jp.Descent, jp.Slice, jp.Union, *jp.Filter:
			return false
		}
	}
	return true
}
