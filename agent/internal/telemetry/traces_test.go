package telemetry

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/gennaker/gennaker/api/spinnaker"
)

// execution reads the finished execution of testdata.
func execution(t *testing.T) *spinnaker.Execution {
	t.Helper()
	data, err := os.ReadFile("testdata/execution.json")
	if err != nil {
		t.Fatal(err)
	}
	var ex spinnaker.Execution
	if err := json.Unmarshal(data, &ex); err != nil {
		t.Fatal(err)
	}
	return &ex
}

// The trace of an execution says what took which time, and what failed.
func TestTraceOfAnExecution(t *testing.T) {
	text, err := protojson.Marshal(traceOf(execution(t), "1.2.3"))
	if err != nil {
		t.Fatal(err)
	}
	wanted, err := os.ReadFile("testdata/trace.json")
	if err != nil {
		t.Fatal(err)
	}
	var got, want any
	for data, into := range map[*[]byte]*any{&text: &got, &wanted: &want} {
		if err := json.Unmarshal(*data, into); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("trace (-want +got):\n%s\n%s", diff, text)
	}
}

// A trace arrives, with the configured headers, also when the collector is busy at first; one that it refuses is dropped.
func TestTracesAreSent(t *testing.T) {
	for name, test := range map[string]struct {
		answers []int
		dropped int64
	}{
		"accepted at once": {[]int{http.StatusOK}, 0},
		"busy at first":    {[]int{http.StatusServiceUnavailable, http.StatusOK}, 0},
		"refused for good": {[]int{http.StatusBadRequest}, 1},
		"moved elsewhere":  {[]int{http.StatusNotFound}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int32
			var last tracepb.TracesData
			collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				if err != nil || proto.Unmarshal(body, &last) != nil || r.URL.Path != "/v1/traces" || r.Header.Get("X-Team") != "shop" {
					t.Errorf("%s %s %v (%v)", r.Method, r.URL, r.Header, err)
				}
				w.WriteHeader(test.answers[asked.Add(1)-1])
			}))
			defer collector.Close()
			traces := NewTraces(collector.URL, http.Header{"X-Team": {"shop"}}, "1.2.3", slog.New(slog.DiscardHandler))
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan struct{})
			go func() { defer close(ended); traces.Run(ctx) }()
			traces.Finished(execution(t))
			stop()
			<-ended
			if got := traces.Dropped(); got != test.dropped {
				t.Errorf("dropped %d, want %d", got, test.dropped)
			}
			if !proto.Equal(last.ResourceSpans[0], traceOf(execution(t), "1.2.3")) {
				t.Errorf("the collector got %v", &last)
			}
		})
	}
}

// Without a collector nothing is sent, and nothing waits.
func TestNoTraces(t *testing.T) {
	traces := NewTraces("", nil, "1.2.3", slog.New(slog.DiscardHandler))
	traces.Finished(&spinnaker.Execution{})
	traces.Run(t.Context())
	if traces.Dropped() != 0 {
		t.Error("something was dropped")
	}
}

// A collector that does not keep up costs traces, never time.
func TestTracesNeverBlock(t *testing.T) {
	traces := NewTraces("http://127.0.0.1:1", nil, "1.2.3", slog.New(slog.DiscardHandler))
	for range waitingTraces + 3 {
		traces.Finished(&spinnaker.Execution{})
	}
	if traces.Dropped() != 3 {
		t.Errorf("dropped %d, want 3", traces.Dropped())
	}
}
