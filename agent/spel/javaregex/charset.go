package javaregex

import (
	"unicode"
	"unicode/utf8"
)

// predicate says whether a character belongs to a class.
type predicate func(r rune) bool

func (p predicate) not() predicate { return func(r rune) bool { return !p(r) } }

func (p predicate) or(q predicate) predicate {
	if p == nil {
		return q
	}
	return func(r rune) bool { return p(r) || q(r) }
}

func (p predicate) and(q predicate) predicate {
	return func(r rune) bool { return p(r) && q(r) }
}

// charset is a predicate with its answers for ASCII worked out.
type charset struct {
	ascii [2]uint64
	other predicate
}

func newCharset(p predicate) *charset {
	s := &charset{other: p}
	for r := range rune(utf8.RuneSelf) {
		if p(r) {
			s.ascii[r>>6] |= 1 << (r & 63)
		}
	}
	return s
}

func (s *charset) has(r rune) bool {
	if r < utf8.RuneSelf {
		return s.ascii[r>>6]>>(r&63)&1 != 0
	}
	return s.other(r)
}

func between(low, high rune) predicate {
	return func(r rune) bool { return r >= low && r <= high }
}

func oneOf(chars string) predicate {
	return func(r rune) bool {
		for _, c := range chars {
			if r == c {
				return true
			}
		}
		return false
	}
}

func in(table *unicode.RangeTable) predicate {
	return func(r rune) bool { return unicode.Is(table, r) }
}

// asciiFold is the other case of an ASCII letter, or the character itself.
func asciiFold(r rune) rune {
	if lower := r | 0x20; lower >= 'a' && lower <= 'z' {
		return r ^ 0x20
	}
	return r
}

// fullFold is the form in which characters are compared under (?iu).
func fullFold(r rune) rune { return unicode.ToLower(unicode.ToUpper(r)) }

func isLineEnd(r rune) bool {
	return r == '\n' || r == '\r' || r == '\u0085' || r == '\u2028' || r == '\u2029'
}

// isWordAtBoundary is what \b takes for part of a word: in Java 17 letters and
// digits of all scripts.
func isWordAtBoundary(r rune) bool {
	return r == '_' || unicode.IsLetter(r) || unicode.Is(unicode.Nd, r)
}

var (
	asciiDigit = between('0', '9')
	asciiLower = between('a', 'z')
	asciiUpper = between('A', 'Z')
	asciiAlpha = asciiLower.or(asciiUpper)
	asciiAlnum = asciiAlpha.or(asciiDigit)
	asciiWord  = asciiAlnum.or(oneOf("_"))
	asciiSpace = oneOf(" \t\n\v\f\r")
	horizontal = oneOf(" \t\u00a0\u1680\u180e\u202f\u205f\u3000").or(between('\u2000', '\u200a'))
	vertical   = oneOf("\n\v\f\r\u0085\u2028\u2029")
	unicodeLN  = func(r rune) bool { return unicode.IsLetter(r) || unicode.Is(unicode.Nd, r) }
)

// unicodeClasses replace the ASCII ones under (?U).
var unicodeClasses = map[rune]predicate{
	'd': in(unicode.Nd),
	's': in(unicode.White_Space),
	'w': func(r rune) bool {
		return unicode.IsLetter(r) || unicode.Is(unicode.Other_Alphabetic, r) || unicode.In(r, unicode.M, unicode.Nd, unicode.Pc) ||
			unicode.Is(unicode.Join_Control, r) || unicode.Is(unicode.Nl, r)
	},
}

var asciiClasses = map[rune]predicate{
	'd': asciiDigit, 's': asciiSpace, 'w': asciiWord, 'h': horizontal, 'v': vertical,
}

