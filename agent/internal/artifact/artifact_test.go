package artifact

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gennaker/gennaker/api/spinnaker"
)

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		name             string
		expected, actual spinnaker.Artifact
		want             bool
	}{
		{"a part of the name is not enough", spinnaker.Artifact{Name: "abc"}, spinnaker.Artifact{Name: "abcde"}, false},
		{"the whole name is matched", spinnaker.Artifact{Name: "abc.*"}, spinnaker.Artifact{Name: "abcde"}, true},
		{"from its start", spinnaker.Artifact{Name: "bc.*"}, spinnaker.Artifact{Name: "abcde"}, false},
		{"anything on both sides", spinnaker.Artifact{Name: ".*bc.*"}, spinnaker.Artifact{Name: "abcde"}, true},
		{"a dot is a pattern", spinnaker.Artifact{Name: "r.example/cart"}, spinnaker.Artifact{Name: "rXexample/cart"}, true},
		{"equal texts match whatever they mean", spinnaker.Artifact{Name: "a+b"}, spinnaker.Artifact{Name: "a+b"}, true},
		{"nothing is expected", spinnaker.Artifact{}, spinnaker.Artifact{Name: "x"}, true},
		{"something is expected of nothing", spinnaker.Artifact{Name: ".*"}, spinnaker.Artifact{}, false},
		{"types must match", spinnaker.Artifact{Type: "docker/image"}, spinnaker.Artifact{Type: "http/file"}, false},
		{"embedded and remote are one type", spinnaker.Artifact{Type: Embedded}, spinnaker.Artifact{Type: Remote}, true},
		{"the account is not compared", spinnaker.Artifact{ArtifactAccount: "a"}, spinnaker.Artifact{ArtifactAccount: "b"}, true},
	} {
		got, err := Matches(c.expected, c.actual)
		if err != nil || got != c.want {
			t.Errorf("%s: Matches = %v, %v; want %v", c.name, got, err, c.want)
		}
	}
	if _, err := Matches(spinnaker.Artifact{Name: "("}, spinnaker.Artifact{Name: "x"}); err == nil {
		t.Error("a pattern that is no regular expression was accepted")
	}
}

var (
	image    = spinnaker.ExpectedArtifact{ID: "img", MatchArtifact: &spinnaker.Artifact{Type: "docker/image", Name: "r/cart"}, UsePriorArtifact: true}
	values   = spinnaker.ExpectedArtifact{ID: "vals", MatchArtifact: &spinnaker.Artifact{Type: "github/file", Name: `values/.*\.yaml`}, UseDefaultArtifact: true, DefaultArtifact: &spinnaker.Artifact{Type: "github/file", Name: "values/stage.yaml"}}
	document = spinnaker.ExpectedArtifact{ID: "doc", MatchArtifact: &spinnaker.Artifact{Type: "http/file", Name: "x"}}
	v142     = spinnaker.Artifact{Type: "docker/image", Name: "r/cart", Version: "1.4.2"}
	v141     = spinnaker.Artifact{Type: "docker/image", Name: "r/cart", Version: "1.4.1"}
)

func TestResolve(t *testing.T) {
	all := []spinnaker.ExpectedArtifact{image, values, document}
	for _, c := range []struct {
		name            string
		ids             []string
		received, prior []spinnaker.Artifact
		want            map[string]Source
		err             string
	}{
		{"received and default; what nobody asks for is left out", []string{"img"}, []spinnaker.Artifact{v142}, nil,
			map[string]Source{"img": FromReceived, "vals": FromDefault}, ""},
		{"prior", nil, nil, []spinnaker.Artifact{v141}, map[string]Source{"img": FromPrior, "vals": FromDefault}, ""},
		{"the same artifact twice is one", nil, []spinnaker.Artifact{v142, v142}, nil, map[string]Source{"img": FromReceived, "vals": FromDefault}, ""},
		{"two that fit", nil, []spinnaker.Artifact{v142, v141}, nil, nil,
			"Expected artifact ExpectedArtifact(matchArtifact=Artifact(type=docker/image, customKind=false, name=r/cart, version=null, location=null, reference=null, metadata={}, artifactAccount=null, provenance=null, uuid=null), usePriorArtifact=true, useDefaultArtifact=false, defaultArtifact=null, id=img, boundArtifact=null) matches multiple artifacts [Artifact(type=docker/image, customKind=false, name=r/cart, version=1.4.2, location=null, reference=null, metadata={}, artifactAccount=null, provenance=null, uuid=null), Artifact(type=docker/image, customKind=false, name=r/cart, version=1.4.1, location=null, reference=null, metadata={}, artifactAccount=null, provenance=null, uuid=null)]"},
		{"none that fits", []string{"doc"}, []spinnaker.Artifact{v142}, nil, nil,
			"Unmatched expected artifact ExpectedArtifact(matchArtifact=Artifact(type=http/file, customKind=false, name=x, version=null, location=null, reference=null, metadata={}, artifactAccount=null, provenance=null, uuid=null), usePriorArtifact=false, useDefaultArtifact=false, defaultArtifact=null, id=doc, boundArtifact=null) could not be resolved."},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Resolve(all, c.ids, c.received, c.prior)
			if c.err != "" {
				if err == nil || err.Error() != c.err {
					t.Fatalf("error %v\nwant  %s", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			sources := map[string]Source{}
			for _, finding := range got.Report {
				sources[finding.Expected.ID] = finding.Source
			}
			if diff := cmp.Diff(c.want, sources); diff != "" {
				t.Errorf("sources (-want +got):\n%s", diff)
			}
			again, err := Resolve(all, c.ids, got.Artifacts, nil)
			if err != nil || len(again.Artifacts) != len(got.Artifacts) {
				t.Errorf("resolving the result again changes it: %v, %v", again.Artifacts, err)
			}
		})
	}
}

func TestBindTakesTheFirst(t *testing.T) {
	bound, err := Bind([]spinnaker.ExpectedArtifact{image}, []spinnaker.Artifact{v142, v141})
	if err != nil || bound[0].BoundArtifact.Version != "1.4.2" {
		t.Errorf("bound %+v, %v", bound, err)
	}
	if _, err := Bind([]spinnaker.ExpectedArtifact{document}, []spinnaker.Artifact{v142}); err == nil {
		t.Error("an expected artifact that nothing meets was bound")
	}
}
