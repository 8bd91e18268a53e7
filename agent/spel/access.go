package spel

import (
	"strconv"
	"strings"
)

// Reading what a value holds: x.name and x[index].

func (n *propertyNode) eval(s *state, target any) (any, error) {
	if target == nil {
		if n.safe {
			return nil, nil
		}
		return nil, onNull(n, codePropertyNotReadableOnNull, strconv.Quote(n.name))
	}
	if err := s.count(n.at); err != nil {
		return nil, err
	}
	if v, ok := n.in(target); ok {
		return v, nil
	}
	if !s.env.Strict {
		// Outputs of ancestors are seen by reading, not by containsKey.
		if m, ok := target.(*scope); ok {
			return m.inherited(n.name), nil
		}
		if isMap(target) {
			return nil, nil
		}
	}
	v, err, ok := s.getter(target, n.name)
	if !ok {
		return nil, noProperty(n.position(), target, n.name)
	}
	if _, known := err.(*Error); err != nil && !known {
		return nil, failure(n.position(), codeExceptionDuringPropertyRead, "%s: %v", n.name, err)
	}
	return v, err
}

func noProperty(pos int, target any, name string) *Error {
	e := failure(pos, codeExceptionDuringPropertyRead, "%s has no %q", describeOwner(target), name)
	e.Java = illegalArgument
	e.missing = &missing{strconv.Quote(name), target}
	if names := namesOf(target); names != nil {
		e.suggest("it has: %s", nearest(name, names))
	} else if _, many := elements(target); many {
		e.suggest("write .![%s] to read it from all elements, or [0].%s from the first", name, name)
	}
	return e
}

// onNull is the error of reading something from null.
func onNull(n node, code Code, name string) *Error {
	e := failure(n.position(), code, "null has no %s", name).suggest(`write "?." or "?:" if it may be missing`)
	e.missing = &missing{name: name}
	return e
}

// describeOwner names a value whose content is not worth showing.
func describeOwner(v any) string {
	if m, ok := v.(*scope); ok && m.root {
		return "the context"
	}
	if isMap(v) {
		return "the map"
	}
	return describe(v)
}

func (n *indexNode) eval(s *state, target any) (any, error) {
	if target == nil {
		if n.safe {
			return nil, nil
		}
		name := "element"
		if key := keyOf(n); key != "" {
			name = strconv.Quote(key)
		}
		return nil, onNull(n, codeCannotIndexIntoNull, name)
	}
	if err := s.count(n.at); err != nil {
		return nil, err
	}
	if isMap(target) {
		return s.indexMap(n, target)
	}
	index, err := n.index.eval(s, s.root)
	if err != nil {
		return nil, err
	}
	if index == nil {
		return nil, noIndex(n)
	}
	switch target := target.(type) {
	case []any:
		return indexItems(n, target, index, codeCollectionIndexOutOfBounds, true)
	case *array:
		return indexItems(n, target.items, index, codeArrayIndexOutOfBounds, true)
	case *set:
		return indexItems(n, target.items, index, codeCollectionIndexOutOfBounds, false)
	case *collection:
		return indexItems(n, target.items, index, codeCollectionIndexOutOfBounds, false)
	case string:
		return indexString(n, target, index)
	}
	name, ok := index.(string)
	if !ok {
		return nil, failure(n.position(), codeIndexingNotSupported, "%s cannot be indexed", describe(target))
	}
	if v, err, ok := s.getter(target, name); ok {
		return v, err
	}
	e := noProperty(n.position(), target, name)
	e.Code = ""
	if c, ok := target.(*class); ok && name == "length" && strings.HasSuffix(c.name, "[]") {
		e.Code = codeIndexingNotSupported // Spring takes the class for an array, then notices
	}
	return nil, e
}

func noIndex(n *indexNode) *Error {
	return javaFailure(n.index.position(), "java.lang.IllegalStateException", "the index is null")
}

// indexMap reads a key. An absent one is null in both modes.
func (s *state) indexMap(n *indexNode, target any) (any, error) {
	key, err := s.mapKey(n.index, s.root)
	if err != nil {
		return nil, err
	}
	if key == nil {
		return nil, noIndex(n)
	}
	v, ok := mapGet(target, key)
	if m, isScope := target.(*scope); !ok && isScope {
		if name, ok := key.(string); ok {
			return m.inherited(name), nil
		}
	}
	return v, nil
}

// indexItems reads an element. A negative index of a list or array fails in
// Java without a code of Spring's.
func indexItems(n *indexNode, items []any, index any, code Code, plainNegative bool) (any, error) {
	i, err := indexNumber(n, index)
	if err != nil {
		return nil, err
	}
	if i >= 0 && i < len(items) {
		return normal(items[i]), nil
	}
	if i < 0 && plainNegative {
		return nil, javaFailure(n.index.position(), "java.lang.IndexOutOfBoundsException", "the index %d is negative", i)
	}
	if len(items) == 0 {
		return nil, failure(n.index.position(), code, "there is no element [%d]: there is none at all", i)
	}
	return nil, failure(n.index.position(), code, "there is no element [%d]: the last one is [%d]", i, len(items)-1)
}

func indexString(n *indexNode, target string, index any) (any, error) {
	i, err := indexNumber(n, index)
	if err != nil {
		return nil, err
	}
	length := utf16Len(target)
	if i >= length {
		return nil, failure(n.index.position(), codeStringIndexOutOfBounds, "there is no character %d: the string has %d, counted from 0", i, length)
	}
	if i < 0 {
		return nil, javaFailure(n.index.position(), "java.lang.StringIndexOutOfBoundsException", "the index %d is negative", i)
	}
	return substring(target, i, i+1), nil
}

// indexNumber is the index as a number.
func indexNumber(n *indexNode, index any) (int, error) {
	if i, ok := index.(int32); ok {
		return int(i), nil
	}
	v, err := convert(index, typeInt)
	if err != nil {
		e := failure(n.index.position(), codeTypeConversionError, "the index must be a number, but it is %s", describe(index))
		return 0, e
	}
	return int(v.(int32)), nil
}
