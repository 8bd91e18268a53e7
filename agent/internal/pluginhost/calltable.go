package pluginhost

import (
	"context"
	"crypto/rand"
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/gennaker/gennaker/plugins/wire"
)

// callTable holds the calls that one plugin process is working on. A process knows only the tokens of its own calls, and
// a token is dead once its call has ended.
type callTable struct {
	mu   sync.Mutex
	open map[string]*openCall
}

// openCall is a step that a plugin is working on.
type openCall struct {
	Call
	names *wire.Names
	// accountFields are the config fields that Accounts come from.
	accountFields []string
	log           *logBudget

	// ctx ends with the call.
	ctx    context.Context
	cancel context.CancelFunc
	// running counts the questions of the plugin that are being answered.
	running sync.WaitGroup
}

// begin opens a call and returns its token.
func (t *callTable) begin(ctx context.Context, call *openCall) (token string) {
	call.ctx, call.cancel = context.WithCancel(ctx)
	token = rand.Text()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open == nil {
		t.open = map[string]*openCall{}
	}
	t.open[token] = call
	return token
}

// end closes a call, stops what is being answered for it and waits for that.
func (t *callTable) end(token string) {
	t.mu.Lock()
	call := t.open[token]
	delete(t.open, token)
	t.mu.Unlock()
	call.cancel()
	call.running.Wait()
}

// enter finds the call of a question. The context it returns ends with the call and with the question; done must be
// called when the question is answered.
func (t *callTable) enter(question context.Context, token string) (call *openCall, ctx context.Context, done func(), err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	call, ok := t.open[token]
	if !ok {
		return nil, nil, nil, status.Error(codes.FailedPrecondition, "the step has ended: the agent does nothing for it any more")
	}
	call.running.Add(1)
	ctx, cancel := context.WithCancel(call.ctx)
	stop := context.AfterFunc(question, cancel)
	return call, ctx, func() {
		stop()
		cancel()
		call.running.Done()
	}, nil
}
