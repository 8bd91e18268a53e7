package runner_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/internal/runner"
	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/api/spinnaker"
	stagev1 "github.com/gennaker/gennaker/plugins/proto/stage/v1"
)

const oneWork = `{"application":"shop","name":"p","id":"p","stages":[{"refId":"1","type":"work","name":"Work"}]}`

// TestRequest shows all that a plugin is told about its step.
func TestRequest(t *testing.T) {
	requests := make(chan *stagev1.RunRequest, 3)
	p := &plugins{
		types: map[string]runner.StageType{"work": {Timeout: time.Hour, OwnExpressions: []string{"own"}}},
		run: func(_ context.Context, request *stagev1.RunRequest) (*stagev1.RunResponse, error) {
			requests <- request
			switch {
			case request.GetRefId() == "1":
				return &stagev1.RunResponse{Status: stagev1.Status_STATUS_SUCCEEDED, OutputsJson: `{"tag":"1.4","n":1.0}`,
					Artifacts: []*stagev1.Artifact{{Type: "docker/image", Name: "cart", Version: "1.4", MetadataJson: `{"a":1}`}}}, nil
			case request.GetStep() == 1:
				return &stagev1.RunResponse{Status: stagev1.Status_STATUS_RUNNING, State: []byte("half"),
					RequeueAfter: durationpb.New(5 * time.Millisecond)}, nil
			default:
				return &stagev1.RunResponse{Status: stagev1.Status_STATUS_SUCCEEDED}, nil
			}
		},
	}
	b := start(t, openStore(t), p)
	id := b.launch(pipeline(t, `{"application":"shop","name":"p","id":"cfg","stages":[
	  {"refId":"1","type":"work","expectedArtifacts":[{"id":"img","matchArtifact":{"type":"docker/image"}}]},
	  {"refId":"2","type":"work","name":"Deploy","requisiteStageRefIds":["1"],"image":"cart:${tag}","own":"${tag}"}]}`),
		spinnaker.Trigger{"type": "manual", "user": "ann"})
	b.ended(id)
	<-requests
	first, second := <-requests, <-requests

	expect(t, "application", first.GetApplication(), "shop")
	expect(t, "pipeline", first.GetPipeline()+" "+first.GetPipelineConfigId(), "p cfg")
	expect(t, "stage", first.GetRefId()+" "+first.GetType()+" "+first.GetName(), "2 work Deploy")
	expect(t, "user", first.GetUser(), "ann")
	expect(t, "idempotency key", first.GetIdempotencyKey(), id+"/"+first.GetStageId()+"/1/1")
	expect(t, "key of the second step", second.GetIdempotencyKey(), id+"/"+first.GetStageId()+"/1/2")
	expect(t, "config", member(t, first.GetConfigJson(), "image"), `"cart:1.4"`)
	expect(t, "own expression", member(t, first.GetConfigJson(), "own"), `"${tag}"`)
	expect(t, "ancestors' outputs", member(t, first.GetAncestorOutputsJson(), "n"), "1.0")
	expect(t, "trigger", member(t, first.GetTriggerJson(), "user"), `"ann"`)
	expect(t, "state of the first step", string(first.GetState()), "")
	expect(t, "state of the second step", string(second.GetState()), "half")
	if left := first.GetTimeLeft().AsDuration(); left < 59*time.Minute || left > time.Hour {
		t.Errorf("time left: found %s, expected almost an hour", left)
	}
	if len(first.GetArtifacts()) != 1 || first.GetArtifacts()[0].GetVersion() != "1.4" || first.GetArtifacts()[0].GetMetadataJson() != `{"a":1}` {
		t.Errorf("artifacts: found %v", first.GetArtifacts())
	}
	if resolved := first.GetResolvedExpectedArtifacts(); len(resolved) != 1 || resolved[0].GetId() != "img" || resolved[0].GetBoundArtifact().GetName() != "cart" {
		t.Errorf("resolved artifacts: found %v", resolved)
	}
}

// member returns a member of a JSON object as JSON.
func member(t *testing.T, object, key string) string {
	t.Helper()
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(object), &members); err != nil {
		t.Fatal(err)
	}
	return string(members[key])
}

