// Package spel evaluates the expressions of Spinnaker pipelines: the text
// between ${ and }, which is Spring's expression language restricted to
// Spinnaker's allow-list, with Orca's helper functions and names.
//
// An [Engine] parses and evaluates; one serves a whole process. What an
// expression sees is an [Env]: an [Execution] with the current [Stage], or any
// other root. The same expression gives the same value as in Spinnaker, down to
// the kinds of number and the order of maps; testdata/deviations.md lists where
// it does not, and why.
//
//	engine := spel.New(spel.Config{})
//	env := &spel.Env{Execution: ex, Stage: stage, User: "ann"}
//	v, err := engine.Eval(ctx, "trigger.properties['imageName']", env)
//	out, summary := engine.EvalDocument(ctx, stage.Context, env)
//
// # How it works
//
// A text is cut into tokens (lexer.go), parsed by recursive descent (parser.go)
// to an immutable tree (tree.go), and the tree evaluates itself (eval.go,
// access.go, select.go, sum.go, arithmetic.go, compare.go, regex.go). Values
// (value.go) are plain Go values, one type for each kind that Java tells apart.
// What can be called on them stands in tables (class_*.go) that a resolver
// searches as Spring does (class.go), converting arguments on the way
// (convert.go). Helper functions are tables too (function_*.go). Strings with
// ${...} parts are templates (template.go); documents are walked in
// document.go; summary.go says what failed.
//
// # Safety
//
// Evaluation writes nothing, opens nothing and runs for a bounded time: the
// length and nesting of an expression, its operations, the size of texts and of
// values, and the steps of regular expressions are limited, and the context is
// heeded. What goes wrong is an [Error] with a place, never a panic.
package spel
