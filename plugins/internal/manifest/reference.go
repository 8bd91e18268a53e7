package manifest

import "strings"

// Types of the artifacts that can be bound.
const (
	typeImage      = "docker/image"
	typeConfigMap  = "kubernetes/configMap"
	typeSecret     = "kubernetes/secret"
	typeDeployment = "kubernetes/deployment"
	typeReplicaSet = "kubernetes/replicaSet"
)

// reference is a place in an object that names something an artifact can stand for.
type reference struct {
	// kind is the artifact type that fits.
	kind string
	// path names the place for people: "spec.template.spec.containers[0].image".
	path string
	// holder[key] is the text itself.
	holder map[string]any
	key    string
}

func (r reference) text() string {
	text, _ := r.holder[r.key].(string)
	return text
}

// references lists what an object refers to (clouddriver-kubernetes artifact/ArtifactReplacer.java), and beyond
// Spinnaker: images of a Pod's init containers, image pull secrets, and the TLS secrets of an Ingress.
func (k *Kinds) references(o Object) []reference {
	w := &walker{}
	k.eachPodSpec(o, w.podSpec)
	spec, _ := o.Object["spec"].(map[string]any)
	switch k.Of(o.GroupVersionKind()).Name {
	case "horizontalpodautoscaler":
		w.scaleTarget(spec)
	case "ingress":
		eachElement(spec, "spec", "tls", func(tls map[string]any, path string) {
			w.add(typeSecret, tls, "secretName", path)
		})
	}
	return w.found
}

// walker collects references.
type walker struct{ found []reference }

func (w *walker) add(kind string, holder map[string]any, key, path string) {
	if text, ok := holder[key].(string); ok && text != "" {
		w.found = append(w.found, reference{kind: kind, path: path + "." + key, holder: holder, key: key})
	}
}

func (w *walker) podSpec(spec map[string]any, path string) {
	for _, list := range []string{"initContainers", "containers", "ephemeralContainers"} {
		eachElement(spec, path, list, w.container)
	}
	eachElement(spec, path, "imagePullSecrets", func(s map[string]any, path string) { w.add(typeSecret, s, "name", path) })
	eachElement(spec, path, "volumes", w.volume)
}

func (w *walker) container(c map[string]any, path string) {
	w.add(typeImage, c, "image", path)
	eachElement(c, path, "envFrom", func(source map[string]any, path string) {
		w.named(source, path, "configMapRef", "secretRef")
	})
	eachElement(c, path, "env", func(env map[string]any, path string) {
		eachChild(env, path, "valueFrom", func(from map[string]any, path string) {
			w.named(from, path, "configMapKeyRef", "secretKeyRef")
		})
	})
}

func (w *walker) volume(v map[string]any, path string) {
	eachChild(v, path, "configMap", func(c map[string]any, path string) { w.add(typeConfigMap, c, "name", path) })
	eachChild(v, path, "secret", func(s map[string]any, path string) { w.add(typeSecret, s, "secretName", path) })
	eachChild(v, path, "projected", func(p map[string]any, path string) {
		eachElement(p, path, "sources", func(source map[string]any, path string) { w.named(source, path, "configMap", "secret") })
	})
}

// named adds the `name` of a ConfigMap and of a Secret under the given keys.
func (w *walker) named(holder map[string]any, path, configMap, secret string) {
	eachChild(holder, path, configMap, func(c map[string]any, path string) { w.add(typeConfigMap, c, "name", path) })
	eachChild(holder, path, secret, func(s map[string]any, path string) { w.add(typeSecret, s, "name", path) })
}

func (w *walker) scaleTarget(spec map[string]any) {
	eachChild(spec, "spec", "scaleTargetRef", func(target map[string]any, path string) {
		switch kind, _ := target["kind"].(string); kind {
		case "Deployment", "deployment":
			w.add(typeDeployment, target, "name", path)
		case "ReplicaSet", "replicaSet":
			w.add(typeReplicaSet, target, "name", path)
		}
	})
}

// Mentions lists the ConfigMaps and Secrets that an object's Pods use.
func (k *Kinds) Mentions(o Object) []Ref {
	var refs []Ref
	for _, r := range k.references(o) {
		if r.kind == typeConfigMap || r.kind == typeSecret {
			kind := strings.TrimPrefix(r.kind, "kubernetes/")
			refs = append(refs, Ref{Kind: kind, Namespace: o.GetNamespace(), Name: r.text()})
		}
	}
	return refs
}
