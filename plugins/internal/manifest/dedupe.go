package manifest

import (
	"fmt"
	"reflect"
	"strings"
)

// keyedList is a list that the API server keys by fields, so that two entries with equal keys get lost or mixed up
// when the object is patched.
type keyedList struct {
	field string
	keys  []string
	// fallback is what a missing key stands for.
	fallback map[string]string
	// last means that of entries with different content the last one counts; else the API server refuses them.
	last bool
}

// podLists are the keyed lists of a Pod spec, containerLists those of each of its containers.
var (
	podLists = []keyedList{
		{field: "volumes", keys: []string{"name"}},
		{field: "imagePullSecrets", keys: []string{"name"}, last: true},
		{field: "hostAliases", keys: []string{"ip"}, last: true},
	}
	containerLists = []keyedList{
		{field: "env", keys: []string{"name"}, last: true},
		{field: "ports", keys: []string{"containerPort", "protocol"}, fallback: map[string]string{"protocol": "TCP"}, last: true},
		{field: "volumeMounts", keys: []string{"mountPath"}},
		{field: "volumeDevices", keys: []string{"devicePath"}},
	}
	serviceLists = []keyedList{
		{field: "ports", keys: []string{"port", "protocol"}, fallback: map[string]string{"protocol": "TCP"}},
	}
)

// Duplicate is a finding of Dedupe.
type Duplicate struct {
	// Path names the list: "spec.template.spec.containers[0].env".
	Path string
	// Key is the entry's key: `name "A"`.
	Key string
	// Differs is true when the entries had different content, so that one of them was lost.
	Differs bool
}

// String is the finding for people.
func (d Duplicate) String() string {
	if d.Differs {
		return fmt.Sprintf("%s: %s is given more than once with different content; the last one is kept, as the kubelet would", d.Path, d.Key)
	}
	return fmt.Sprintf("%s: %s is given more than once; one is kept", d.Path, d.Key)
}

// Dedupe removes entries with equal keys from lists that the API server keys. kubectl's client-side apply loses such
// an entry when its twin is removed later, and server-side apply refuses the object. Equal entries become the first of
// them; of different ones the last is kept where the API server would accept them all.
func (k *Kinds) Dedupe(o Object) []Duplicate {
	d := &deduper{}
	k.eachPodSpec(o, d.podSpec)
	if k.Of(o.GroupVersionKind()).Name == "service" {
		spec, _ := o.Object["spec"].(map[string]any)
		d.lists(spec, "spec", serviceLists)
	}
	return d.found
}

type deduper struct{ found []Duplicate }

func (d *deduper) podSpec(spec map[string]any, path string) {
	d.lists(spec, path, podLists)
	for _, field := range []string{"initContainers", "containers", "ephemeralContainers"} {
		eachElement(spec, path, field, func(c map[string]any, path string) { d.lists(c, path, containerLists) })
	}
}

func (d *deduper) lists(holder map[string]any, path string, lists []keyedList) {
	for _, list := range lists {
		entries, ok := holder[list.field].([]any)
		if !ok {
			continue
		}
		kept, found := list.dedupe(entries)
		for _, f := range found {
			f.Path = path + "." + list.field
			d.found = append(d.found, f)
		}
		if len(found) > 0 {
			holder[list.field] = kept
		}
	}
}

func (l keyedList) dedupe(entries []any) (kept []any, found []Duplicate) {
	groups := make(map[string][]int)
	for i, entry := range entries {
		if key, ok := l.key(entry); ok {
			groups[key] = append(groups[key], i)
		}
	}
	drop := make(map[int]bool)
	reported := make(map[string]bool)
	for _, entry := range entries {
		key, ok := l.key(entry)
		group := groups[key]
		if !ok || len(group) < 2 || reported[key] {
			continue
		}
		reported[key] = true
		differs := !allEqual(entries, group)
		if differs && !l.last {
			continue
		}
		losers := group[1:]
		if differs {
			losers = group[:len(group)-1]
		}
		for _, i := range losers {
			drop[i] = true
		}
		found = append(found, Duplicate{Key: key, Differs: differs})
	}
	for i, entry := range entries {
		if !drop[i] {
			kept = append(kept, entry)
		}
	}
	return kept, found
}

// key is not ok for an entry without its keys.
func (l keyedList) key(entry any) (string, bool) {
	object, ok := entry.(map[string]any)
	if !ok {
		return "", false
	}
	var parts []string
	for _, field := range l.keys {
		value, present := object[field]
		if !present {
			fallback, ok := l.fallback[field]
			if !ok {
				return "", false
			}
			value = fallback
		}
		if text, ok := value.(string); ok {
			parts = append(parts, fmt.Sprintf("%s %q", field, text))
		} else {
			parts = append(parts, fmt.Sprintf("%s %v", field, value))
		}
	}
	return strings.Join(parts, ", "), true
}

func allEqual(entries []any, group []int) bool {
	for _, i := range group[1:] {
		if !reflect.DeepEqual(entries[group[0]], entries[i]) {
			return false
		}
	}
	return true
}