// TestAnswers shows what becomes of a stage by what its plugin answers.
func TestAnswers(t *testing.T) {
	for name, test := range map[string]struct {
		answer   *stagev1.RunResponse
		err      error
		statuses string
		failure  string
	}{
		"failed": {
			answer:   &stagev1.RunResponse{ErrorClass: stagev1.ErrorClass_ERROR_CLASS_FAILED, Message: "no such chart", Errors: []string{"a", "b"}},
			statuses: "TERMINAL 1=TERMINAL", failure: "no such chart|a|b",
		},
		"stopped":         {answer: &stagev1.RunResponse{Status: stagev1.Status_STATUS_STOPPED}, statuses: "SUCCEEDED 1=STOPPED"},
		"skipped":         {answer: &stagev1.RunResponse{Status: stagev1.Status_STATUS_SKIPPED}, statuses: "SUCCEEDED 1=SKIPPED"},
		"canceled":        {answer: &stagev1.RunResponse{Status: stagev1.Status_STATUS_CANCELED}, statuses: "CANCELED 1=CANCELED"},
		"failed continue": {answer: &stagev1.RunResponse{Status: stagev1.Status_STATUS_FAILED_CONTINUE}, statuses: "SUCCEEDED 1=FAILED_CONTINUE"},
		"nothing": {
			statuses: "TERMINAL 1=TERMINAL",
			failure:  `the plugin for stage type "work" broke its contract: it answered nothing`,
		},
		"no status": {
			answer: &stagev1.RunResponse{}, statuses: "TERMINAL 1=TERMINAL",
			failure: `the plugin for stage type "work" broke its contract: its answer has the status STATUS_UNSPECIFIED`,
		},
		"outputs that are no object": {
			answer:   &stagev1.RunResponse{Status: stagev1.Status_STATUS_SUCCEEDED, OutputsJson: `[1]`},
			statuses: "TERMINAL 1=TERMINAL",
			failure:  `the plugin for stage type "work" broke its contract: outputs is no JSON object: found a list, expected an object`,
		},
		"state too large": {
			answer:   &stagev1.RunResponse{Status: stagev1.Status_STATUS_RUNNING, State: make([]byte, engine.MaxState+1)},
			statuses: "TERMINAL 1=TERMINAL", failure: `stage type "work" returned a state of 65537 bytes; at most 65536 are kept`,
		},
		"stage without type": {
			answer: &stagev1.RunResponse{Status: stagev1.Status_STATUS_RUNNING, Insert: []*stagev1.InsertedStage{{
				Position: stagev1.InsertedStage_POSITION_BEFORE, Name: "x"}}},
			statuses: "TERMINAL 1=TERMINAL", failure: `the plugin for stage type "work" broke its contract: a stage to insert has no type`,
		},
		"body that was never written": {
			answer: &stagev1.RunResponse{Status: stagev1.Status_STATUS_SUCCEEDED, Artifacts: []*stagev1.Artifact{{
				Type: "embedded/base64", Name: "manifest", Blob: &stagev1.Blob{Sha256: strings.Repeat("0", 64), Size: 3}}}},
			statuses: "TERMINAL 1=TERMINAL", failure: "*its body was never written*",
		},
		"refused": {
			err: status.Error(codes.InvalidArgument, "config.chart: expected a text"), statuses: "TERMINAL 1=TERMINAL",
			failure: `the plugin for stage type "work" refused the step: config.chart: expected a text`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := start(t, openStore(t), &plugins{run: func(context.Context, *stagev1.RunRequest) (*stagev1.RunResponse, error) {
				return test.answer, test.err
			}})
			ex := b.ended(b.launch(pipeline(t, oneWork), nil))
			expect(t, "statuses", statuses(ex), test.statuses)
			found := failures(ex, "1")
			if middle, ok := strings.CutPrefix(test.failure, "*"); ok {
				if !strings.Contains(found, strings.TrimSuffix(middle, "*")) {
					t.Errorf("failure: found %q, expected it to contain %q", found, middle)
				}
				return
			}
			expect(t, "failure", found, test.failure)
		})
	}
}

// failures returns the errors of a stage's exception.
func failures(ex *engine.Execution, ref string) string {
	exception, _ := stageOf(ex, ref).Context["exception"].(map[string]any)
	details, _ := exception["details"].(map[string]any)
	listed, _ := details["errors"].([]any)
	var texts []string
	for _, text := range listed {
		texts = append(texts, text.(string))
	}
	return strings.Join(texts, "|")
}

