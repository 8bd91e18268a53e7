package spel

// path is the keys of a chain that consists of nothing else, such as
// trigger.properties['imageName']: most expressions are one.
type path []*slot

// pathOf is the path of a chain's steps, nil if it has other ones.
func pathOf(steps []node) path {
	keys := make(path, len(steps))
	for i, step := range steps {
		switch n := step.(type) {
		case *propertyNode:
			keys[i] = n.slot
		case *indexNode:
			keys[i] = literalKey(n.index)
		}
		if keys[i] == nil {
			return nil
		}
	}
	return keys
}

// literalKey is the key that an index of a map is whatever the data: a bare name
// or a text; nil for anything else.
func literalKey(index node) *slot {
	switch n := index.(type) {
	case *propertyNode:
		return n.slot
	case *literalNode:
		if name, ok := n.value.(string); ok {
			return newSlot(name)
		}
	}
	return nil
}

// walk reads a path through maps. It is the short way for what is usual: ok is
// false where a step meets anything but a map that has the key, or where there
// are more steps than operations left; the chain then goes step by step.
func (p path) walk(value any, left int) (v any, ok bool) {
	if p == nil || len(p) > left {
		return nil, false
	}
	for _, key := range p {
		if value, ok = key.in(value); !ok {
			return nil, false
		}
	}
	return value, true
}
