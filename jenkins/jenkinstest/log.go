package jenkinstest

import (
	"io"
	"log"
	"strings"
	"sync"
	"time"
)

// Request is a request that the server answered.
type Request struct {
	Method   string
	Path     string // as sent, still escaped
	Query    string // as sent, still escaped
	User     string // "" is anonymous
	Status   int
	Bytes    int // of the body before compression
	Duration time.Duration
}

// Log remembers requests in the order in which they were answered.
type Log struct {
	mu       sync.Mutex
	requests []Request
}

// All returns the requests so far.
func (l *Log) All() []Request {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]Request(nil), l.requests...)
}

// Reset forgets the requests so far.
func (l *Log) Reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.requests = nil
}

// Count counts requests of a method whose path contains part.
func (l *Log) Count(method, part string) int {
	n := 0
	for _, r := range l.All() {
		if r.Method == method && strings.Contains(r.Path, part) {
			n++
		}
	}
	return n
}

func (l *Log) add(r Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.requests = append(l.requests, r)
}

// quietLog takes what net/http says about connections that faults cut.
func quietLog() *log.Logger { return log.New(io.Discard, "", 0) }
