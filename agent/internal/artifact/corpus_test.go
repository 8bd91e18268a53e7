package artifact_test

import (
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

	"github.com/gennaker/gennaker/agent/internal/artifact"
	"github.com/gennaker/gennaker/api/spinnaker"
)

var update = flag.Bool("update", false, "write what comes out into the files of testdata")

// TestResolution reads testdata: what is expected, what the trigger brings, what the last execution had; and what comes
// of it: the error with its detail, or the report with the artifacts that the execution starts with.
func TestResolution(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			got := resolve(t, archive)
			if *update {
				archive.Files = slices.DeleteFunc(archive.Files, func(f txtar.File) bool { return f.Name == "result" })
				archive.Files = append(archive.Files, txtar.File{Name: "result", Data: []byte(got)})
				if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(section(archive, "result"), got); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
		})
	}
}

func resolve(t *testing.T, archive *txtar.Archive) string {
	t.Helper()
	var expected []spinnaker.ExpectedArtifact
	var trigger struct {
		ExpectedArtifactIDs []string             `json:"expectedArtifactIds"`
		Artifacts           []spinnaker.Artifact `json:"artifacts"`
	}
	var prior []spinnaker.Artifact
	decode(t, section(archive, "expected.json"), &expected)
	decode(t, section(archive, "trigger.json"), &trigger)
	decode(t, section(archive, "prior.json"), &prior)
	resolution, err := artifact.Resolve(expected, trigger.ExpectedArtifactIDs, trigger.Artifacts, prior)
	if err != nil {
		out := "error: " + err.Error() + "\n"
		var unmatched *artifact.UnmatchedError
		if errors.As(err, &unmatched) {
			out += "detail: " + unmatched.Detail() + "\n"
		}
		return out
	}
	again, err := artifact.Resolve(expected, trigger.ExpectedArtifactIDs, resolution.Artifacts, nil)
	if err != nil || !cmp.Equal(again.Artifacts, resolution.Artifacts) || !cmp.Equal(again.Expected(), resolution.Expected()) {
		t.Errorf("resolving the result again changes it: %+v, %v", again, err)
	}
	var out strings.Builder
	for _, line := range resolution.Explain() {
		out.WriteString(line + "\n")
	}
	for _, entry := range resolution.Entries() {
		for _, c := range entry.Candidates {
			fmt.Fprintf(&out, "candidate for %s: %s (%s) %s\n", entry.ID, c.Artifact, c.From, c.Mismatch)
		}
	}
	for _, a := range resolution.Artifacts {
		text, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		out.WriteString("artifact: " + string(text) + "\n")
	}
	return out.String()
}

func decode(t *testing.T, text string, into any) {
	t.Helper()
	if text == "" {
		return
	}
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
}

func section(archive *txtar.Archive, name string) string {
	for _, file := range archive.Files {
		if file.Name == name {
			return string(file.Data)
		}
	}
	return ""
}

func TestBindFallsBackOnTheDefault(t *testing.T) {
	bound, err := artifact.Bind([]spinnaker.ExpectedArtifact{{
		ID: "m", MatchArtifact: &spinnaker.Artifact{Name: "x"}, UseDefaultArtifact: true, DefaultArtifact: &spinnaker.Artifact{Name: "y"},
	}}, nil)
	if err != nil || bound[0].BoundArtifact.Name != "y" {
		t.Errorf("bound %+v, %v", bound, err)
	}
}

func FuzzMatches(f *testing.F) {
	f.Add("abc.*", "abcde")
	f.Add("(?!x)[a-z]++\\1", "a")
	f.Add("(a+)+$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!")
	f.Fuzz(func(t *testing.T, expected, actual string) {
		want := spinnaker.Artifact{Name: expected}
		ok, err := artifact.Matches(want, spinnaker.Artifact{Name: actual})
		if ok && err != nil {
			t.Error("a match with an error")
		}
		if equal, err := artifact.Matches(want, want); !equal || err != nil {
			t.Errorf("%q does not match itself: %v", expected, err)
		}
	})
}
