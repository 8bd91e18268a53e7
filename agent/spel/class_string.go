package spel

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gennaker/gennaker/agent/spel/javaregex"
)

// on makes a callable of a function over a target of one kind.
func on[T any](f func(target T, args []any) (any, error)) callable {
	return func(_ *state, target any, args []any) (any, error) { return f(target.(T), args) }
}

// get makes a callable without parameters that cannot fail.
func get[T any](f func(target T) any) callable {
	return func(_ *state, target any, _ []any) (any, error) { return f(target.(T)), nil }
}

// static makes a callable of a function that needs no target.
func static(f func(args []any) (any, error)) callable {
	return func(_ *state, _ any, args []any) (any, error) { return f(args) }
}

// pure is static for functions that cannot fail.
func pure(f func(args []any) any) callable {
	return func(_ *state, _ any, args []any) (any, error) { return f(args), nil }
}

func integer(n int) any { return int32(n) }

// str is the text of a character sequence argument; null fails as in Java.
func str(v any) (string, error) {
	if v == nil {
		return "", errors.New("the argument is null")
	}
	return toString(v), nil
}

// withText makes a callable over a string with one character sequence.
func withText(f func(s, arg string) (any, error)) callable {
	return on(func(s string, args []any) (any, error) {
		arg, err := str(args[0])
		if err != nil {
			return nil, err
		}
		return f(s, arg)
	})
}

// inLocale makes a callable of a function that is the same in all locales.
func inLocale(f func(s string) string) callable {
	return on(func(s string, args []any) (any, error) {
		if args[0] == nil {
			return nil, errors.New("the argument is null")
		}
		return f(s), nil
	})
}

