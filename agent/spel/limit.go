package spel

import "fmt"

// maxDataDepth is how deep values may be nested where something walks through
// all of them; cyclic data is deeper than any limit.
const maxDataDepth = 1000

// limitReached unwinds a walk through a value that grows beyond a limit. It is
// thrown by the recursive functions of this package only, and caught where the
// evaluation of the expression ends.
type limitReached struct {
	code    Code
	message string
}

var tooDeep = limitReached{codeNestingTooDeep, fmt.Sprintf("the value is nested more than %d levels deep", maxDataDepth)}

// catchLimit turns an unwinding into an error; defer it.
func catchLimit(err *error) {
	switch r := recover().(type) {
	case nil:
	case limitReached:
		*err = failure(0, r.code, "%s", r.message)
	default:
		panic(r)
	}
}
