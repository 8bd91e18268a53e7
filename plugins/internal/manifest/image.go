package manifest

import "strings"

// imageNames returns the names under which an artifact may know an image reference: the reference without tag and
// digest, and what Spinnaker takes for it (clouddriver-kubernetes artifact/Replacer.java: the text before "@", else
// before the last ":"), which differs for a registry with a port.
func imageNames(reference string) []string {
	spinnaker, _, digest := strings.Cut(reference, "@")
	name := withoutTag(spinnaker)
	if !digest {
		if i := strings.LastIndexByte(reference, ':'); i >= 0 {
			spinnaker = reference[:i]
		}
	}
	if name == spinnaker {
		return []string{name}
	}
	return []string{name, spinnaker}
}

// withoutTag cuts a tag but not a registry's port.
func withoutTag(reference string) string {
	colon := strings.LastIndexByte(reference, ':')
	if colon > strings.LastIndexByte(reference, '/') {
		return reference[:colon]
	}
	return reference
}

// tagged says whether an image reference has a tag or digest.
func tagged(reference string) bool {
	return strings.Contains(reference, "@") || withoutTag(reference) != reference
}

// Images lists the distinct images that the Pods of the objects would run, in order.
func (k *Kinds) Images(objects []Object) []string {
	var images []string
	seen := make(map[string]bool)
	for _, o := range objects {
		for _, r := range k.references(o) {
			image := r.text()
			if r.kind == typeImage && image != "" && !seen[image] {
				seen[image] = true
				images = append(images, image)
			}
		}
	}
	return images
}