// TestPluginGoneIsRetried: the same step is done again, with the same idempotency key.
func TestPluginGoneIsRetried(t *testing.T) {
	var calls atomic.Int32
	keys := make(chan string, 2)
	b := start(t, openStore(t), &plugins{run: func(_ context.Context, request *stagev1.RunRequest) (*stagev1.RunResponse, error) {
		keys <- request.GetIdempotencyKey()
		if calls.Add(1) == 1 {
			return nil, errors.New("connection closed")
		}
		return &stagev1.RunResponse{Status: stagev1.Status_STATUS_SUCCEEDED}, nil
	}})
	begun := time.Now()
	ex := b.ended(b.launch(pipeline(t, oneWork), nil))
	expect(t, "statuses", statuses(ex), "SUCCEEDED 1=SUCCEEDED")
	expect(t, "key", <-keys, <-keys)
	if took := time.Since(begun); took < time.Second {
		t.Errorf("the step was repeated after %s, expected a pause of a second", took)
	}
}

// TestStepThatHangs: a step is cut short at the time its type declares, and the stage at its time-out.
func TestStepThatHangs(t *testing.T) {
	p := &plugins{
		types: map[string]runner.StageType{"work": {MaxStep: 50 * time.Millisecond}},
		run: func(ctx context.Context, _ *stagev1.RunRequest) (*stagev1.RunResponse, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		},
	}
	b := start(t, openStore(t), p)
	ex := b.ended(b.launch(pipeline(t, `{"application":"shop","name":"p","stages":[{"refId":"1","name":"Work","type":"work","stageTimeoutMs":300}]}`), nil))
	expect(t, "statuses", statuses(ex), "TERMINAL 1=TERMINAL")
	// The last step has what is left of the stage's time, if that is less than its type's.
	const failure = `Stage Work timed out after 0 seconds: the plugin for stage type "work" did not answer within `
	given, found := strings.CutPrefix(failures(ex, "1"), failure)
	if limit, err := time.ParseDuration(given); !found || err != nil || limit > 50*time.Millisecond {
		t.Errorf("failure %q, expected %q and at most 50ms", failures(ex, "1"), failure)
	}
}

// TestCancelDuringStep: the step ends first, then the plugin cleans up with the state that the step returned.
func TestCancelDuringStep(t *testing.T) {
	begun, release := make(chan struct{}), make(chan struct{})
	cleaned := make(chan *stagev1.RunRequest, 1)
	p := &plugins{
		run: func(context.Context, *stagev1.RunRequest) (*stagev1.RunResponse, error) {
			close(begun)
			<-release
			return &stagev1.RunResponse{Status: stagev1.Status_STATUS_RUNNING, State: []byte("build 7")}, nil
		},
		stop: func(_ context.Context, request *stagev1.RunRequest) (*stagev1.RunResponse, error) {
			cleaned <- request
			return &stagev1.RunResponse{Status: stagev1.Status_STATUS_CANCELED}, nil
		},
	}
	b := start(t, openStore(t), p)
	id := b.launch(pipeline(t, oneWork), nil)
	<-begun
	if err := b.runner.Cancel(t.Context(), id, "ann", "wrong version"); err != nil {
		t.Fatal(err)
	}
	ex := b.execution(id)
	expect(t, "statuses", statuses(ex), "RUNNING 1=RUNNING")
	close(release)
	ex = b.ended(id)
	expect(t, "statuses", statuses(ex), "CANCELED 1=CANCELED")
	request := <-cleaned
	expect(t, "state", string(request.GetState()), "build 7")
	expect(t, "reason", request.GetCancelReason()+" by "+request.GetCanceledBy(), "wrong version by ann")
}

