package telemetry

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/gennaker/gennaker/api/spinnaker"
)

// traceOf makes a finished execution one trace: a span for the execution, below it one for the build that started it and
// one for each stage that began, with its tasks. All of it is in the stored execution, so nothing has to be carried along
// while the execution runs, and an agent that was killed in between leaves no gap. Ids follow from the execution's: a trace
// that is sent twice is the same trace.
func traceOf(ex *spinnaker.Execution, version string) *tracepb.ResourceSpans {
	t := trace{id: traceID(ex.ID)}
	root := t.add(ex.ID, nil, name(strings.ToLower(string(ex.Type)), ex.Name), ex.BuildTime, ex.EndTime, ex.Status, ex.CancellationReason)
	root.Attributes = attributes("gennaker.application", ex.Application, "gennaker.pipeline", ex.Name,
		"gennaker.pipeline.id", ex.PipelineConfigID, "gennaker.execution", ex.ID, "gennaker.trigger", ex.Trigger.Type(),
		"gennaker.user", ex.Authentication.User)
	t.addBuild(ex, root)
	for _, stage := range ex.Stages {
		t.addStage(stage, root)
	}
	return &tracepb.ResourceSpans{
		Resource:   &resourcepb.Resource{Attributes: attributes("service.name", "gennaker", "service.version", version)},
		ScopeSpans: []*tracepb.ScopeSpans{{Scope: &commonpb.InstrumentationScope{Name: "github.com/gennaker/gennaker"}, Spans: t.spans}},
	}
}

// trace collects the spans of one execution.
type trace struct {
	id    []byte
	spans []*tracepb.Span
}

// add adds a span whose id follows from a text that is unique in the trace. Without an end it has no length.
func (t *trace) add(unique string, parent *tracepb.Span, name string, start, end spinnaker.Millis, status spinnaker.Status,
	message string) *tracepb.Span {
	if end < start {
		end = start
	}
	span := &tracepb.Span{TraceId: t.id, SpanId: spanID(unique), Name: name, Kind: tracepb.Span_SPAN_KIND_INTERNAL,
		StartTimeUnixNano: nanoseconds(start), EndTimeUnixNano: nanoseconds(end), Status: statusOf(status, message)}
	if parent != nil {
		span.ParentSpanId = parent.SpanId
	}
	t.spans = append(t.spans, span)
	return span
}

func (t *trace) addStage(stage *spinnaker.Stage, root *tracepb.Span) {
	if stage.StartTime == 0 {
		return // it never began
	}
	span := t.add(stage.ID, root, name(stage.Type, stage.Name), stage.StartTime, stage.EndTime, stage.Status,
		strings.Join(stage.Failures(), "; "))
	span.Attributes = attributes("gennaker.stage", stage.RefID, "gennaker.stage.type", stage.Type, "gennaker.status", string(stage.Status))
	if stage.ParentStageID != "" {
		span.ParentSpanId = spanID(stage.ParentStageID)
	}
	for _, task := range stage.Tasks {
		if task.StartTime != 0 {
			t.add(stage.ID+" "+task.ID, span, name("task", task.Name), task.StartTime, task.EndTime, task.Status, "")
		}
	}
}

// addBuild adds the Jenkins build that fired the trigger, which ended before the execution began.
func (t *trace) addBuild(ex *spinnaker.Execution, root *tracepb.Span) {
	info := ex.Trigger.Object("buildInfo")
	start, hasStart := integer(info["timestamp"])
	length, hasLength := integer(info["duration"])
	if !hasStart || !hasLength || start == 0 {
		return
	}
	job := ex.Trigger.Text("job")
	span := t.add(ex.ID+" build", root, name("build", job), spinnaker.Millis(start), spinnaker.Millis(start+length), "", "")
	span.Attributes = attributes("gennaker.master", ex.Trigger.Text("master"), "gennaker.job", job,
		"gennaker.build", ex.Trigger.Text("buildNumber"), "gennaker.build.url", ex.Trigger.Text("link"))
}

// integer reads a JSON number, or the text of one as Igor writes timestamps.
func integer(value any) (int64, bool) {
	var number json.Number
	switch v := value.(type) {
	case json.Number:
		number = v
	case string:
		number = json.Number(v)
	case float64:
		return int64(v), true
	}
	n, err := number.Int64()
	return n, err == nil
}

func name(kind, of string) string { return kind + " " + of }

// traceID is the execution's ULID, which has a trace id's 16 bytes, or a digest of an id of another form.
func traceID(executionID string) []byte {
	if id, err := ulid.ParseStrict(executionID); err == nil {
		return id[:]
	}
	sum := sha256.Sum256([]byte(executionID))
	return sum[:16]
}

func spanID(unique string) []byte {
	sum := sha256.Sum256([]byte(unique))
	return sum[:8]
}

func nanoseconds(m spinnaker.Millis) uint64 { return uint64(max(m, 0)) * uint64(time.Millisecond) }

func statusOf(status spinnaker.Status, message string) *tracepb.Status {
	switch {
	case status.Failed() || status == spinnaker.Canceled:
		return &tracepb.Status{Code: tracepb.Status_STATUS_CODE_ERROR, Message: strings.TrimSpace(fmt.Sprintf("%s %s", status, message))}
	case status.Complete():
		return &tracepb.Status{Code: tracepb.Status_STATUS_CODE_OK}
	default:
		return &tracepb.Status{}
	}
}

// attributes makes pairs of names and texts attributes; empty texts are left out.
func attributes(pairs ...string) []*commonpb.KeyValue {
	var list []*commonpb.KeyValue
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			continue
		}
		list = append(list, &commonpb.KeyValue{Key: pairs[i],
			Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: pairs[i+1]}}})
	}
	return list
}
