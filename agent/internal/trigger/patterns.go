package trigger

import (
	"sync"

	"github.com/gennaker/gennaker/agent/internal/jsonpath"
	"github.com/gennaker/gennaker/agent/spel/javaregex"
)

// patterns keeps what the patterns and paths of one trigger are compiled to; they are its own texts, so there are few. nil
// keeps nothing. It is safe for concurrent use.
type patterns struct {
	mu    sync.Mutex
	exprs map[string]compiled[*javaregex.Regexp]
	paths map[string]compiled[jsonpath.Path]
}

// compiled is what a text is compiled to, or why it is nothing.
type compiled[T any] struct {
	value T
	err   error
}

// expr compiles a pattern.
func (p *patterns) expr(text string) (*javaregex.Regexp, error) {
	if p == nil {
		return javaregex.Compile(text)
	}
	return kept(p, &p.exprs, text, javaregex.Compile)
}

// path compiles a JSONPath.
func (p *patterns) path(text string) (jsonpath.Path, error) {
	if p == nil {
		return jsonpath.Parse(text)
	}
	return kept(p, &p.paths, text, jsonpath.Parse)
}

func kept[T any](p *patterns, known *map[string]compiled[T], text string, compile func(string) (T, error)) (T, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	found, ok := (*known)[text]
	if !ok {
		found.value, found.err = compile(text)
		if *known == nil {
			*known = map[string]compiled[T]{}
		}
		(*known)[text] = found
	}
	return found.value, found.err
}
