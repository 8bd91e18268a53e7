package spel

import (
	"unicode/utf16"
	"unicode/utf8"
)

// Java's strings are sequences of UTF-16 units; Go's are UTF-8. ASCII, which
// is nearly everything, needs no conversion. A lone surrogate, which UTF-8
// cannot hold, becomes U+FFFD.

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// utf16Len is Java's length().
func utf16Len(s string) int {
	n := 0
	for _, r := range s {
		n++
		if r > 0xffff {
			n++
		}
	}
	return n
}

func utf16Units(s string) []uint16 { return utf16.Encode([]rune(s)) }

func fromUnits(units []uint16) string { return string(utf16.Decode(units)) }

// substring is Java's substring; the bounds must be within the string.
func substring(s string, from, to int) string {
	if isASCII(s) {
		return s[from:to]
	}
	return fromUnits(utf16Units(s)[from:to])
}

func (c char) javaClass() string { return "Character" }

// text is the character as a string.
func (c char) text() string { return fromUnits([]uint16{uint16(c)}) }
