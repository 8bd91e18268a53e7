package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write what the code does into the golden files")

// stage is the file stage.yaml of a case: what a deploy knows beside the manifest. testdata/README.md explains it.
type stage struct {
	Account            string           `json:"account"`
	Moniker            Moniker          `json:"moniker"`
	NamespaceOverride  string           `json:"namespaceOverride"`
	DefaultNamespace   string           `json:"defaultNamespace"`
	RemovedAPIs        RemovedAPIs      `json:"removedApis"`
	Versioned          *bool            `json:"versioned"`
	Binding            *bool            `json:"enableArtifactBinding"`
	Required           []Artifact       `json:"required"`
	Optional           []Artifact       `json:"optional"`
	ImageNameOnly      bool             `json:"imageNameOnly"`
	SkipTemplateLabels bool             `json:"skipSpecTemplateLabels"`
	SkipLabels         bool             `json:"skipLabels"`
	ManagedBy          string           `json:"managedBy"`
	Services           []string         `json:"services"`
	EnableTraffic      *bool            `json:"enableTraffic"`
	CustomResources    []CustomResource `json:"customResources"`
	// ReportOnly leaves objects.yaml out of the case.
	ReportOnly bool `json:"reportOnly"`
	// Unserved are the APIs that the cluster does not serve.
	Unserved []string `json:"unserved"`
}

// TestGolden runs the cases of testdata: a manifest, a stage and a cluster in; the objects to apply and a report out.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases in testdata: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { golden(t, file) })
	}
}

func golden(t *testing.T, file string) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	in := make(map[string][]byte)
	for _, f := range archive.Files {
		in[f.Name] = f.Data
	}
	objects, report := deploy(t, in)
	if *update {
		setFile(archive, "report.txt", report)
		setFile(archive, "objects.yaml", objects)
		if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(in["report.txt"]), report); diff != "" {
		t.Errorf("report.txt (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(string(in["objects.yaml"]), objects); diff != "" {
		t.Errorf("objects.yaml (-want +got):\n%s", diff)
	}
}

func setFile(archive *txtar.Archive, name, text string) {
	archive.Files = slices.DeleteFunc(archive.Files, func(f txtar.File) bool { return f.Name == name })
	if text != "" {
		archive.Files = append(archive.Files, txtar.File{Name: name, Data: []byte(text)})
	}
}

// deploy does what the stage does, with the cluster of the case.
func deploy(t *testing.T, in map[string][]byte) (objects, report string) {
	var out strings.Builder
	var s stage
	if err := yaml.UnmarshalStrict(in["stage.yaml"], &s); err != nil {
		t.Fatalf("stage.yaml: %v", err)
	}
	kinds, err := NewKinds(s.CustomResources)
	if err != nil {
		return "", "error: " + err.Error() + "\n"
	}
	docs, warnings, err := Parse(in["manifest.yaml"])
	writeWarnings(&out, warnings)
	if err != nil {
		return "", out.String() + "error: " + err.Error() + "\n"
	}
	parsed, err := Objects(docs)
	if err != nil {
		return "", out.String() + errorLines(err)
	}
	arranged, warnings, err := kinds.Arrange(parsed, Arrangement{
		Scope:            s.scope(kinds),
		Removed:          s.RemovedAPIs,
		Namespace:        s.NamespaceOverride,
		DefaultNamespace: s.DefaultNamespace,
	})
	writeWarnings(&out, warnings)
	if err != nil {
		return "", out.String() + errorLines(err)
	}
	set, err := kinds.Prepare(arranged, s.options(), s.live(t, kinds, arranged, in["cluster.yaml"]))
	for i, item := range set.Items {
		fmt.Fprintf(&out, "%d. %s (%d): %s", i+1, item.Ref.In(), kinds.Of(item.Object.GroupVersionKind()).Priority, item.Strategy)
		if item.Reused {
			out.WriteString(", version is there already")
		}
		out.WriteString("\n")
		for _, b := range set.Bindings {
			if b.Object.Kind == item.Ref.Kind && b.Object.Name == item.Artifact.Name {
				fmt.Fprintf(&out, "   binds %s at %s (was %s)\n", b.Artifact, b.Path, b.From)
			}
		}
	}
	if err != nil {
		return "", out.String() + errorLines(err)
	}
	objects = asYAML(t, set)
	if s.ReportOnly {
		objects = ""
	}
	return objects, out.String()
}