// TestBodies: small embedded bodies travel inside the execution, large ones stay in the store and are handed on.
func TestBodies(t *testing.T) {
	s := openStore(t)
	small, large := "kind: Service\n", strings.Repeat("kind: ConfigMap\n", 10000)
	handed := make(chan []*stagev1.Artifact, 1)
	run := func(ctx context.Context, request *stagev1.RunRequest) (*stagev1.RunResponse, error) {
		if request.GetRefId() == "2" {
			handed <- request.GetArtifacts()
			return &stagev1.RunResponse{Status: stagev1.Status_STATUS_SUCCEEDED}, nil
		}
		response := &stagev1.RunResponse{Status: stagev1.Status_STATUS_SUCCEEDED}
		for name, body := range map[string]string{"small": small, "large": large} {
			blob, err := s.PutBlob(ctx, store.BlobRef{ExecutionID: request.GetExecutionId(), StageID: request.GetStageId(),
				Attempt: int(request.GetAttempt())}, "application/yaml", strings.NewReader(body), 1<<20)
			if err != nil {
				return nil, err
			}
			response.Artifacts = append(response.Artifacts, &stagev1.Artifact{Type: "embedded/base64", Name: name,
				Blob: &stagev1.Blob{Sha256: blob.SHA256, Size: blob.Size, MediaType: blob.MediaType}})
		}
		return response, nil
	}
	b := start(t, s, &plugins{run: run})
	id := b.launch(pipeline(t, `{"application":"shop","name":"p","stages":[{"refId":"1","type":"work"},{"refId":"2","type":"work","requisiteStageRefIds":["1"]}]}`), nil)
	ex := b.ended(id)
	expect(t, "statuses", statuses(ex), "SUCCEEDED 1=SUCCEEDED 2=SUCCEEDED")
	for _, made := range engine.Artifacts(stageOf(ex, "1").Outputs["artifacts"]) {
		if made.Name == "small" {
			expect(t, "small artifact", made.Type+" "+made.Reference, "embedded/base64 "+base64.StdEncoding.EncodeToString([]byte(small)))
			continue
		}
		expect(t, "type of the large artifact", made.Type, "remote/base64")
		if !strings.HasPrefix(made.Reference, "ref://shop/") {
			t.Errorf("reference of the large artifact: found %q", made.Reference)
		}
	}
	for _, artifact := range <-handed {
		if artifact.GetName() == "large" && artifact.GetBlob().GetSize() != int64(len(large)) {
			t.Errorf("the next stage got %v for the large artifact", artifact)
		}
	}
	// The result is committed: the body lives as long as the execution does.
	if n, err := s.CollectBlobs(t.Context(), 0); err != nil || n != 0 {
		t.Errorf("collected %d bodies in use (%v)", n, err)
	}
	if err := b.runner.Delete(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if n, err := s.CollectBlobs(t.Context(), 0); err != nil || n != 2 {
		t.Errorf("collected %d bodies after the execution was deleted (%v), expected 2", n, err)
	}
}

// TestUnknownType: a stage waits a little for somebody to provide its type, and then names it.
func TestUnknownType(t *testing.T) {
	b := start(t, openStore(t), &plugins{run: succeed}, func(o *runner.Options) { o.Grace = 10 * time.Millisecond })
	ex := b.ended(b.launch(pipeline(t, `{"application":"shop","name":"p","stages":[{"refId":"1","type":"bogus","continuePipeline":true}]}`), nil))
	expect(t, "statuses", statuses(ex), "TERMINAL 1=TERMINAL")
	expect(t, "failure", failures(ex, "1"), "No StageDefinitionBuilder implementation for bogus(alias: null) found "+
		"(knownTypes: checkPreconditions,evaluateArtifacts,evaluateVariables,findArtifactFromExecution,manualJudgment,monitorPipeline,pipeline,wait,webhook,work)"+
		`|No plugin provides the stage type "bogus". Install one that does, or correct the stage's type.`)
}

// TestTypeComesLate: a plugin that starts within the grace gets the stage.
func TestTypeComesLate(t *testing.T) {
	p := &plugins{run: succeed}
	b := start(t, openStore(t), p)
	id := b.launch(pipeline(t, `{"application":"shop","name":"p","stages":[{"refId":"1","type":"late"}]}`), nil)
	b.until(id, "waiting for its plugin", func(ex *engine.Execution) bool {
		return stageOf(ex, "1").Context[engine.ContextMessage] == `no plugin provides the stage type "late" yet`
	})
	p.provide(runner.StageType{Type: "late"})
	expect(t, "statuses", statuses(b.ended(id)), "SUCCEEDED 1=SUCCEEDED")
}

// TestMaxSteps: more due steps than may run wait for their turn.
func TestMaxSteps(t *testing.T) {
	var running, most atomic.Int32
	p := &plugins{run: func(context.Context, *stagev1.RunRequest) (*stagev1.RunResponse, error) {
		now := running.Add(1)
		for seen := most.Load(); now > seen && !most.CompareAndSwap(seen, now); seen = most.Load() {
		}
		<-time.After(5 * time.Millisecond) // the work
		running.Add(-1)
		return &stagev1.RunResponse{Status: stagev1.Status_STATUS_SUCCEEDED}, nil
	}}
	b := start(t, openStore(t), p, func(o *runner.Options) { o.MaxSteps = 2; o.Poll = time.Hour })
	id := b.launch(pipeline(t, `{"application":"shop","name":"p","stages":[{"refId":"1","type":"work"},{"refId":"2","type":"work"},
	  {"refId":"3","type":"work"},{"refId":"4","type":"work"},{"refId":"5","type":"work"}]}`), nil)
	expect(t, "status", string(b.ended(id).Status), "SUCCEEDED")
	if most.Load() != 2 {
		t.Errorf("%d steps ran at the same time, expected 2", most.Load())
	}
}
