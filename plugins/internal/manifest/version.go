package manifest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const annotationLastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// Version of a versioned object.
type Version struct {
	Number int
	// Reused means that an object of this version with the same content is in the cluster.
	Reused bool
}

// String is "v000", "v001", … "v1000".
func (v Version) String() string { return fmt.Sprintf("v%03d", v.Number) }

// parseVersion reads "v<number>"; whatever else stands in a version annotation is no version of ours.
func parseVersion(text string) (int, bool) {
	digits, ok := strings.CutPrefix(text, "v")
	if !ok || strings.TrimLeft(digits, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.Atoi(digits)
	return n, err == nil
}

// PriorVersions picks the versions of an unversioned name out of the live objects of a kind in one namespace, oldest
// first (clouddriver-kubernetes caching/view/provider/ArtifactProvider.java).
func PriorVersions(live []*unstructured.Unstructured, name string) []*unstructured.Unstructured {
	var prior []*unstructured.Unstructured
	for _, o := range live {
		annotations := o.GetAnnotations()
		if annotations[annotationType] != "" && annotations[annotationName] == name {
			prior = append(prior, o)
		}
	}
	slices.SortStableFunc(prior, func(a, b *unstructured.Unstructured) int {
		if c := a.GetCreationTimestamp().Compare(b.GetCreationTimestamp().Time); c != 0 {
			return c
		}
		return versionOf(a) - versionOf(b) // creation times have whole seconds only
	})
	return prior
}

// versionOf is -1 for an object whose version annotation is none of ours.
func versionOf(o *unstructured.Unstructured) int {
	if n, ok := parseVersion(o.GetAnnotations()[annotationVersion]); ok {
		return n
	}
	return -1
}

// chooseVersion finds the version of the same content, else takes the next number
// (clouddriver-kubernetes artifact/ResourceVersioner.java). An object that an earlier deploy of ours made is known by
// its content hash, one of Spinnaker's by kubectl's last-applied annotation.
func chooseVersion(o Object, prior []*unstructured.Unstructured) (Version, error) {
	hash, err := contentHash(o.Object)
	if err != nil {
		return Version{}, fmt.Errorf("%s: %w", o.Title(), err)
	}
	highest := -1
	for _, p := range prior {
		highest = max(highest, versionOf(p))
	}
	for _, same := range []func(*unstructured.Unstructured) bool{
		func(p *unstructured.Unstructured) bool { return p.GetAnnotations()[annotationHash] == hash },
		func(p *unstructured.Unstructured) bool { return lastAppliedEqual(p, o.Object) },
	} {
		for _, p := range prior {
			if number := versionOf(p); number >= 0 && same(p) {
				return Version{Number: number, Reused: true}, nil
			}
		}
	}
	return Version{Number: highest + 1}, nil
}

// contentHash is the SHA-256 of an object without its metadata.
func contentHash(object map[string]any) (string, error) {
	text, err := content(object)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// content is the canonical JSON of an object without its metadata.
func content(object map[string]any) ([]byte, error) {
	rest := make(map[string]any, len(object))
	for key, value := range object {
		if key != "metadata" {
			rest[key] = value
		}
	}
	text, err := json.Marshal(rest)
	if err != nil {
		return nil, fmt.Errorf("content: %w", err)
	}
	return text, nil
}

func lastAppliedEqual(live *unstructured.Unstructured, object map[string]any) bool {
	var applied map[string]any
	decoder := json.NewDecoder(strings.NewReader(live.GetAnnotations()[annotationLastApplied]))
	decoder.UseNumber()
	if decoder.Decode(&applied) != nil {
		return false
	}
	normal, err := Normalize(applied)
	if err != nil {
		return false
	}
	was, errWas := content(normal.(map[string]any))
	is, errIs := content(object)
	return errWas == nil && errIs == nil && bytes.Equal(was, is)
}

// Surplus returns the versions beyond the newest keep, oldest first. Prior versions must come oldest first.
func Surplus(prior []*unstructured.Unstructured, keep int) []*unstructured.Unstructured {
	if len(prior) <= keep {
		return nil
	}
	return prior[:len(prior)-keep]
}
