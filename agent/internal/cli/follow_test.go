package cli

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gennaker/gennaker/api/spinnaker"
)

// script answers one look after the other; the last answer stays.
type script []answer

type answer struct {
	execution *spinnaker.Execution
	err       error
}

func (s *script) Execution(context.Context, string) (*spinnaker.Execution, error) {
	next := (*s)[0]
	if len(*s) > 1 {
		*s = (*s)[1:]
	}
	return next.execution, next.err
}

// seen is an execution with one stage.
func seen(execution, stage spinnaker.Status, message string) answer {
	return answer{execution: &spinnaker.Execution{ID: "e", Name: "deploy", Status: execution, Stages: []*spinnaker.Stage{
		{ID: "s", Name: "Bake", Status: stage, Context: map[string]any{spinnaker.MessageKey: message}},
		{ID: "t", Name: "Test", Status: spinnaker.NotStarted},
	}}}
}

// times of lines.
var times = regexp.MustCompile(`(?m)^\d\d:\d\d:\d\d  `)

// follow runs a follower over answers, one a second.
func follow(ctx context.Context, answers ...answer) (execution *spinnaker.Execution, out, notes string, err error) {
	var progress, remarks strings.Builder
	looks := script(answers)
	f := follower{agent: &looks, id: "e", out: &progress, notes: &remarks, interval: time.Second, patience: time.Minute}
	execution, err = f.follow(ctx)
	return execution, times.ReplaceAllString(progress.String(), ""), times.ReplaceAllString(remarks.String(), ""), err
}

func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		execution, out, notes, err := follow(t.Context(),
			seen(spinnaker.NotStarted, spinnaker.NotStarted, ""),
			seen(spinnaker.Running, spinnaker.Running, ""),
			seen(spinnaker.Running, spinnaker.Running, "fetching the chart"),
			seen(spinnaker.Running, spinnaker.Running, "fetching the chart"),
			seen(spinnaker.Paused, spinnaker.Paused, "fetching the chart"),
			seen(spinnaker.Running, spinnaker.Running, "fetching the chart"),
			seen(spinnaker.Succeeded, spinnaker.Succeeded, ""),
		)
		if err != nil || execution.Status != spinnaker.Succeeded || notes != "" {
			t.Errorf("%v, %v, notes %q", execution, err, notes)
		}
		want := `deploy               NOT_STARTED
Bake                 RUNNING
Bake                 RUNNING  fetching the chart
Bake                 PAUSED  fetching the chart
deploy               PAUSED
Bake                 RUNNING  fetching the chart
Bake                 SUCCEEDED
deploy               SUCCEEDED
`
		if diff := cmp.Diff(want, out); diff != "" {
			t.Error(diff)
		}
	})
}

func TestFollowARestartingAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answers := []answer{seen(spinnaker.Running, spinnaker.Running, "")}
		for range 50 {
			answers = append(answers, answer{err: errors.New("connection refused")})
		}
		answers = append(answers, answer{err: &spinnaker.Error{Status: http.StatusServiceUnavailable, Message: "starting"}},
			seen(spinnaker.Running, spinnaker.Running, ""), seen(spinnaker.Succeeded, spinnaker.Succeeded, ""))
		_, out, notes, err := follow(t.Context(), answers...)
		if err != nil {
			t.Fatal(err)
		}
		if want := "Bake                 RUNNING\nBake                 SUCCEEDED\ndeploy               SUCCEEDED\n"; out != want {
			t.Errorf("what was printed before is printed again:\n%s", out)
		}
		if want := "the agent does not answer, trying again for 1m0s: connection refused\nthe agent answers again\n"; notes != want {
			t.Errorf("notes:\n%s", notes)
		}
	})
}

func TestFollowEnds(t *testing.T) {
	refused := errors.New("connection refused")
	for name, test := range map[string]struct {
		answers []answer
		want    string
		after   time.Duration
	}{
		"an agent that stays away": {[]answer{seen(spinnaker.Running, spinnaker.Running, ""), {err: refused}},
			"the agent has not answered for 1m0s: connection refused", 62 * time.Second},
		"an execution that is gone": {[]answer{{err: spinnaker.NotFound("Pipeline not found (id: e)")}},
			"Pipeline not found (id: e)", 0},
		"a token that is no longer good": {[]answer{{err: &spinnaker.Error{Status: http.StatusUnauthorized, Message: "unknown token"}}},
			"unknown token", 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				_, _, _, err := follow(t.Context(), test.answers...)
				if err == nil || err.Error() != test.want {
					t.Errorf("error %v, want %s", err, test.want)
				}
				if took := time.Since(began); took != test.after {
					t.Errorf("after %v, want %v", took, test.after)
				}
			})
		})
	}
}

func TestFollowIsInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer stop()
		began := time.Now()
		_, _, _, err := follow(ctx, seen(spinnaker.Running, spinnaker.Running, ""))
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 1500*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

// An interrupted start gets time for its answer, and no more.
func TestOutlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, interrupt := context.WithCancel(t.Context())
		longer, stop := outlive(ctx, 10*time.Second)
		defer stop()
		interrupt()
		began := time.Now()
		<-longer.Done()
		if lived := time.Since(began); lived != 10*time.Second {
			t.Errorf("it lived for %v more", lived)
		}
	})
}

func TestVerdict(t *testing.T) {
	if err := verdict(seen(spinnaker.Succeeded, spinnaker.Succeeded, "").execution); err != nil {
		t.Errorf("an execution that succeeded: %v", err)
	}
	const want = "execution e ended TERMINAL\nstage \"Bake\" is TERMINAL"
	if err := verdict(seen(spinnaker.Terminal, spinnaker.Terminal, "").execution); err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}
