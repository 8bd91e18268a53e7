package spel

import "fmt"

const (
	// maxDataDepth is how deep values may be nested where something walks
	// through all of them; data that contains itself is deeper than any limit.
	maxDataDepth = 1000
	// maxVisits is how many values one such walk may meet: lists that hold the
	// same list again and again are small, but long to walk through.
	maxVisits = 1 << 21
	// maxText is the longest text that the value of one expression may become,
	// in bytes.
	maxText = 4 << 20
)

// limitReached unwinds a walk through a value that grows beyond a limit. It is
// thrown by the recursive functions of this package only, and caught where the
// evaluation of the expression ends.
type limitReached struct {
	code    Code
	message string
}

var (
	tooDeep  = limitReached{codeNestingTooDeep, fmt.Sprintf("the value is nested more than %d levels deep", maxDataDepth)}
	tooLarge = limitReached{codeResultTooLarge, fmt.Sprintf("the value has more than %d parts", maxVisits)}
	nullKey  = limitReached{codeExceptionDuringFunctionCall, "a key of the map is null, which JSON cannot have"}
	tooLong  = limitReached{codeResultTooLarge, fmt.Sprintf("the text would be longer than %d bytes", maxText)}
)

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

// walk bounds a recursion through a value.
type walk struct{ depth, visits int }

// enter begins with one value and leave ends with it.
func (w *walk) enter() {
	if w.depth++; w.depth > maxDataDepth {
		panic(tooDeep)
	}
	if w.visits++; w.visits > maxVisits {
		panic(tooLarge)
	}
}

func (w *walk) leave() { w.depth-- }
