package helm_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/gennaker/gennaker/plugins/stage-bake/internal/helm"
	"github.com/gennaker/gennaker/plugins/stage-bake/internal/helmcli"
)

var update = flag.Bool("update", false, "write the goldens anew with the helm command line")

// The goldens' helm command line is of this version, built for this version of Kubernetes.
const (
	helmVersion = "v3.22.0"
	kubeVersion = "v1.37.0"
)

// scenario is one file of testdata: a request, the equal arguments of `helm template`, a chart, values files, and what
// helm printed.
type scenario struct {
	path    string
	archive *txtar.Archive
}

func scenarios(t *testing.T) []scenario {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	var out []scenario
	for _, path := range paths {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, scenario{path: path, archive: archive})
	}
	return out
}

func (s scenario) file(name string) (string, bool) {
	at := slices.IndexFunc(s.archive.Files, func(f txtar.File) bool { return f.Name == name })
	if at < 0 {
		return "", false
	}
	return string(s.archive.Files[at].Data), true
}

// below returns the files of a folder, named relative to it.
func (s scenario) below(folder string) []helm.File {
	var out []helm.File
	for _, file := range s.archive.Files {
		if name, inside := strings.CutPrefix(file.Name, folder+"/"); inside {
			out = append(out, helm.File{Name: name, Data: slices.Clone(file.Data)})
		}
	}
	return out
}

func (s scenario) request(t *testing.T) helm.Request {
	t.Helper()
	text, _ := s.file("request.json")
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	request := helm.Request{HelmVersion: helmVersion, KubeVersion: kubeVersion}
	if err := decoder.Decode(&request); err != nil {
		t.Fatalf("%s: request.json: %v", s.path, err)
	}
	request.Chart = s.below("chart")
	for _, values := range s.below("values") {
		request.Values = append(request.Values, helm.ValuesFile(values))
	}
	return request
}

func TestTextIsThatOfHelmTemplate(t *testing.T) {
	for _, s := range scenarios(t) {
		t.Run(strings.TrimSuffix(filepath.Base(s.path), ".txtar"), func(t *testing.T) {
			request := s.request(t)
			if *update {
				s.write(t, request)
			}
			golden, ok := s.file("helm")
			if !ok {
				t.Fatal("no section `helm`: run with -update")
			}
			result, err := helm.Render(request)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(withoutTests(golden), string(result.Manifest)); diff != "" {
				t.Errorf("text (-helm +bake):\n%s", diff)
			}
		})
	}
}

// withoutTests drops test objects from helm's output as rosco does, by text.
func withoutTests(text string) string {
	var kept []string
	for _, document := range strings.Split(text, "---\n") {
		source, _, _ := strings.Cut(document, "\n")
		if strings.HasPrefix(source, "# Source: ") && strings.Contains(source, "/templates/tests/") {
			continue
		}
		kept = append(kept, document)
	}
	return strings.Join(kept, "---\n")
}

// write renders the scenario with the helm command line and keeps what it printed.
func (s *scenario) write(t *testing.T, request helm.Request) {
	t.Helper()
	dir := t.TempDir()
	chart := filepath.Join(dir, "chart.tgz")
	if err := os.WriteFile(chart, pack(t, request.Chart), 0o644); err != nil {
		t.Fatal(err)
	}
	arguments := []string{"template", request.ReleaseName, chart}
	for _, values := range request.Values {
		path := filepath.Join(dir, values.Name)
		if err := os.WriteFile(path, values.Data, 0o644); err != nil {
			t.Fatal(err)
		}
		arguments = append(arguments, "--values="+path)
	}
	more, _ := s.file("helm-args")
	arguments = append(arguments, strings.FieldsFunc(more, func(r rune) bool { return r == '\n' })...)
	command := exec.Command(helmcli.Path(t), arguments...)
	command.Env = []string{"HOME=" + dir}
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("helm %q: %v\n%s", arguments, err, stderr.String())
	}
	s.archive.Files = slices.DeleteFunc(s.archive.Files, func(f txtar.File) bool { return f.Name == "helm" })
	s.archive.Files = append(s.archive.Files, txtar.File{Name: "helm", Data: out})
	if err := os.WriteFile(s.path, txtar.Format(s.archive), 0o644); err != nil {
		t.Fatal(err)
	}
}

func pack(t testing.TB, files []helm.File) []byte {
	t.Helper()
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	w := tar.NewWriter(zipped)
	for _, file := range files {
		if err := w.WriteHeader(&tar.Header{Name: "chart/" + file.Name, Mode: 0o644, Size: int64(len(file.Data))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(file.Data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zipped.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