var stringMembers = []member{
	{"length()", get(func(s string) any { return integer(utf16Len(s)) })},
	{"isEmpty()", get(func(s string) any { return s == "" })},
	{"isBlank()", get(func(s string) any { return strings.TrimFunc(s, isJavaSpace) == "" })},
	{"toString()", get(func(s string) any { return s })},
	{"intern()", get(func(s string) any { return s })},
	{"hashCode()", get(func(s string) any { return hashString(s) })},
	{"trim()", get(func(s string) any { return strings.TrimFunc(s, javaTrim) })},
	{"strip()", get(func(s string) any { return strings.TrimFunc(s, isJavaSpace) })},
	{"stripLeading()", get(func(s string) any { return strings.TrimLeftFunc(s, isJavaSpace) })},
	{"stripTrailing()", get(func(s string) any { return strings.TrimRightFunc(s, isJavaSpace) })},
	{"toUpperCase()", get(func(s string) any { return upper(s) })},
	{"toLowerCase()", get(func(s string) any { return lower(s) })},
	{"toUpperCase(Locale)", inLocale(upper)},
	{"toLowerCase(Locale)", inLocale(lower)},

	{"charAt(int)", on(func(s string, args []any) (any, error) {
		i, err := unitIndex(s, args[0], 0)
		if err != nil {
			return nil, err
		}
		return char(utf16Units(s)[i]), nil
	})},
	{"codePointAt(int)", on(func(s string, args []any) (any, error) {
		i, err := unitIndex(s, args[0], 0)
		if err != nil {
			return nil, err
		}
		r := []rune(fromUnits(utf16Units(s)[i:]))
		return r[0], nil
	})},
	{"codePointBefore(int)", on(func(s string, args []any) (any, error) {
		part, err := slice(s, 0, int(args[0].(int32)))
		if err != nil || part == "" {
			return nil, errors.Join(err, errors.New("there is nothing before the first character"))
		}
		r, _ := utf8.DecodeLastRuneInString(part)
		return r, nil
	})},
	{"codePointCount(int,int)", on(func(s string, args []any) (any, error) {
		part, err := slice(s, int(args[0].(int32)), int(args[1].(int32)))
		return integer(len([]rune(part))), err
	})},
	{"offsetByCodePoints(int,int)", on(func(s string, args []any) (any, error) {
		return offsetByCodePoints(s, int(args[0].(int32)), int(args[1].(int32)))
	})},
	{"substring(int)", on(func(s string, args []any) (any, error) {
		return sliceAny(s, int(args[0].(int32)), utf16Len(s))
	})},
	{"substring(int,int)", on(func(s string, args []any) (any, error) {
		return sliceAny(s, int(args[0].(int32)), int(args[1].(int32)))
	})},

	{"indexOf(int)", on(func(s string, args []any) (any, error) {
		return indexOf(s, string(rune(args[0].(int32))), 0), nil
	})},
	{"indexOf(int,int)", on(func(s string, args []any) (any, error) {
		return indexOf(s, string(rune(args[0].(int32))), int(args[1].(int32))), nil
	})},
	{"indexOf(String)", withText(func(s, arg string) (any, error) { return indexOf(s, arg, 0), nil })},
	{"indexOf(String,int)", on(func(s string, args []any) (any, error) {
		arg, err := str(args[0])
		return indexOf(s, arg, int(args[1].(int32))), err
	})},
	{"lastIndexOf(int)", on(func(s string, args []any) (any, error) {
		return lastIndexOf(s, string(rune(args[0].(int32))), utf16Len(s)), nil
	})},
	{"lastIndexOf(int,int)", on(func(s string, args []any) (any, error) {
		return lastIndexOf(s, string(rune(args[0].(int32))), int(args[1].(int32))), nil
	})},
	{"lastIndexOf(String)", withText(func(s, arg string) (any, error) { return lastIndexOf(s, arg, utf16Len(s)), nil })},
	{"lastIndexOf(String,int)", on(func(s string, args []any) (any, error) {
		arg, err := str(args[0])
		return lastIndexOf(s, arg, int(args[1].(int32))), err
	})},

	{"contains(CharSequence)", withText(func(s, arg string) (any, error) { return strings.Contains(s, arg), nil })},
	{"startsWith(String)", withText(func(s, arg string) (any, error) { return strings.HasPrefix(s, arg), nil })},
	{"startsWith(String,int)", on(func(s string, args []any) (any, error) {
		prefix, err := str(args[0])
		from := int(args[1].(int32))
		if from < 0 { // which Java looks at first
			return false, nil
		}
		if err != nil || from > utf16Len(s) {
			return false, err
		}
		return strings.HasPrefix(substring(s, from, utf16Len(s)), prefix), nil
	})},
	{"endsWith(String)", withText(func(s, arg string) (any, error) { return strings.HasSuffix(s, arg), nil })},
	{"equals(Object)", on(func(s string, args []any) (any, error) { return args[0] == any(s), nil })},
	{"equalsIgnoreCase(String)", on(func(s string, args []any) (any, error) {
		other, ok := args[0].(string)
		return ok && compareIgnoringCase(s, other) == 0, nil
	})},
	{"contentEquals(CharSequence)", withText(func(s, arg string) (any, error) { return s == arg, nil })},
	{"compareTo(String)", withText(func(s, arg string) (any, error) { return integer(compareStrings(s, arg)), nil })},
	{"compareToIgnoreCase(String)", withText(func(s, arg string) (any, error) {
		return integer(compareIgnoringCase(s, arg)), nil
	})},
	{"regionMatches(int,String,int,int)", on(func(s string, args []any) (any, error) {
		return regionMatches(s, false, args)
	})},
	{"regionMatches(boolean,int,String,int,int)", on(func(s string, args []any) (any, error) {
		return regionMatches(s, args[0].(bool), args[1:])
	})},

	{"replace(char,char)", on(func(s string, args []any) (any, error) {
		return strings.ReplaceAll(s, args[0].(char).text(), args[1].(char).text()), nil
	})},
	{"replace(CharSequence,CharSequence)", on(func(s string, args []any) (any, error) {
		from, err1 := str(args[0])
		to, err2 := str(args[1])
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		return replaceLiteral(s, from, to)
	})},
	{"concat(String)", withText(func(s, arg string) (any, error) {
		if len(s)+len(arg) > maxText {
			panic(tooLong)
		}
		return s + arg, nil
	})},
	{"repeat(int)", on(func(s string, args []any) (any, error) {
		n := int(args[0].(int32))
		if n < 0 {
			return nil, fmt.Errorf("the count %d is negative", n)
		}
		if len(s)*n > maxText {
			panic(tooLong)
		}
		return strings.Repeat(s, n), nil
	})},
	{"indent(int)", on(func(s string, args []any) (any, error) { return indent(s, int(args[0].(int32))), nil })},
	{"stripIndent()", get(func(s string) any { return stripIndent(s) })},
	{"translateEscapes()", on(func(s string, _ []any) (any, error) { return translateEscapes(s) })},

	{"matches(String)", func(s *state, target any, args []any) (any, error) {
		return s.withRegex(args[0], func(re *javaregex.Regexp) (any, error) { return boolean(re.Match(target.(string))) })
	}},
	{"replaceAll(String,String)", func(s *state, target any, args []any) (any, error) {
		if args[1] == nil { // which is looked at only where something is found
			return s.withRegex(args[0], func(re *javaregex.Regexp) (any, error) { return unlessFound(re, target.(string)) })
		}
		return s.replaceRegex(target, args, (*javaregex.Regexp).ReplaceAll)
	}},
	{"replaceFirst(String,String)", func(s *state, target any, args []any) (any, error) {
		return s.replaceRegex(target, args, (*javaregex.Regexp).ReplaceFirst)
	}},
	{"split(String)", func(s *state, target any, args []any) (any, error) {
		return s.split(target.(string), args[0], 0)
	}},
	{"split(String,int)", func(s *state, target any, args []any) (any, error) {
		return s.split(target.(string), args[0], int(args[1].(int32)))
	}},

	{"toCharArray()", get(func(s string) any { return charArray(s) })},
	{"getBytes()", get(func(s string) any { return byteArray([]byte(s)) })},
	{"getBytes(String)", on(func(s string, args []any) (any, error) {
		name, err := str(args[0])
		if err != nil {
			return nil, err
		}
		return encode(s, name)
	})},
	{"getBytes(Charset)", on(func(s string, args []any) (any, error) {
		if args[0] == nil {
			return nil, errors.New("the argument is null")
		}
		return encode(s, string(args[0].(charset)))
	})},
	{"formatted(Object...)", on(func(s string, args []any) (any, error) { return format(s, args[0].(*array).items) })},
}

