package helm

import (
	"bytes"
	"fmt"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/releaseutil"
)

// output is the text of a rendered chart.
type output struct {
	text           []byte
	objects, hooks int
}

// assemble puts rendered files into one text as `helm template` prints it: definitions of crds/ when wanted, objects
// in install order, hooks. Notes, partials and tests are left out.
func assemble(c *chart.Chart, files map[string]string, includeCRDs bool) (*output, error) {
	for name := range files {
		if strings.HasSuffix(name, "NOTES.txt") {
			delete(files, name)
		}
	}
	hooks, manifests, err := releaseutil.SortManifests(files, nil, releaseutil.InstallOrder)
	if err != nil {
		return nil, yamlError(err)
	}
	var body bytes.Buffer
	out := &output{}
	if includeCRDs {
		for _, crd := range c.CRDObjects() {
			writeDocument(&body, crd.Filename, string(crd.File.Data))
			out.objects += countObjects(string(crd.File.Data))
		}
	}
	for _, manifest := range manifests {
		if isTest(manifest.Name) {
			continue
		}
		writeDocument(&body, manifest.Name, manifest.Content)
		if manifest.Head.Kind != "" {
			out.objects++
		}
	}
	var text bytes.Buffer
	if trimmed := bytes.TrimSpace(body.Bytes()); len(trimmed) > 0 {
		text.Write(trimmed)
		text.WriteByte('\n')
	}
	for _, hook := range hooks {
		if isTest(hook.Path) {
			continue
		}
		writeDocument(&text, hook.Path, hook.Manifest)
		out.objects++
		out.hooks++
	}
	out.text = text.Bytes()
	return out, nil
}

func writeDocument(out *bytes.Buffer, source, content string) {
	fmt.Fprintf(out, "---\n# Source: %s\n%s\n", source, content)
}

// isTest says whether a template is one of those whose objects a bake leaves out, in the chart or a subchart.
//
// Source: spinnaker/spinnaker rosco/rosco-manifests helm/HelmTemplateUtils.java, removeTestsDirectoryTemplates.
func isTest(source string) bool {
	return strings.Contains(source, "/templates/tests/")
}

func countObjects(text string) int {
	objects := 0
	for _, document := range releaseutil.SplitManifests(text) {
		if strings.Contains(document, "kind:") || strings.Contains(document, `"kind"`) {
			objects++
		}
	}
	return objects
}