// posixClasses are \p{...} without a prefix, for ASCII only.
var posixClasses = map[string]predicate{
	"Lower": asciiLower, "Upper": asciiUpper, "ASCII": between(0, 0x7f), "Alpha": asciiAlpha,
	"Digit": asciiDigit, "Alnum": asciiAlnum,
	"Punct": oneOf("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"),
	"Graph": between(0x21, 0x7e), "Print": between(0x20, 0x7e), "Blank": oneOf(" \t"),
	"Cntrl":  between(0, 0x1f).or(oneOf("\x7f")),
	"XDigit": asciiDigit.or(between('a', 'f')).or(between('A', 'F')), "Space": asciiSpace,
	"L1": between(0, 0xff), "all": func(rune) bool { return true },
	"LC": func(r rune) bool { return unicode.In(r, unicode.Lu, unicode.Ll, unicode.Lt) },
	"LD": unicodeLN,
	"Cn": func(r rune) bool {
		return !unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.P, unicode.S, unicode.Z, unicode.C)
	},
	"javaLowerCase": unicode.IsLower, "javaUpperCase": unicode.IsUpper, "javaTitleCase": unicode.IsTitle,
	"javaAlphabetic":    isAlphabetic,
	"javaIdeographic":   in(unicode.Ideographic),
	"javaDigit":         in(unicode.Nd),
	"javaLetter":        unicode.IsLetter,
	"javaLetterOrDigit": unicodeLN,
	"javaDefined": func(r rune) bool {
		return unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.P, unicode.S, unicode.Z, unicode.C)
	},
	"javaSpaceChar":  in(unicode.Z),
	"javaWhitespace": isJavaWhitespace,
	"javaISOControl": between(0, 0x1f).or(between(0x7f, 0x9f)),
	"javaMirrored":   oneOf("()<>[]{}\u00ab\u00bb"),
}

func isAlphabetic(r rune) bool {
	return unicode.IsLetter(r) || unicode.Is(unicode.Nl, r) || unicode.Is(unicode.Other_Alphabetic, r)
}

func isJavaWhitespace(r rune) bool {
	return r >= '\t' && r <= '\r' || r >= 0x1c && r <= 0x1f ||
		unicode.Is(unicode.Z, r) && r != '\u00a0' && r != '\u2007' && r != '\u202f'
}

// binaryProperties are \p{IsName} that are neither scripts nor categories.
var binaryProperties = map[string]predicate{
	"ALPHABETIC": isAlphabetic, "LETTER": unicode.IsLetter, "IDEOGRAPHIC": in(unicode.Ideographic),
	"LOWERCASE": func(r rune) bool { return unicode.IsLower(r) || unicode.Is(unicode.Other_Lowercase, r) },
	"UPPERCASE": func(r rune) bool { return unicode.IsUpper(r) || unicode.Is(unicode.Other_Uppercase, r) },
	"TITLECASE": unicode.IsTitle, "WHITE_SPACE": in(unicode.White_Space), "WHITESPACE": in(unicode.White_Space),
	"PUNCTUATION": in(unicode.P), "CONTROL": in(unicode.Cc), "DIGIT": in(unicode.Nd),
	"HEX_DIGIT": in(unicode.Hex_Digit), "HEXDIGIT": in(unicode.Hex_Digit),
	"NONCHARACTER_CODE_POINT": in(unicode.Noncharacter_Code_Point),
	"NONCHARACTERCODEPOINT":   in(unicode.Noncharacter_Code_Point),
	"JOIN_CONTROL":            in(unicode.Join_Control), "JOINCONTROL": in(unicode.Join_Control),
	"ALNUM": func(r rune) bool { return isAlphabetic(r) || unicode.Is(unicode.Nd, r) },
	"BLANK": func(r rune) bool { return r == '\t' || unicode.Is(unicode.Zs, r) },
	"GRAPH": func(r rune) bool {
		return !unicode.In(r, unicode.White_Space, unicode.Cc, unicode.Cs) && unicode.IsGraphic(r)
	},
	"PRINT": func(r rune) bool { return unicode.IsPrint(r) },
	"WORD":  unicodeClasses['w'], "ASSIGNED": posixClasses["javaDefined"],
}
