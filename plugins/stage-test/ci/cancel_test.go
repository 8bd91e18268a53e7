package ci_test

import (
	"errors"
	"testing"

	"github.com/gennaker/gennaker/plugins/plugintest"
	"github.com/gennaker/gennaker/plugins/sdk"
)

func TestCancel(t *testing.T) {
	cancel := func(l *lab) *plugintest.Step {
		l.t.Helper()
		step, err := l.Cancel(l.t.Context(), sdk.Request{Config: l.config, State: l.state})
		if err != nil {
			l.t.Fatal(err)
		}
		l.state = step.State
		return step
	}
	t.Run("running build", func(t *testing.T) {
		l := newLab(t, nil)
		l.started()
		for range 2 {
			expect(t, cancel(l), sdk.Canceled, "The Jenkins build was stopped")
		}
		if build := l.jenkins.Builds()[0]; build.Result != "ABORTED" || build.Building {
			t.Errorf("build %+v", build)
		}
	})
	t.Run("queued", func(t *testing.T) {
		l := newLab(t, nil)
		l.step()
		expect(t, cancel(l), sdk.Canceled, "The Jenkins build was stopped")
		if build := l.jenkins.Builds()[0]; build.State != sdk.BuildCanceled {
			t.Errorf("build %+v", build)
		}
	})
	t.Run("started since the last look", func(t *testing.T) {
		l := newLab(t, nil)
		l.step()
		l.jenkins.Begin(1, 7)
		expect(t, cancel(l), sdk.Canceled, "The Jenkins build was stopped")
		if build := l.jenkins.Builds()[0]; build.Result != "ABORTED" {
			t.Errorf("build %+v", build)
		}
	})
	t.Run("after a lost step", func(t *testing.T) {
		l := newLab(t, nil)
		l.jenkins.AfterStart = func(plugintest.JenkinsBuild) error { return errors.New("reset") }
		l.lose()
		expect(t, cancel(l), sdk.Canceled, "The Jenkins build was stopped")
		if build := l.jenkins.Builds()[0]; build.State != sdk.BuildCanceled {
			t.Errorf("build %+v", build)
		}
	})
	t.Run("nothing found", func(t *testing.T) {
		l := newLab(t, nil)
		l.jenkins.BeforeStart = func(plugintest.JenkinsBuild) error { return errors.New("reset") }
		l.lose()
		expect(t, cancel(l), sdk.Canceled, `jenkins "ci": a build of "shop/job/smoke" may have been started, but none was found`)
	})
	t.Run("nothing done", func(t *testing.T) {
		expect(t, cancel(newLab(t, nil)), sdk.Canceled, "")
	})
}
