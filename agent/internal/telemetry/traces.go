package telemetry

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/gennaker/gennaker/api/spinnaker"
)

const (
	// waitingTraces is how many finished executions may wait to be sent; further ones are dropped and counted.
	waitingTraces = 256
	// sendTimeout bounds one request, sendTries how often a trace is sent, sendPause the time before the second try.
	sendTimeout = 10 * time.Second
	sendTries   = 4
	sendPause   = time.Second
	// drainTimeout is how long the traces that are left may take when the agent ends.
	drainTimeout = 10 * time.Second
	// maxAnswer is how much of a collector's answer is read, in bytes.
	maxAnswer = 4 << 10
)

// Traces sends each finished execution to a collector as an OpenTelemetry trace, by OTLP over HTTP. Traces are for people
// who look for time that was lost: one that cannot be sent is dropped, and nothing waits for it.
type Traces struct {
	endpoint string
	headers  http.Header
	version  string
	log      *slog.Logger
	client   *http.Client
	waiting  chan *tracepb.ResourceSpans
	dropped  atomic.Int64
}

// NewTraces sends to the collector at a base address, for example http://127.0.0.1:4318, with the headers, which may hold
// secrets. It returns nil, which does nothing, when the address is empty.
func NewTraces(endpoint string, headers http.Header, version string, log *slog.Logger) *Traces {
	if endpoint == "" {
		return nil
	}
	return &Traces{endpoint: strings.TrimSuffix(endpoint, "/") + "/v1/traces", headers: headers, version: version, log: log,
		client:  &http.Client{Timeout: sendTimeout, Transport: http.DefaultTransport.(*http.Transport).Clone()},
		waiting: make(chan *tracepb.ResourceSpans, waitingTraces)}
}

// Finished hands over an execution that has ended. It never blocks.
func (t *Traces) Finished(ex *spinnaker.Execution) {
	if t == nil {
		return
	}
	select {
	case t.waiting <- traceOf(ex, t.version):
	default:
		t.dropped.Add(1)
	}
}

// Dropped counts the traces that were not sent.
func (t *Traces) Dropped() int64 {
	if t == nil {
		return 0
	}
	return t.dropped.Load()
}

// Run sends traces until ctx ends, and then those that are left, as far as they go within a few seconds.
func (t *Traces) Run(ctx context.Context) {
	if t == nil {
		return
	}
	defer t.client.CloseIdleConnections()
	sending, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(drainTimeout, cancel) })
	defer stop()
	for {
		select {
		case spans := <-t.waiting:
			t.deliver(sending, spans)
			continue
		default:
		}
		select {
		case spans := <-t.waiting:
			t.deliver(sending, spans)
		case <-ctx.Done():
			return
		}
	}
}

// deliver sends a trace, again a few times where that may help.
func (t *Traces) deliver(ctx context.Context, spans *tracepb.ResourceSpans) {
	// The form of an export request, without the generated code of its service.
	body, err := proto.Marshal(&tracepb.TracesData{ResourceSpans: []*tracepb.ResourceSpans{spans}})
	for try, pause := 1, sendPause; err == nil; try, pause = try+1, 2*pause {
		var mayPass bool
		if mayPass, err = t.send(ctx, body); err == nil {
			return
		}
		if !mayPass || try == sendTries {
			break
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
			err = nil
		}
	}
	t.dropped.Add(1)
	t.log.Warn("a trace was dropped", "endpoint", t.endpoint, "error", err)
}

// send sends a trace once; mayPass says that the failure may pass by itself (OpenTelemetry Protocol 1.10, OTLP/HTTP).
func (t *Traces) send(ctx context.Context, body []byte) (mayPass bool, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, t.endpoint, bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	maps.Copy(request.Header, t.headers)
	request.Header.Set("Content-Type", "application/x-protobuf")
	response, err := t.client.Do(request)
	if err != nil {
		return true, err
	}
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	response.Body.Close()
	if response.StatusCode/100 == 2 {
		return false, err
	}
	switch response.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		mayPass = true
	}
	return mayPass, fmt.Errorf("POST %s: %s: %s", t.endpoint, response.Status, printable(answer))
}

// printable is the start of an answer as one line of text. Collectors answer errors as binary messages that hold a text.
func printable(answer []byte) string {
	const most = 200
	text := strings.Map(func(r rune) rune {
		if r < ' ' || r == '\uFFFD' {
			return ' '
		}
		return r
	}, string(answer[:min(len(answer), most)]))
	return strings.TrimSpace(text)
}
