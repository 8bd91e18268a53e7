package spel

import (
	"errors"
	"fmt"
	"math/big"
	"slices"
)

// What can be called on lists, sets, maps and their entries. Methods that
// change them are left out: an expression cannot write.

// collected makes a callable over the elements of any collection.
func collected(f func(items []any, args []any) (any, error)) callable {
	return func(_ *state, target any, args []any) (any, error) {
		items, _ := elements(target)
		return f(items, args)
	}
}

func anything(f func(target any, args []any) (any, error)) callable {
	return func(_ *state, target any, args []any) (any, error) { return f(target, args) }
}

var (
	toStringMember = []member{{"toString()", anything(func(v any, _ []any) (any, error) { return toString(v), nil })}}

	// identityMembers are for classes that define equals and hashCode.
	identityMembers = []member{
		{"equals(Object)", anything(func(v any, args []any) (any, error) { return javaEquals(v, args[0]), nil })},
		{"hashCode()", anything(func(v any, _ []any) (any, error) { return hashOf(v), nil })},
	}

	collectionMembers = []member{
		{"size()", collected(func(items, _ []any) (any, error) { return integer(len(items)), nil })},
		{"isEmpty()", collected(func(items, _ []any) (any, error) { return len(items) == 0, nil })},
		{"contains(Object)", collected(func(items, args []any) (any, error) { return contains(items, args[0]), nil })},
		{"containsAll(Collection)", collected(func(items, args []any) (any, error) {
			wanted, ok := elements(args[0])
			if !ok {
				return nil, errors.New("the argument is null")
			}
			var w walk
			return w.containsAll(items, wanted), nil
		})},
	}

	listMembers = []member{
		{"indexOf(Object)", collected(func(items, args []any) (any, error) {
			return integer(slices.IndexFunc(items, func(item any) bool { return equalElements(item, args[0]) })), nil
		})},
		{"lastIndexOf(Object)", collected(func(items, args []any) (any, error) {
			for i := len(items) - 1; i >= 0; i-- {
				if equalElements(items[i], args[0]) {
					return integer(i), nil
				}
			}
			return integer(-1), nil
		})},
		{"subList(int,int)", collected(func(items, args []any) (any, error) {
			from, to := int(args[0].(int32)), int(args[1].(int32))
			if from < 0 || to > len(items) || from > to {
				return nil, fmt.Errorf("the bounds %d to %d do not fit a list of %d", from, to, len(items))
			}
			return items[from:to:to], nil
		})},
	}

	mapMembers = []member{
		{"size()", anything(func(m any, _ []any) (any, error) { return integer(mapLen(m)), nil })},
		{"isEmpty()", anything(func(m any, _ []any) (any, error) { return mapLen(m) == 0, nil })},
		{"containsKey(Object)", anything(func(m any, args []any) (any, error) {
			_, ok := mapGet(m, args[0])
			return ok, nil
		})},
		{"containsValue(Object)", anything(func(m any, args []any) (any, error) {
			for _, v := range mapEntries(m) {
				if javaEquals(v, args[0]) {
					return true, nil
				}
			}
			return false, nil
		})},
		{"keySet()", anything(func(m any, _ []any) (any, error) {
			keys := make([]any, 0, mapLen(m))
			for k := range mapEntries(m) {
				keys = append(keys, k)
			}
			return &set{items: keys}, nil
		})},
		{"values()", anything(func(m any, _ []any) (any, error) {
			values := make([]any, 0, mapLen(m))
			for _, v := range mapEntries(m) {
				values = append(values, v)
			}
			return &collection{values}, nil
		})},
		{"entrySet()", anything(func(m any, _ []any) (any, error) {
			entries := make([]any, 0, mapLen(m))
			for k, v := range mapEntries(m) {
				entries = append(entries, entry{k, v})
			}
			return &set{items: entries, entries: true}, nil
		})},
	}
)

// hashString is Java's String.hashCode.
func hashString(s string) int32 {
	h := int32(0)
	for _, u := range utf16Units(s) {
		h = 31*h + int32(u)
	}
	return h
}

// hashOf is Java's hashCode.
func hashOf(v any) int32 {
	var w walk
	return w.hash(v)
}

func (w *walk) hash(v any) int32 {
	w.enter()
	defer w.leave()
	switch v := v.(type) {
	case nil:
		return 0
	case bool:
		if v {
			return 1231
		}
		return 1237
	case string:
		return hashString(v)
	case int32, int16, int8:
		return asInt32(v)
	case char:
		return int32(v)
	case int64:
		return int32(v ^ int64(uint64(v)>>32))
	case double:
		return hashDouble(v)
	case float32:
		return hashFloat(v)
	case *big.Int:
		return hashBig(v)
	case entry:
		return w.hash(v.key) ^ w.hash(v.value)
	case []any:
		h := int32(1)
		for _, item := range v {
			h = 31*h + w.hash(normal(item))
		}
		return h
	case hasher:
		return v.hash()
	}
	sum := int32(0)
	if isMap(v) {
		for k, value := range mapEntries(v) {
			sum += w.hash(entry{k, value})
		}
		return sum
	}
	items, _ := elements(v)
	for _, item := range items {
		sum += w.hash(normal(item))
	}
	return sum
}

// hasher is a Java object with its own hashCode.
type hasher interface{ hash() int32 }
