package kube

import (
	"context"
	"slices"
	"sync"
)

// warningHandler hands the API server's warnings to whoever asked for them with collectWarnings.
type warningHandler struct{}

type warningsKey struct{}

// warnings collects distinct texts.
type warnings struct {
	mu    sync.Mutex
	texts []string
}

// collectWarnings returns a context whose requests leave their warnings in the list.
func collectWarnings(ctx context.Context) (context.Context, *warnings) {
	w := &warnings{}
	return context.WithValue(ctx, warningsKey{}, w), w
}

// HandleWarningHeaderWithContext implements rest.WarningHandlerWithContext; 299 is the only code the API server sends.
func (warningHandler) HandleWarningHeaderWithContext(ctx context.Context, code int, _ string, text string) {
	w, ok := ctx.Value(warningsKey{}).(*warnings)
	if !ok || code != 299 || text == "" {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Contains(w.texts, text) {
		w.texts = append(w.texts, text)
	}
}

func (w *warnings) list() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.texts)
}
