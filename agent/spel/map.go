package spel

import (
	"iter"
)

// Map is a map that keeps the order of its entries, as Java's LinkedHashMap
// does: text forms, keySet() and #toJson show it. Documents decoded with
// [Decode] are made of Maps; keys from JSON are strings, those of a map written
// in an expression can be any value.
//
// A Map must not change while expressions read it.
type Map struct {
	keys   []any
	values []any
	index  map[string]int // of the string keys of a map larger than linearSearch
}

// linearSearch is the size up to which comparing keys beats hashing them.
const linearSearch = 8

// NewMap makes an empty map with room for n entries.
func NewMap(n int) *Map {
	return &Map{keys: make([]any, 0, n), values: make([]any, 0, n)}
}

// Len is the number of entries.
func (m *Map) Len() int { return len(m.keys) }

// Get returns the value of a string key.
func (m *Map) Get(key string) (any, bool) {
	if i := m.findName(key); i >= 0 {
		return m.values[i], true
	}
	return nil, false
}

// Set adds an entry, or replaces the value of an existing one in its place.
func (m *Map) Set(key string, value any) { m.put(key, value) }

// All iterates over the entries in order.
func (m *Map) All() iter.Seq2[any, any] {
	return func(yield func(any, any) bool) {
		for i, k := range m.keys {
			if !yield(k, m.values[i]) {
				return
			}
		}
	}
}

func (m *Map) lookup(key any) (any, bool) {
	if i := m.find(key); i >= 0 {
		return m.values[i], true
	}
	return nil, false
}

func (m *Map) find(key any) int {
	if name, ok := key.(string); ok {
		return m.findName(name)
	}
	for i, k := range m.keys {
		if javaEquals(normal(k), key) {
			return i
		}
	}
	return -1
}

func (m *Map) findName(name string) int {
	if m.index != nil {
		if i, ok := m.index[name]; ok {
			return i
		}
		return -1
	}
	for i, k := range m.keys {
		if k, ok := k.(string); ok && k == name {
			return i
		}
	}
	return -1
}

func (m *Map) put(key, value any) {
	if i := m.find(key); i >= 0 {
		m.values[i] = value
		return
	}
	m.keys = append(m.keys, key)
	m.values = append(m.values, value)
	if m.index == nil && len(m.keys) > linearSearch {
		m.index = make(map[string]int, 2*len(m.keys))
		for i, k := range m.keys {
			if name, ok := k.(string); ok {
				m.index[name] = i
			}
		}
	} else if name, ok := key.(string); ok && m.index != nil {
		m.index[name] = len(m.keys) - 1
	}
}

// merged is a copy of a map with entries of another on top.
func merged(base, top any) *Map {
	out := NewMap(mapLen(base) + mapLen(top))
	for _, m := range [...]any{base, top} {
		for k, v := range mapEntries(m) {
			out.put(k, v)
		}
	}
	return out
}
