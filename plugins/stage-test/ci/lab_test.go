package ci_test

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gennaker/gennaker/plugins/plugintest"
	"github.com/gennaker/gennaker/plugins/sdk"
	"github.com/gennaker/gennaker/plugins/stage-test/ci"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// lab is a stage of the type `jenkins` with a master that has one job.
type lab struct {
	*plugintest.Plugin
	t       *testing.T
	host    *plugintest.Host
	jenkins *plugintest.Jenkins
	config  sdk.Config
	// state is what the next step gets.
	state []byte
}

func newLab(t *testing.T, config sdk.Config) *lab {
	t.Helper()
	jenkins := &plugintest.Jenkins{Jobs: map[string][]string{"ci": {"shop/job/smoke"}}}
	host := &plugintest.Host{Jenkins: jenkins}
	all := sdk.Config{"master": "ci", "job": "shop/job/smoke"}
	maps.Copy(all, config)
	return &lab{
		Plugin: plugintest.Start(t, sdk.Plugin{Name: "stage-test", Version: "1", Stages: []sdk.Stage{ci.Jenkins{}}}, host),
		t:      t, host: host, jenkins: jenkins, config: all,
	}
}

// step performs the next step.
func (l *lab) step() *plugintest.Step {
	l.t.Helper()
	step, err := l.Run(l.t.Context(), sdk.Request{Config: l.config, State: l.state})
	if err != nil {
		l.t.Fatal(err)
	}
	l.state = step.State
	return step
}

// lose performs the next step and loses its answer: only its checkpoints are left.
func (l *lab) lose() {
	l.t.Helper()
	before := l.state
	l.step()
	l.state = before
	if checkpoint := l.host.LastCheckpoint(); checkpoint != nil {
		l.state = checkpoint
	}
}

// age makes everything in the state older.
func (l *lab) age(d time.Duration) {
	l.t.Helper()
	var value any
	if err := json.Unmarshal(l.state, &value); err != nil {
		l.t.Fatal(err)
	}
	var err error
	if l.state, err = json.Marshal(older(value, d)); err != nil {
		l.t.Fatal(err)
	}
}

func older(value any, d time.Duration) any {
	switch value := value.(type) {
	case map[string]any:
		for key := range value {
			value[key] = older(value[key], d)
		}
	case []any:
		for i := range value {
			value[i] = older(value[i], d)
		}
	case string:
		if t, err := time.Parse(time.RFC3339Nano, value); err == nil {
			return t.Add(-d).Format(time.RFC3339Nano)
		}
	}
	return value
}

// expect checks a step's status and a part of its message.
func expect(t *testing.T, step *plugintest.Step, status sdk.Status, message string) {
	t.Helper()
	if step.Status != status || !strings.Contains(step.Message, message) {
		t.Errorf("got %s %q, expected %s with %q", step.Status, step.Message, status, message)
	}
}

// started brings the stage to a running build with number 7.
func (l *lab) started() {
	l.t.Helper()
	expect(l.t, l.step(), sdk.Running, "")
	l.jenkins.Begin(1, 7)
	l.jenkins.Update(1, func(b *plugintest.JenkinsBuild) { b.URL = "http://ci/job/shop/job/smoke/7/" })
	expect(l.t, l.step(), sdk.Running, `jenkins "ci": build 7 of "shop/job/smoke" is running: http://ci/job/shop/job/smoke/7/console`)
}

func taskList(step *plugintest.Step) []string {
	var list []string
	for _, task := range step.Tasks {
		list = append(list, task.Name+" "+string(task.Status))
	}
	return list
}