var stringStatics = []member{
	{"static valueOf(char[])", static(func(args []any) (any, error) { return charsToString(args[0]) })},
	{"static valueOf(Object)", pure(func(args []any) any { return toString(args[0]) })},
	{"static valueOf(boolean)", pure(func(args []any) any { return toString(args[0]) })},
	{"static valueOf(char)", pure(func(args []any) any { return toString(args[0]) })},
	{"static valueOf(int)", pure(func(args []any) any { return toString(args[0]) })},
	{"static valueOf(long)", pure(func(args []any) any { return toString(args[0]) })},
	{"static valueOf(float)", pure(func(args []any) any { return toString(args[0]) })},
	{"static valueOf(double)", pure(func(args []any) any { return toString(args[0]) })},
	{"static copyValueOf(char[],int,int)", static(func(args []any) (any, error) { return charsToString(subArray(args[0], args[1], args[2])) })},
	{"static valueOf(char[],int,int)", static(func(args []any) (any, error) { return charsToString(subArray(args[0], args[1], args[2])) })},
	{"static copyValueOf(char[])", static(func(args []any) (any, error) { return charsToString(args[0]) })},
	{"static format(String,Object...)", static(func(args []any) (any, error) {
		layout, err := str(args[0])
		if err != nil {
			return nil, err
		}
		return format(layout, args[1].(*array).items)
	})},
	{"static format(Locale,String,Object...)", static(func(args []any) (any, error) {
		layout, err := str(args[1])
		if err != nil {
			return nil, err
		}
		return format(layout, args[2].(*array).items)
	})},
	{"static join(CharSequence,CharSequence...)", static(func(args []any) (any, error) {
		return join(args[0], args[1].(*array).items)
	})},
	{"static join(CharSequence,Iterable)", static(func(args []any) (any, error) {
		items, ok := elements(args[1])
		if !ok {
			return nil, errors.New("the argument is null")
		}
		return join(args[0], items)
	})},
	{"new()", pure(func([]any) any { return "" })},
	{"new(String)", static(func(args []any) (any, error) { return str(args[0]) })},
	{"new(char[])", static(func(args []any) (any, error) { return charsToString(args[0]) })},
	{"new(byte[])", static(func(args []any) (any, error) { return bytesToString(args[0], "UTF-8") })},
	{"new(byte[],int,int)", static(func(args []any) (any, error) { return bytesToString(subArray(args[0], args[1], args[2]), "UTF-8") })},
	{"new(char[],int,int)", static(func(args []any) (any, error) { return charsToString(subArray(args[0], args[1], args[2])) })},
	{"new(byte[],int,int,String)", static(func(args []any) (any, error) {
		name, err := str(args[3])
		if err != nil {
			return nil, err
		}
		return bytesToString(subArray(args[0], args[1], args[2]), name)
	})},
	{"new(byte[],String)", static(func(args []any) (any, error) {
		name, err := str(args[1])
		if err != nil {
			return nil, err
		}
		return bytesToString(args[0], name)
	})},
	{"new(byte[],Charset)", static(func(args []any) (any, error) {
		name, _ := args[1].(charset)
		return bytesToString(args[0], string(name))
	})},
}

