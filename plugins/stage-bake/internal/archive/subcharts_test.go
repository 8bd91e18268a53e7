package archive_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gennaker/gennaker/plugins/stage-bake/internal/archive"
)

func packaged(t testing.TB, entries ...entry) string {
	t.Helper()
	return string(gzipped(t, tarball(t, entries)))
}

func read(t *testing.T, entries ...entry) []archive.File {
	t.Helper()
	content, err := archive.Read(bytes.NewReader(tarball(t, entries)), archive.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	return content.Files
}

func TestUnpackReplacesPackagedSubcharts(t *testing.T) {
	inner := packaged(t, entry{name: "deep/Chart.yaml", body: "name: deep"})
	outer := packaged(t,
		entry{name: "sub/Chart.yaml", body: "name: sub"},
		entry{name: "sub/charts/deep-1.tgz", body: inner})
	content, err := archive.Unpack(read(t,
		entry{name: "Chart.yaml", body: "name: web"},
		entry{name: "charts/sub-1.tgz", body: outer},
		entry{name: "charts/_off.tgz", body: "left alone"},
		entry{name: "files/data.tgz", body: "left alone"},
		entry{name: "templates/charts/data.tgz", body: "left alone"},
	), archive.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"Chart.yaml", "charts/_off.tgz", "charts/sub-1.tgz.d/Chart.yaml",
		"charts/sub-1.tgz.d/charts/deep-1.tgz.d/Chart.yaml", "files/data.tgz",
		"templates/charts/data.tgz",
	}
	if diff := cmp.Diff(want, names(content.Files)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestUnpackKeepsTheLimitsOverAllSubcharts(t *testing.T) {
	bomb := packaged(t, entry{name: "sub/Chart.yaml"}, entry{name: "sub/zeros", body: strings.Repeat("0", 600<<10)})
	files := read(t,
		entry{name: "charts/a.tgz", body: bomb},
		entry{name: "charts/b.tgz", body: bomb},
	)
	_, err := archive.Unpack(files, archive.Limits{Total: 1 << 20, File: 1 << 20, Files: 100})
	if err == nil || !strings.Contains(err.Error(), `packaged subchart "charts/b.tgz": `) || !strings.Contains(err.Error(), `it has, or decompresses to, more than`) {
		t.Errorf("error %v: two subcharts within the limit are over it together", err)
	}
}

func TestUnpackEndsNesting(t *testing.T) {
	chart := packaged(t, entry{name: "Chart.yaml"})
	for range 10 {
		chart = packaged(t, entry{name: "Chart.yaml"}, entry{name: "charts/again.tgz", body: chart})
	}
	_, err := archive.Unpack(read(t, entry{name: "charts/again.tgz", body: chart}), archive.DefaultLimits())
	if err == nil || !strings.Contains(err.Error(), "more than 8 packaged charts deep") {
		t.Errorf("error %v, want one about nesting", err)
	}
}
