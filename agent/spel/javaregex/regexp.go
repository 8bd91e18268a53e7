package javaregex

import (
	"errors"
	"fmt"
	"iter"
	"sync"
	"unicode/utf8"
)

// ErrTooComplex says that a match took more steps than allowed.
var ErrTooComplex = errors.New("the pattern takes too many steps on this text")

// maxSteps bounds the characters that one match may look at, as Spring does
// (spring-expression OperatorMatches, MatcherInput).
const maxSteps = 1_000_000

// SyntaxError says why a pattern does not compile, and where.
type SyntaxError struct {
	Pattern string
	Pos     int // in characters
	Message string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("pattern %q: %s near character %d", e.Pattern, e.Message, e.Pos+1)
}

// Regexp is a compiled pattern. It is safe for concurrent use.
type Regexp struct {
	pattern  string
	prog     *program
	machines sync.Pool
}

// Compile parses a pattern. The error is a [*SyntaxError].
func Compile(pattern string) (*Regexp, error) {
	tree, info, err := parse(pattern)
	if err != nil {
		return nil, err
	}
	prog, err := compile(pattern, tree, info)
	if err != nil {
		return nil, err
	}
	re := &Regexp{pattern: pattern, prog: prog}
	re.machines.New = func() any { return &machine{prog: prog, regs: make([]int, prog.regs)} }
	return re, nil
}

// String is the pattern.
func (re *Regexp) String() string { return re.pattern }

// Size is the number of instructions that the pattern compiled to: a measure of
// the memory that it holds.
func (re *Regexp) Size() int { return len(re.prog.insts) }

// Groups is the number of capturing groups.
func (re *Regexp) Groups() int { return re.prog.groups }

// Group is the number of a named group, 0 if there is none of that name.
func (re *Regexp) Group(name string) int { return re.prog.names[name] }

// Match reports whether the pattern matches the whole text (Java's matches).
// The error is [ErrTooComplex].
func (re *Regexp) Match(text string) (bool, error) {
	m := re.machine(text)
	defer re.machines.Put(m)
	m.whole = true
	return m.run(0)
}

// Find reports whether the pattern matches anywhere in the text (Java's find).
func (re *Regexp) Find(text string) (bool, error) {
	for _, err := range re.All(text) {
		return err == nil, err
	}
	return false, nil
}

// Span is a match: for each group, 0 for all of it, the byte offsets of its
// start and end, -1 for a group that took no part.
type Span []int

// Text is the text of a group, and whether it took part.
func (s Span) Text(text string, group int) (string, bool) {
	from, to := s[2*group], s[2*group+1]
	if from < 0 {
		return "", false
	}
	return text[from:to], true
}

// All finds one match after the other, as Java's Matcher.find does. An error
// ends it.
func (re *Regexp) All(text string) iter.Seq2[Span, error] {
	return func(yield func(Span, error) bool) {
		m := re.machine(text)
		defer re.machines.Put(m)
		for from := 0; from <= len(text); {
			found, err := m.search(from)
			if err != nil {
				yield(nil, err)
				return
			}
			if !found {
				return
			}
			span := Span(append([]int(nil), m.regs[:2*(re.prog.groups+1)]...))
			if !yield(span, nil) {
				return
			}
			if from = span[1]; span[0] == span[1] {
				from += width(text, from)
			}
			m.last = span[1]
		}
	}
}

// width is the length of the character at an offset, 1 at the end.
func width(text string, i int) int {
	_, n := utf8.DecodeRuneInString(text[i:])
	return max(n, 1)
}

func (re *Regexp) machine(text string) *machine {
	m := re.machines.Get().(*machine)
	m.reset(text)
	return m
}
