package wire

import "sync"

// Gate counts running calls and lets none in once it is closed. The zero value is open.
type Gate struct {
	mu      sync.Mutex
	running int
	closed  bool
	empty   chan struct{}
}

// Enter reports whether a call may begin; it then has to Leave.
func (g *Gate) Enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	g.running++
	return true
}

// Leave ends a call that was let in.
func (g *Gate) Leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.running--
	if g.closed && g.running == 0 {
		close(g.empty)
	}
}

// Close returns a channel that is closed when the last running call has left. It may be called again.
func (g *Gate) Close() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return g.empty
	}
	g.closed, g.empty = true, make(chan struct{})
	if g.running == 0 {
		close(g.empty)
	}
	return g.empty
}
