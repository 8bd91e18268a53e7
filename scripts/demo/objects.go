package main

import "strings"

// objectsIn lists kind and name of each object in a rendered chart.
func objectsIn(manifest string) []string {
	var objects []string
	for doc := range strings.SplitSeq(manifest, "\n---") {
		kind, name, inMetadata := "", "", false
		for line := range strings.Lines(doc) {
			line = strings.TrimRight(line, "\n")
			switch {
			case strings.HasPrefix(line, "kind: "):
				kind = strings.TrimPrefix(line, "kind: ")
			case strings.HasPrefix(line, "metadata:"):
				inMetadata = true
			case inMetadata && name == "" && strings.HasPrefix(line, "  name: "):
				name = strings.Trim(strings.TrimPrefix(line, "  name: "), `"`)
			}
		}
		if kind != "" {
			objects = append(objects, kind+" "+name)
		}
	}
	return objects
}
