package spel

import "sync/atomic"

// slot is a name that is looked up in maps again and again. It remembers where
// the last one had it: most maps that an expression meets are built alike, and
// looking there first spares searching.
type slot struct {
	name string
	key  any // the name, as the key of a map
	last atomic.Int32
}

func newSlot(name string) *slot { return &slot{name: name, key: name} }

// in reads the name from a map; ok is false if the value is none, or has no such
// key. What ancestors put out is not looked at.
func (s *slot) in(v any) (value any, ok bool) {
	switch m := v.(type) {
	case *Map:
		i := s.find(m)
		if i < 0 {
			return nil, false
		}
		return normal(m.values[i]), true
	case map[string]any:
		value, ok = m[s.name]
		return normal(value), ok
	case *scope:
		return m.get(s.key)
	}
	return nil, false
}

// find is the index of the name's entry, -1 if there is none.
func (s *slot) find(m *Map) int {
	if i := int(s.last.Load()); i < len(m.keys) {
		if key, ok := m.keys[i].(string); ok && key == s.name {
			return i
		}
	}
	i := m.findName(s.name)
	if i >= 0 {
		s.last.Store(int32(i))
	}
	return i
}
