package spel

import (
	"context"
	"fmt"
	"maps"
	"slices"
)

// Function is a helper function that an installation adds, called as #name(...).
// Plugins' functions are named namespace_name.
type Function struct {
	Name        string
	Description string
	Parameters  []Parameter
	// Call gets the arguments converted to the parameters' types, as plain data
	// (see [Value.Plain]); those of a variable parameter ("String...") are one
	// list. It returns JSON-like data.
	Call func(ctx context.Context, env *Env, args []any) (any, error)
}

// Parameter describes one parameter of a function.
type Parameter struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	Type        string `json:"type"` // simple name of a Java class: String, Integer, List, ...; what is unknown is passed as it is
}

// FunctionInfo describes a function for completion in an editor
// (spinnaker/spinnaker orca-core capabilities/CapabilitiesService).
type FunctionInfo struct {
	Name          string      `json:"name"`
	Description   string      `json:"description"`
	Parameters    []Parameter `json:"parameters"`
	Documentation string      `json:"documentation,omitempty"`
}

// Functions lists all functions by name.
func (e *Engine) Functions() []FunctionInfo {
	var all []FunctionInfo
	for _, name := range slices.Sorted(maps.Keys(e.functions)) {
		f := e.functions[name]
		all = append(all, FunctionInfo{Name: name, Description: f.description, Parameters: f.parameters})
	}
	return all
}

// function is one helper function.
type function struct {
	description string
	parameters  []Parameter
	method
}

// define makes a function.
func define(description string, call func(s *state, args []any) (any, error), parameters ...Parameter) *function {
	f := &function{description: description, parameters: parameters}
	f.call = func(s *state, _ any, args []any) (any, error) { return call(s, args) }
	for _, p := range parameters {
		name := p.Type
		if rest, ok := cutVarargs(name); ok {
			f.varargs, name = true, rest+"[]"
			if javaTypes[name] == nil {
				name = "Object[]"
			}
		}
		t, known := javaTypes[name]
		if !known {
			t = typeObject
		}
		f.params = append(f.params, t)
	}
	return f
}

func cutVarargs(name string) (string, bool) {
	if n := len(name) - len("..."); n > 0 && name[n:] == "..." {
		return name[:n], true
	}
	return name, false
}

// functionTable is the built-in functions with those of the installation.
func functionTable(added []Function) map[string]*function {
	table := make(map[string]*function)
	for _, a := range added {
		f := define(a.Description, func(s *state, args []any) (any, error) {
			plain := make([]any, len(args))
			for i, arg := range args {
				plain[i] = newExporter(false).export(arg)
			}
			v, err := a.Call(s.ctx, s.env, plain)
			return normal(v), err
		}, a.Parameters...)
		table[a.Name] = f
	}
	for _, group := range [...]map[string]*function{valueFunctions, urlFunctions, executionFunctionTable, catalogFunctions} {
		maps.Copy(table, group)
	}
	return table
}

func (n *functionNode) eval(s *state, active any) (any, error) {
	f := n.function
	if f == nil {
		e := failure(n.position(), codeFunctionNotDefined, "there is no function #%s", n.name)
		return nil, e.suggest("there are: %s", nearest(n.name, slices.Sorted(maps.Keys(s.engine.functions))))
	}
	args, err := s.arguments(n.args, active)
	if err != nil {
		return nil, err
	}
	if err := f.checkCount(n, len(args)); err != nil {
		return nil, err
	}
	if err := s.count(n.at); err != nil {
		return nil, err
	}
	converted, err := f.convert(args)
	if err != nil {
		return nil, failure(n.position(), codeTypeConversionError, "#%s: the arguments do not fit: %v", n.name, err)
	}
	v, err := f.call(s, nil, converted)
	if err != nil {
		e := failure(n.position(), codeExceptionDuringFunctionCall, "#%s: %v", n.name, err)
		e.cause = err
		return nil, e
	}
	return v, nil
}

func (f *function) checkCount(n *functionNode, got int) error {
	if got == len(f.params) || f.varargs && got >= len(f.params)-1 {
		return nil
	}
	want := fmt.Sprintf("%d arguments", len(f.params))
	switch {
	case f.varargs:
		want = fmt.Sprintf("at least %d arguments", len(f.params)-1)
	case len(f.params) == 1:
		want = "one argument"
	}
	return failure(n.position(), codeIncorrectNumberOfArguments, "#%s takes %s, not %d", n.name, want, got)
}
