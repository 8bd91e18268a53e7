package spel

import "slices"

// Selection .?[ ] .^[ ] .$[ ] and projection .![ ].

// inside evaluates a node with an element as active object and scope.
func (s *state) inside(n node, element any) (any, error) {
	outer := s.scope
	s.scope = element
	v, err := n.eval(s, element)
	s.scope = outer
	return v, err
}

// chosen evaluates a selection's criterion for one element.
func (s *state) chosen(n *selectNode, element any) (bool, error) {
	v, err := s.inside(n.criterion, element)
	if err != nil {
		return false, err
	}
	b, ok := v.(bool)
	if !ok {
		return false, failure(n.criterion.position(), codeSelectionCriteriaNotBoolean,
			"the criterion of a selection must be true or false, but it is %s", describe(v))
	}
	if b && n.kind != tokSelectFirst {
		return true, s.count(n.at)
	}
	return b, nil
}

func (n *selectNode) eval(s *state, target any) (any, error) {
	if target == nil && n.safe {
		return nil, nil
	}
	if isMap(target) {
		return s.selectEntries(n, target)
	}
	items, ok := elements(target)
	if !ok {
		return nil, failure(n.position(), codeInvalidTypeForSelection, "only lists and maps can be selected from, but this is %s", describe(target))
	}
	if err := s.count(n.at); err != nil {
		return nil, err
	}
	var found []any
	for _, item := range items {
		item = normal(item)
		ok, err := s.chosen(n, item)
		if err != nil {
			return nil, err
		}
		if ok && n.kind == tokSelectFirst {
			return item, nil
		}
		if ok {
			found = append(found, item)
		}
	}
	if n.kind != tokSelect {
		if len(found) == 0 {
			return nil, nil
		}
		return found[len(found)-1], nil
	}
	if a, ok := target.(*array); ok {
		return &array{boxed(a.elem), found}, nil
	}
	if found == nil {
		found = []any{}
	}
	return found, nil
}

func (s *state) selectEntries(n *selectNode, target any) (any, error) {
	if err := s.count(n.at); err != nil {
		return nil, err
	}
	found := NewMap(0)
	for k, v := range mapEntries(target) {
		ok, err := s.chosen(n, entry{k, v})
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		if n.kind == tokSelectLast {
			found = NewMap(1)
		}
		found.put(k, v)
		if n.kind == tokSelectFirst {
			return found, s.count(n.at)
		}
	}
	if n.kind != tokSelect && found.Len() == 0 {
		return nil, nil
	}
	return hashOrdered(found), nil
}

// hashOrdered is a map in the order that a Java HashMap has, which is what a
// selection from a map gives.
func hashOrdered(m *Map) *Map {
	capacity := 16
	for 4*m.Len() > 3*capacity {
		capacity *= 2
	}
	order := make([]int, m.Len())
	buckets := make([]int, m.Len())
	for i, k := range m.keys {
		h := uint32(hashOf(k))
		order[i], buckets[i] = i, int(h^h>>16)&(capacity-1)
	}
	slices.SortStableFunc(order, func(a, b int) int { return buckets[a] - buckets[b] })
	out := NewMap(m.Len())
	for _, i := range order {
		out.put(m.keys[i], m.values[i])
	}
	return out
}

func (n *projectNode) eval(s *state, target any) (any, error) {
	if target == nil && n.safe {
		return nil, nil
	}
	var items []any
	if isMap(target) {
		for k, v := range mapEntries(target) {
			items = append(items, entry{k, v})
		}
	} else {
		var ok bool
		if items, ok = elements(target); !ok {
			return nil, failure(n.position(), codeProjectionNotSupported, "only lists and maps can be projected, but this is %s", describe(target))
		}
	}
	if err := s.count(n.at); err != nil {
		return nil, err
	}
	out := make([]any, 0, len(items))
	for _, item := range items {
		v, err := s.inside(n.body, normal(item))
		if err != nil {
			return nil, err
		}
		if err := s.count(n.at); err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	if _, ok := target.(*array); ok {
		return &array{commonClass(out), out}, nil
	}
	return out, nil
}