func (s *stage) scope(kinds *Kinds) func(schema.GroupVersionKind) (bool, bool) {
	return func(gvk schema.GroupVersionKind) (bool, bool) {
		if slices.Contains(s.Unserved, gvk.GroupVersion().String()) {
			return false, false
		}
		return kinds.Of(gvk).Namespaced, true
	}
}

func (s *stage) options() Options {
	return Options{
		Account: s.Account, Moniker: s.Moniker, Versioned: s.Versioned,
		Binding: s.Binding == nil || *s.Binding, Required: s.Required, Optional: s.Optional,
		ImageNameOnly: s.ImageNameOnly, SkipTemplateLabels: s.SkipTemplateLabels, SkipLabels: s.SkipLabels,
		ManagedBy: s.ManagedBy, Services: s.Services, EnableTraffic: s.EnableTraffic == nil || *s.EnableTraffic,
		NameSuffix: func(position int) string { return fmt.Sprintf("x%d", position) },
	}
}

// live looks up what the stage would look up in the cluster.
func (s *stage) live(t *testing.T, kinds *Kinds, arranged []Object, cluster []byte) Live {
	docs, _, err := Parse(cluster)
	if err != nil {
		t.Fatalf("cluster.yaml: %v", err)
	}
	objects, err := Objects(docs)
	if err != nil {
		t.Fatalf("cluster.yaml: %v", err)
	}
	live := Live{Versions: make(map[Ref][]*unstructured.Unstructured), Objects: make(map[Ref]*unstructured.Unstructured)}
	for _, o := range objects {
		live.Objects[kinds.RefOf(o)] = o.Unstructured
	}
	for _, o := range arranged {
		ref := kinds.RefOf(o)
		var sameKind []*unstructured.Unstructured
		for _, other := range objects {
			if r := kinds.RefOf(other); r.Kind == ref.Kind && r.Namespace == ref.Namespace {
				sameKind = append(sameKind, other.Unstructured)
			}
		}
		live.Versions[ref] = PriorVersions(sameKind, ref.Name)
	}
	return live
}

func writeWarnings(out *strings.Builder, warnings []string) {
	for _, w := range warnings {
		fmt.Fprintf(out, "warning: %s\n", w)
	}
}

func errorLines(err error) string {
	var out strings.Builder
	for _, line := range strings.Split(err.Error(), "\n") {
		fmt.Fprintf(&out, "error: %s\n", line)
	}
	return out.String()
}

// asYAML prints the objects and proves that a set survives being stored between two steps.
func asYAML(t *testing.T, set *Set) string {
	t.Helper()
	text, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	var stored Set
	if err := json.Unmarshal(text, &stored); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(set, &stored); diff != "" {
		t.Errorf("stored set differs:\n%s", diff)
	}
	var out bytes.Buffer
	for i, item := range stored.Items {
		if i > 0 {
			out.WriteString("---\n")
		}
		// The hash is opaque; that equal content has equal hashes is what the version cases show.
		annotations := item.Object.GetAnnotations()
		if _, present := annotations[annotationHash]; present {
			annotations[annotationHash] = "(hash)"
			item.Object.SetAnnotations(annotations)
		}
		document, err := yaml.Marshal(item.Object.Object)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(document)
	}
	return out.String()
}

func TestErrorsAreJoined(t *testing.T) {
	_, err := Objects([]Document{{Value: "text", Origin: "document 1"}, {Value: []any{nil, int64(3)}, Origin: "document 2"}})
	var joined interface{ Unwrap() []error }
	if !errors.As(err, &joined) || len(joined.Unwrap()) != 2 {
		t.Fatalf("want two findings, got %v", err)
	}
}