// subArray is so many elements of an array from an offset on, null if there are not
// that many.
func subArray(v, offset, count any) any {
	a, ok := v.(*array)
	from, n := int(offset.(int32)), int(count.(int32))
	if !ok || from < 0 || n < 0 || from+n > len(a.items) {
		return nil
	}
	return &array{a.elem, a.items[from : from+n]}
}

// unitIndex checks an index into the UTF-16 units of a string; past says how
// far behind the last unit it may lie.
func unitIndex(s string, index any, past int) (int, error) {
	i, n := int(index.(int32)), utf16Len(s)
	if i < 0 || i >= n+past {
		return 0, fmt.Errorf("there is no character %d: the string has %d, counted from 0", i, n)
	}
	return i, nil
}

// slice is substring with its bounds checked.
func slice(s string, from, to int) (string, error) {
	if n := utf16Len(s); from < 0 || to > n || from > to {
		return "", fmt.Errorf("the bounds %d to %d do not fit a string of %d characters", from, to, n)
	}
	return substring(s, from, to), nil
}

func sliceAny(s string, from, to int) (any, error) { return slice(s, from, to) }

// offsetByCodePoints is the index that lies so many characters behind another
// one, or before it.
func offsetByCodePoints(s string, from, n int) (any, error) {
	before, err := slice(s, 0, from)
	if err != nil {
		return nil, err
	}
	runes, start := []rune(s), utf8.RuneCountInString(before)
	if n > len(runes)-start || n < -start {
		return nil, fmt.Errorf("there are no %d characters from index %d on", n, from)
	}
	return integer(utf16Len(string(runes[:start+n]))), nil
}

// indexOf counts UTF-16 units, as everything that Java's strings do.
func indexOf(s, part string, from int) any {
	from = min(max(from, 0), utf16Len(s))
	i := strings.Index(substring(s, from, utf16Len(s)), part)
	if i < 0 {
		return integer(-1)
	}
	return integer(from + utf16Len(substring(s, from, utf16Len(s))[:i]))
}

func lastIndexOf(s, part string, from int) any {
	if from < 0 {
		return integer(-1)
	}
	end := min(from+utf16Len(part), utf16Len(s))
	i := strings.LastIndex(substring(s, 0, end), part)
	if i < 0 {
		return integer(-1)
	}
	return integer(utf16Len(substring(s, 0, end)[:i]))
}

// isJavaSpace is Character.isWhitespace.
func isJavaSpace(r rune) bool {
	return r >= '\t' && r <= '\r' || r >= 0x1c && r <= 0x1f ||
		unicode.In(r, unicode.Zs, unicode.Zl, unicode.Zp) && r != '\u00a0' && r != '\u2007' && r != '\u202f'
}

// compareIgnoringCase compares character by character, each in the lower case
// of its upper case.
func compareIgnoringCase(s, t string) int {
	fold := func(r rune) rune { return unicode.ToLower(unicode.ToUpper(r)) }
	return compareStrings(strings.Map(fold, s), strings.Map(fold, t))
}

// regionMatches has the arguments offset, other, offset in other, length.
func regionMatches(s string, ignoreCase bool, args []any) (any, error) {
	from, at, n := int(args[0].(int32)), int(args[2].(int32)), int(args[3].(int32))
	outside := from < 0 || at < 0 || from+n > utf16Len(s)
	if outside && ignoreCase {
		return false, nil
	}
	other, err := str(args[1])
	if err != nil {
		return nil, err
	}
	if outside || at+n > utf16Len(other) {
		return false, nil
	}
	if n <= 0 {
		return true, nil
	}
	a, b := substring(s, from, from+n), substring(other, at, at+n)
	if ignoreCase {
		return compareIgnoringCase(a, b) == 0, nil
	}
	return a == b, nil
}

func replaceLiteral(s, from, to string) (any, error) {
	if n := strings.Count(s, from); len(s)+n*(len(to)-len(from)) > maxText {
		panic(tooLong)
	}
	return strings.ReplaceAll(s, from, to), nil
}

func join(separator any, items []any) (any, error) {
	between, err := str(separator)
	if err != nil {
		return nil, err
	}
	var w textWriter
	for i, item := range items {
		if i > 0 {
			w.add(between)
		}
		switch item = normal(item); item.(type) {
		case nil, string, status:
			w.write(item)
		default:
			return nil, fmt.Errorf("element %d is %s, not a text", i, describe(item))
		}
	}
	return w.String(), nil
}
