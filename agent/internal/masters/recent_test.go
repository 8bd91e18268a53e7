package masters

import (
	"fmt"
	"testing"
	"time"

	"github.com/gennaker/gennaker/jenkins"
	"github.com/gennaker/gennaker/jenkins/jenkinstest"
)

func TestThePropertyFileOfABuildThatWasJustFoundIsOneRequest(t *testing.T) {
	r := newRig(t, "shop/job/cart")
	cart := r.jenkins.Job("shop/cart", jenkinstest.Freestyle)
	r.cycle()
	cart.Finished("SUCCESS", jenkinstest.File{Path: "out/build.properties", Data: []byte("a=b")},
		jenkinstest.File{Path: "late.properties", Data: []byte("a=c"), Late: time.Hour})
	r.cycle()
	r.clock.advance(2 * time.Hour)
	for file, want := range map[string]string{"build.properties": "b after 1", "late.properties": "c after 2"} {
		r.jenkins.Log.Reset()
		values, _, err := r.masters.Properties(t.Context(), "ci", "shop/job/cart", 1, file)
		if got := fmt.Sprint(values["a"], " after ", len(r.jenkins.Log.All())); got != want || err != nil {
			t.Errorf("%s: %s requests, %v, want %s", file, got, err, want)
		}
	}
	cart.DeleteBuilds(1, 1)
	if _, mayCome, err := r.masters.Properties(t.Context(), "ci", "shop/job/cart", 1, "build.properties"); !mayCome || jenkins.KindOf(err) != jenkins.KindNotFound {
		t.Errorf("of a deleted build: %v, may come: %v", err, mayCome)
	}
}

func TestTheOldestBuildsAreForgotten(t *testing.T) {
	var r recent
	files := []jenkins.Artifact{{FileName: "a"}}
	for range 2 { // a build that is found again takes no second place
		for n := range int64(maxRecent) {
			r.add(build{"ci", "cart", n}, files)
		}
	}
	r.add(build{"ci", "cart", maxRecent}, files)
	r.add(build{"ci", "empty", 1}, nil)
	for n, want := range map[int64]bool{0: false, 1: true, maxRecent: true} {
		if known := r.of(build{"ci", "cart", n}) != nil; known != want {
			t.Errorf("build %d is known: %v", n, known)
		}
	}
	if len(r.artifacts) != maxRecent {
		t.Errorf("%d builds are known", len(r.artifacts))
	}
}
