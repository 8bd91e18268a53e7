package masters

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gennaker/gennaker/agent/internal/health"
	"github.com/gennaker/gennaker/jenkins/jenkinstest"
)

func TestHealth(t *testing.T) {
	r := newRig(t, "cart", "gone")
	var told []health.Health
	r.masters.Looked = func(h health.Health) { told = append(told, h) }
	r.jenkins.Job("cart", jenkinstest.Freestyle)
	fares := func() health.Health {
		t.Helper()
		all, err := r.masters.Health(t.Context())
		if err != nil || len(all) != 1 {
			t.Fatalf("%d masters, %v", len(all), err)
		}
		return all[0]
	}
	turn := func() {
		r.watcher.at = time.Time{}
		r.watcher.turn(t.Context(), false)
	}
	if h := fares(); h.Kind != "jenkins" || h.Name != "ci" || !h.LookedAt.IsZero() || h.Holder != "" {
		t.Errorf("before the first look: %+v", h)
	}
	turn()
	if h := fares(); h.Items != 2 || h.Failing != 0 || h.Error != "" || h.LookedAt.IsZero() || !h.SucceededAt.Equal(h.LookedAt) || h.Holder != r.incarnation {
		t.Errorf("after a look: %+v", h)
	}
	for range 3 {
		turn()
	}
	if h := fares(); h.Failing != 1 || h.Problems[0].Item != "gone" || !strings.Contains(h.Problems[0].Error, "not found on ci") {
		t.Errorf("with a job that is not there: %+v", h)
	}
	r.jenkins.Faults.Add(jenkinstest.Fault{Status: http.StatusBadGateway})
	turn()
	if h := fares(); !strings.Contains(h.Error, "502 Bad Gateway") || !h.SucceededAt.Before(h.LookedAt) || !h.NextAt.After(h.LookedAt) {
		t.Errorf("with a master that fails: %+v", h)
	}
	if len(told) != 5 {
		t.Errorf("%d looks were told of", len(told))
	}
}
