package spel

import (
	"sync"
	"sync/atomic"
)

// Env is what one evaluation sees. It and everything in it is only read, so one
// Env may serve many evaluations, also at once, as long as nobody changes it.
type Env struct {
	// Root holds the names of the expression. With an Execution they hide those
	// of the stage's context. Without, it is #root itself: usually a map, often
	// from [PipelineRoot].
	Root any
	// Execution is what execution, trigger and #stage('x') mean.
	Execution *Execution
	// Stage is the current stage, one of Execution.Stages; nil before any runs.
	Stage *Stage
	// User is what #currentUser() answers; empty means anonymous.
	User string
	// Strict makes an unknown key of a map an error, as when a pipeline is
	// submitted; else it is null, as when a stage runs.
	Strict bool

	root    atomic.Pointer[scope]
	fetched fetched
}

// resolved is #root.
func (e *Env) resolved() any {
	if e.Execution == nil {
		return normal(e.Root)
	}
	if root := e.root.Load(); root != nil {
		return root
	}
	e.Execution.prepare()
	root := &scope{over: e.Root, root: true, stage: e.Stage}
	if e.Stage != nil {
		root.own = e.Stage.Context
	}
	if !e.Execution.Orchestration {
		root.execution = e.Execution
	}
	e.root.Store(root)
	return root
}

// with is an environment with another root.
func (e *Env) with(root any) *Env {
	return &Env{Root: root, Execution: e.Execution, Stage: e.Stage, User: e.User, Strict: e.Strict}
}

// fetched remembers what URLs gave, for the evaluations of one Env.
type fetched struct {
	mu   sync.Mutex
	body map[string]string
}
