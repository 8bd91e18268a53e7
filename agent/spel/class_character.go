package spel

import (
	"fmt"
	"unicode"
	"unicode/utf8"
)

// characterMembers are what can be called on a Character; the static ones of
// Java come for char and for int, a code point.
var characterMembers = func() []member {
	members := []member{{"charValue()", number(func(v any) any { return v })}}
	tests := map[string]func(rune) bool{
		"isDigit":         func(r rune) bool { return unicode.Is(unicode.Nd, r) },
		"isLetter":        unicode.IsLetter,
		"isLetterOrDigit": func(r rune) bool { return unicode.IsLetter(r) || unicode.Is(unicode.Nd, r) },
		"isUpperCase":     unicode.IsUpper,
		"isLowerCase":     unicode.IsLower,
		"isWhitespace":    isJavaSpace,
	}
	for name, test := range tests {
		members = append(members,
			member{"static " + name + "(char)", pure(func(args []any) any { return test(rune(args[0].(char))) })},
			member{"static " + name + "(int)", pure(func(args []any) any { return test(args[0].(int32)) })})
	}
	for name, change := range map[string]func(rune) rune{"toUpperCase": unicode.ToUpper, "toLowerCase": unicode.ToLower} {
		members = append(members,
			member{"static " + name + "(char)", pure(func(args []any) any { return char(change(rune(args[0].(char)))) })},
			member{"static " + name + "(int)", pure(func(args []any) any { return change(args[0].(int32)) })})
	}
	return append(members,
		member{"static getNumericValue(char)", pure(func(args []any) any { return numericValue(rune(args[0].(char))) })},
		member{"static getNumericValue(int)", pure(func(args []any) any { return numericValue(args[0].(int32)) })},
		member{"static toString(char)", pure(func(args []any) any { return toString(args[0]) })},
		member{"static toString(int)", static(func(args []any) (any, error) {
			if r := args[0].(int32); utf8.ValidRune(r) {
				return string(r), nil
			}
			return nil, fmt.Errorf("%d is no character", args[0])
		})},
		member{"static compare(char,char)", pure(func(args []any) any { return integer(int(args[0].(char)) - int(args[1].(char))) })})
}()

func numericValue(r rune) any {
	lower := unicode.ToLower(r)
	switch {
	case isDigit(r):
		return r - '0'
	case lower >= 'a' && lower <= 'z':
		return lower - 'a' + 10
	}
	return integer(-1)
}

// statusMembers are what can be called on an execution's status.
var statusMembers = []member{
	{"name()", get(func(s status) any { return string(s) })},
	{"ordinal()", get(func(s status) any { return integer(s.ordinal()) })},
	{"length()", get(func(s status) any { return integer(len(s)) })},
	{"isEmpty()", get(func(s status) any { return s == "" })},
	{"charAt(int)", on(func(s status, args []any) (any, error) {
		i, err := unitIndex(string(s), args[0], 0)
		if err != nil {
			return nil, err
		}
		return char(s[i]), nil
	})},
	{"static valueOf(String)", static(func(args []any) (any, error) { return enumNamed(args[0], "ExecutionStatus") })},
	{"static values()", pure(func([]any) any {
		all := &array{elem: "ExecutionStatus"}
		for _, s := range statuses {
			all.items = append(all.items, s)
		}
		return all
	})},
}
