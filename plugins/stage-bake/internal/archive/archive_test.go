package archive_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gennaker/gennaker/plugins/stage-bake/internal/archive"
)

// entry is one entry of an archive under test; without a type it is a regular file.
type entry struct {
	name, body string
	kind       byte
}

func files(names ...string) []entry {
	var entries []entry
	for _, name := range names {
		entries = append(entries, entry{name: name, body: "content of " + name})
	}
	return entries
}

func tarball(t testing.TB, entries []entry) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, e := range entries {
		header := &tar.Header{Name: e.name, Mode: 0o644, Size: int64(len(e.body)), Typeflag: tar.TypeReg}
		if e.kind != 0 {
			header.Typeflag, header.Linkname = e.kind, "elsewhere"
		}
		if err := w.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(e.body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func gzipped(t testing.TB, data []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func names(list []archive.File) []string {
	var out []string
	for _, file := range list {
		out = append(out, file.Name)
	}
	slices.Sort(out)
	return out
}

func TestChartIsFoundInAnyLayout(t *testing.T) {
	chart := []string{"Chart.yaml", "templates/a.yaml"}
	tests := []struct {
		name      string
		entries   []entry
		chartPath string
		want      []string
		wantErr   string
	}{
		{name: "one top directory", entries: files("web/Chart.yaml", "web/templates/a.yaml"), want: chart},
		{name: "dot before the directory", entries: files("./web/Chart.yaml", "./web/templates/a.yaml"), want: chart},
		{name: "no directory", entries: files("Chart.yaml", "templates/a.yaml"), want: chart},
		{name: "tar of dot", entries: files("./Chart.yaml", "./templates/a.yaml"), want: chart},
		{name: "two levels", entries: files("repo/web/Chart.yaml", "repo/web/templates/a.yaml", "repo/README.md"), want: chart},
		{name: "a file beside the chart", entries: files("web/Chart.yaml", "web/templates/a.yaml", "README.txt"), want: chart},
		{name: "Windows separators", entries: files(`web\Chart.yaml`, `web\templates\a.yaml`), want: chart},
		{name: "subcharts are no candidates", entries: files("Chart.yaml", "templates/a.yaml", "charts/sub/Chart.yaml"),
			want: []string{"Chart.yaml", "charts/sub/Chart.yaml", "templates/a.yaml"}},
		{name: "path names one of two", entries: files("a/Chart.yaml", "b/Chart.yaml", "b/templates/a.yaml"), chartPath: "b", want: chart},
		{name: "path with Chart.yaml", entries: files("a/Chart.yaml", "b/Chart.yaml", "b/templates/a.yaml"), chartPath: "b/Chart.yaml", want: chart},
		{name: "path without the archive's own directory", entries: files("repo-1f2e/deploy/web/Chart.yaml", "repo-1f2e/deploy/web/templates/a.yaml"),
			chartPath: "./deploy/web/", want: chart},
		{name: "path of the root", entries: files("Chart.yaml", "templates/a.yaml"), chartPath: "Chart.yaml", want: chart},

		{name: "two charts side by side", entries: files("a/Chart.yaml", "b/Chart.yaml"),
			wantErr: `archive has 2 charts: "a", "b". Name one with helmChartFilePath`},
		{name: "no chart", entries: files("README.md", "values.yaml"),
			wantErr: `no Chart.yaml in the archive; its first entries are "README.md", "values.yaml"`},
		{name: "too deep", entries: files("a/b/c/Chart.yaml"),
			wantErr: `no Chart.yaml within 2 directories of the archive's root; there are charts in "a/b/c". Name one with helmChartFilePath`},
		{name: "path without a chart", entries: files("a/Chart.yaml"), chartPath: "b",
			wantErr: `no Chart.yaml at helmChartFilePath "b"; the archive has charts in "a"`},
		{name: "path outside", entries: files("a/Chart.yaml"), chartPath: "../a",
			wantErr: `helmChartFilePath "../a": archive entry "../a" lies outside the archive`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			content, err := archive.Read(bytes.NewReader(gzipped(t, tarball(t, test.entries))), archive.DefaultLimits())
			if err != nil {
				t.Fatal(err)
			}
			got, err := archive.Chart(content.Files, test.chartPath)
			if test.wantErr != "" {
				if err == nil || err.Error() != test.wantErr {
					t.Fatalf("error %v, want %s", err, test.wantErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, names(got)); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadAcceptsPlainTar(t *testing.T) {
	content, err := archive.Read(bytes.NewReader(tarball(t, files("web/Chart.yaml"))), archive.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"web/Chart.yaml"}, names(content.Files)); diff != "" {
		t.Error(diff)
	}
}

func TestReadDetails(t *testing.T) {
	data := tarball(t, []entry{
		{name: "web/", kind: tar.TypeDir},
		{name: "web/Chart.yaml", body: "\xEF\xBB\xBFname: web"},
		{name: "web/values.yaml", body: "first"},
		{name: "web/values.yaml", body: "second"},
		{name: "web/link.yaml", kind: tar.TypeSymlink},
		{name: "web/fifo", kind: tar.TypeFifo},
	})
	content, err := archive.Read(bytes.NewReader(gzipped(t, data)), archive.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	want := &archive.Content{
		Files: []archive.File{{Name: "web/Chart.yaml", Data: []byte("name: web")}, {Name: "web/values.yaml", Data: []byte("second")}},
		Links: []string{"web/link.yaml"},
	}
	if diff := cmp.Diff(want, content); diff != "" {
		t.Errorf("content (-want +got):\n%s", diff)
	}
}

func TestReadRefuses(t *testing.T) {
	limits := archive.Limits{Total: 1 << 20, File: 1 << 10, Files: 3}
	bomb := make([]entry, 0, 2000)
	for range cap(bomb) {
		bomb = append(bomb, entry{name: "web/same", body: strings.Repeat("0", 1<<10)})
	}
	truncated := gzipped(t, tarball(t, files("web/Chart.yaml")))
	tests := []struct {
		name    string
		data    []byte
		wantErr string
	}{
		{"parent directory", gzipped(t, tarball(t, files("../evil"))), `archive entry "../evil" lies outside the archive`},
		{"parent directory inside", gzipped(t, tarball(t, files("web/../../evil"))), `lies outside the archive`},
		{"parent directory with backslashes", gzipped(t, tarball(t, files(`..\evil`))), `lies outside the archive`},
		{"absolute", gzipped(t, tarball(t, files("/etc/passwd"))), `archive entry "/etc/passwd" has an absolute path`},
		{"drive", gzipped(t, tarball(t, files(`C:\x`))), `has an absolute path`},
		{"a link that leaves the root", gzipped(t, tarball(t, []entry{{name: "../x", kind: tar.TypeSymlink}})), `lies outside the archive`},
		{"large file", gzipped(t, tarball(t, []entry{{name: "a", body: strings.Repeat("x", 1025)}})), `archive entry "a" has 1025 bytes, more than the limit of 1024`},
		{"bomb", gzipped(t, tarball(t, bomb)), "it has, or decompresses to, more than the limit of 1048576 bytes"},
		{"endless members without content", bytes.Repeat(gzipped(t, nil), 60_000), "it has, or decompresses to, more than the limit of 1048576 bytes"},
		{"many files", gzipped(t, tarball(t, files("a", "b", "c", "d"))), "archive has more than 3 files"},
		{"no files", gzipped(t, tarball(t, nil)), "archive holds no files"},
		{"empty", nil, "it is empty, not a gzipped tar archive"},
		{"HTML", []byte("<!DOCTYPE html><html><body>Sign in</body></html>"), "it is an HTML page, not a gzipped tar archive"},
		{"YAML", []byte("apiVersion: v1\n"), "it is text/plain, not a gzipped tar archive"},
		{"cut off", truncated[:len(truncated)-20], "unexpected EOF"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := archive.Read(bytes.NewReader(test.data), limits)
			if err == nil || !strings.Contains(err.Error(), test.wantErr) {
				t.Errorf("error %v, want one with %q", err, test.wantErr)
			}
		})
	}
}

func FuzzRead(f *testing.F) {
	f.Add(gzipped(f, tarball(f, files("web/Chart.yaml", "web/templates/a.yaml"))), "")
	f.Add(tarball(f, files("./Chart.yaml", "charts/sub/Chart.yaml")), "web")
	f.Add(tarball(f, []entry{{name: "../x", kind: tar.TypeSymlink}}), "a/Chart.yaml")
	limits := archive.Limits{Total: 1 << 20, File: 1 << 16, Files: 100}
	f.Fuzz(func(t *testing.T, data []byte, chartPath string) {
		content, err := archive.Read(bytes.NewReader(data), limits)
		if err != nil {
			return
		}
		var total int64
		for _, file := range content.Files {
			if strings.HasPrefix(file.Name, "/") || slices.Contains(strings.Split(file.Name, "/"), "..") {
				t.Errorf("name %q leaves the archive", file.Name)
			}
			total += int64(len(file.Data))
		}
		if total > limits.Total {
			t.Errorf("%d bytes are over the limit", total)
		}
		if chart, err := archive.Chart(content.Files, chartPath); err == nil && len(chart) == 0 {
			t.Error("a chart without files")
		}
	})
}
