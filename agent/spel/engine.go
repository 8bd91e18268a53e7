package spel

import (
	"context"
	"sync"
	"time"

	"github.com/gennaker/gennaker/agent/spel/javaregex"
)

// Config is what an installation gives its expressions. The zero value works:
// functions that need something missing fail with a message that says so.
type Config struct {
	// Fetch gets a URL for #fromUrl and its relatives. It decides about the
	// addresses it connects to, and bounds time and size.
	Fetch func(ctx context.Context, url string) ([]byte, error)
	// Catalog answers #pipelineId, #pipelineIdOrNull, #pipelineIdInApplication
	// and #applicationMetadata.
	Catalog Catalog
	// Functions are added to the built-in ones; names of built-in ones win.
	Functions []Function
	// Now is the clock of summaries and of java.time; time.Now if nil.
	Now func() time.Time
	// Limits bound one expression; zero fields have defaults.
	Limits Limits
	// CacheSize is how many parsed texts are kept, fewer if they are long; 4096
	// if zero.
	CacheSize int
}

// Limits bound the work of one expression.
type Limits struct {
	ExpressionLength int // characters of an expression; 10,000
	Operations       int // operators, property reads, calls and elements; 9,999
}

// Catalog finds pipelines and applications for the functions that name them.
type Catalog interface {
	// PipelineID is the id of an application's pipeline, "" if there is none.
	PipelineID(ctx context.Context, application, name string) (string, error)
	// Application is the application's attributes, nil if there is none.
	Application(ctx context.Context, name string) (map[string]any, error)
}

// Engine parses and evaluates expressions. It keeps what it parsed, and is safe
// for concurrent use.
type Engine struct {
	config    Config
	limits    Limits
	functions map[string]*function
	exprs     cache[*Expr]
	templates cache[*Template]
	patterns  cache[*javaregex.Regexp]
	states    sync.Pool
}

// New makes an engine.
func New(config Config) *Engine {
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.CacheSize == 0 {
		config.CacheSize = 4096
	}
	e := &Engine{config: config, limits: config.Limits.withDefaults(), functions: functionTable(config.Functions)}
	e.exprs = cache[*Expr]{capacity: config.CacheSize, size: func(x *Expr) int { return len(x.text) }}
	e.templates = cache[*Template]{capacity: config.CacheSize, size: func(t *Template) int { return len(t.source) }}
	e.patterns = cache[*javaregex.Regexp]{capacity: config.CacheSize, size: (*javaregex.Regexp).Size}
	e.states.New = func() any { return new(state) }
	return e
}

func (l Limits) withDefaults() Limits {
	if l.ExpressionLength == 0 {
		l.ExpressionLength = 10_000
	}
	if l.Operations == 0 {
		l.Operations = 9_999
	}
	return l
}
