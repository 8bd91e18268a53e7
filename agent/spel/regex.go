package spel

import (
	"errors"

	"github.com/gennaker/gennaker/agent/spel/javaregex"
)

// maxRegexLength is the longest pattern of "matches".
const maxRegexLength = 1000

func (n *matchesNode) eval(s *state, active any) (any, error) {
	x, err := n.x.eval(s, active)
	if err != nil {
		return nil, err
	}
	if x == nil {
		return nil, failure(n.x.position(), codeInvalidFirstOperandMatches, `"matches" needs a text on its left, but this is null`)
	}
	text, err := convert(x, typeString)
	if err != nil {
		return nil, failure(n.x.position(), codeTypeConversionError, `"matches" needs a text on its left, but this is %s`, describe(x))
	}
	y, err := n.y.eval(s, active)
	if err != nil {
		return nil, err
	}
	pattern, ok := y.(string)
	if !ok {
		return nil, failure(n.y.position(), codeInvalidSecondOperandMatches, `"matches" needs a pattern on its right, but this is %s`, describe(y)).
			suggest("write the pattern as a text in quotes")
	}
	if utf16Len(pattern) > maxRegexLength {
		return nil, failure(n.y.position(), codeMaxRegexLengthExceeded, "the pattern is longer than %d characters", maxRegexLength)
	}
	if err := s.count(n.at); err != nil {
		return nil, err
	}
	re, err := s.engine.regex(pattern)
	if err != nil {
		return nil, failure(n.y.position(), codeInvalidPattern, "%v", err)
	}
	matched, err := re.Match(text.(string))
	if errors.Is(err, javaregex.ErrTooComplex) {
		return nil, failure(n.y.position(), codeFlawedPattern, "%v", err).suggest("make the pattern simpler: avoid repetitions inside repetitions")
	}
	return matched, err
}

// regex compiles a pattern, or takes it from the cache.
func (e *Engine) regex(pattern string) (*javaregex.Regexp, error) {
	if re, ok := e.patterns.get(pattern); ok {
		return re, nil
	}
	re, err := javaregex.Compile(pattern)
	if err != nil {
		return nil, err
	}
	e.patterns.put(pattern, re)
	return re, nil
}

// withRegex compiles a pattern that is a method's argument.
func (s *state) withRegex(pattern any, use func(*javaregex.Regexp) (any, error)) (any, error) {
	p, err := str(pattern)
	if err != nil {
		return nil, err
	}
	re, err := s.engine.regex(p)
	if err != nil {
		return nil, err
	}
	return use(re)
}

func (s *state) replaceRegex(target any, args []any, replace func(re *javaregex.Regexp, text, replacement string) (string, error)) (any, error) {
	replacement, err := str(args[1])
	if err != nil {
		return nil, err
	}
	return s.withRegex(args[0], func(re *javaregex.Regexp) (any, error) {
		return replace(re, target.(string), replacement)
	})
}

// unlessFound is the text if the pattern is nowhere in it.
func unlessFound(re *javaregex.Regexp, text string) (any, error) {
	found, err := re.Find(text)
	if found {
		err = errors.New("the replacement is null")
	}
	return text, err
}

func (s *state) split(text string, pattern any, limit int) (any, error) {
	return s.withRegex(pattern, func(re *javaregex.Regexp) (any, error) {
		parts, err := re.Split(text, limit)
		return &array{"String", anySlice(parts)}, err
	})
}
