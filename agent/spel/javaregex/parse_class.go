package javaregex

import (
	"strings"
	"unicode"
)

// brackets reads a class after its opening bracket: ranges, nested classes
// (union) and && (intersection). A leading ^ negates all of it.
func (p *parser) brackets() predicate {
	p.enter()
	defer func() { p.depth-- }()
	negated := p.accept('^')
	set := p.intersection(true)
	if !p.accept(']') {
		p.fail("the class is not closed")
	}
	if set == nil {
		set = func(rune) bool { return false }
	}
	if negated {
		return set.not()
	}
	return set
}

// intersection := union { "&&" union }
func (p *parser) intersection(first bool) predicate {
	left := p.union(first)
	for p.isAnd() {
		for p.isAnd() { // &&&& is one
			p.pos += 2
		}
		right := p.union(false)
		switch {
		case right == nil && left == nil:
			p.fail("the intersection has no sides")
		case left == nil:
			left = right
		case right != nil:
			left = left.and(right)
		}
	}
	return left
}

func (p *parser) isAnd() bool { return p.peek() == '&' && p.at(1) == '&' }

// union reads elements up to && or the closing bracket, which is an ordinary
// character if it comes first.
func (p *parser) union(first bool) predicate {
	var set predicate
	for ; ; first = false {
		switch c := p.peek(); {
		case c == end:
			p.fail("the class is not closed")
		case c == ']' && !first:
			return set
		case p.isAnd():
			return set
		case c == '[':
			p.pos++
			set = set.or(p.brackets())
		default:
			set = set.or(p.classElement())
		}
	}
}

// classElement reads one character, range or predefined class.
func (p *parser) classElement() predicate {
	if p.peek() == '\\' {
		p.pos++
		if set := p.classEscape(); set != nil {
			return set
		}
		p.pos--
	}
	low := p.classChar()
	if p.peek() != '-' || p.at(1) == ']' || p.at(1) == '[' || p.at(1) == end {
		return p.folded(low, low)
	}
	p.pos++
	if p.isAnd() {
		p.pos--
		return p.folded(low, low)
	}
	high := p.classChar()
	if high < low {
		p.fail("the range's ends are the wrong way round")
	}
	return p.folded(low, high)
}

func (p *parser) classChar() rune {
	c := p.take()
	if c != '\\' {
		return c
	}
	if p.at(0) == end {
		p.fail("the pattern ends with a backslash")
	}
	return p.charEscape()
}

// folded is a range under the current flags.
func (p *parser) folded(low, high rune) predicate {
	plain := between(low, high)
	switch p.folding() {
	case foldASCII:
		return func(r rune) bool { return plain(r) || r < 0x80 && plain(asciiFold(r)) }
	case foldUnicode:
		return func(r rune) bool {
			upper := unicode.ToUpper(r)
			return plain(r) || plain(upper) || plain(unicode.ToLower(upper))
		}
	}
	return plain
}

// classEscape reads a predefined class after its backslash; nil if it is a
// single character's escape.
func (p *parser) classEscape() predicate {
	c := p.at(0)
	if c == 'p' || c == 'P' {
		p.pos++
		set := p.property()
		if c == 'P' {
			return set.not()
		}
		return set
	}
	lower := c | 0x20
	set, ok := asciiClasses[lower]
	if !ok || !asciiAlpha(c) {
		return nil
	}
	p.pos++
	if wide, ok := unicodeClasses[lower]; ok && p.flags.unicodeClass {
		set = wide
	}
	if c != lower {
		return set.not()
	}
	return set
}

// property reads what follows \p: a name in braces, or one letter.
func (p *parser) property() predicate {
	name := string(p.take())
	if name == "{" {
		start := p.pos
		for p.at(0) != '}' {
			if p.at(0) == end {
				p.fail("the property is not closed")
			}
			p.pos++
		}
		name = string(p.text[start:p.pos])
		p.pos++
	}
	set := p.namedProperty(name)
	if set == nil {
		p.fail("unknown property {" + name + "}")
	}
	return set
}

func (p *parser) namedProperty(name string) predicate {
	if key, value, ok := strings.Cut(name, "="); ok {
		switch strings.ToLower(key) {
		case "sc", "script":
			return script(value)
		case "blk", "block":
			return block(value)
		case "gc", "general_category":
			return category(value)
		}
		return nil
	}
	if rest, ok := strings.CutPrefix(name, "In"); ok {
		return block(rest)
	}
	if rest, ok := strings.CutPrefix(name, "Is"); ok {
		if set, ok := binaryProperties[strings.ToUpper(rest)]; ok {
			return p.cased(strings.ToUpper(rest), set)
		}
		if set := category(rest); set != nil {
			return p.cased(rest, set)
		}
		return script(rest)
	}
	if p.flags.unicodeClass {
		if set, ok := binaryProperties[strings.ToUpper(posixAsUnicode[name])]; ok {
			return p.cased(strings.ToUpper(posixAsUnicode[name]), set)
		}
	}
	if set := posixClasses[name]; set != nil {
		return p.cased(name, set)
	}
	return p.cased(name, category(name))
}

// posixAsUnicode is what the POSIX classes mean under (?U).
var posixAsUnicode = map[string]string{
	"Lower": "Lowercase", "Upper": "Uppercase", "Alpha": "Alphabetic", "Digit": "Digit", "Alnum": "Alnum",
	"Punct": "Punctuation", "Graph": "Graph", "Print": "Print", "Blank": "Blank", "Cntrl": "Control",
	"XDigit": "Hex_Digit", "Space": "White_Space",
}

// cased widens the classes of one case to all cases under (?i).
func (p *parser) cased(name string, set predicate) predicate {
	if !p.flags.ignoreCase {
		return set
	}
	switch name {
	case "Lower", "Upper":
		return asciiAlpha
	case "Lu", "Ll", "Lt", "javaLowerCase", "javaUpperCase", "javaTitleCase", "LOWERCASE", "UPPERCASE", "TITLECASE":
		return func(r rune) bool {
			return set(r) || unicode.In(r, unicode.Lu, unicode.Ll, unicode.Lt)
		}
	}
	return set
}

func category(name string) predicate {
	if set := posixClasses[name]; set != nil && len(name) == 2 {
		return set
	}
	if table, ok := unicode.Categories[name]; ok {
		return in(table)
	}
	return nil
}

// script finds a script by its name, in any case.
func script(name string) predicate {
	for known, table := range unicode.Scripts {
		if strings.EqualFold(known, name) {
			return in(table)
		}
	}
	return nil
}

// blocks are the ranges of the more usual Unicode blocks, by their names without
// spaces, hyphens and underscores.
var blocks = map[string]predicate{
	"basiclatin": between(0, 0x7f), "latin1supplement": between(0x80, 0xff),
	"latinextendeda": between(0x100, 0x17f), "latinextendedb": between(0x180, 0x24f),
	"greek": between(0x370, 0x3ff), "greekandcoptic": between(0x370, 0x3ff), "cyrillic": between(0x400, 0x4ff),
	"armenian": between(0x530, 0x58f), "hebrew": between(0x590, 0x5ff), "arabic": between(0x600, 0x6ff),
	"devanagari": between(0x900, 0x97f), "thai": between(0xe00, 0xe7f), "hangul": between(0xac00, 0xd7af),
	"generalpunctuation": between(0x2000, 0x206f), "currencysymbols": between(0x20a0, 0x20cf),
	"letterlikesymbols": between(0x2100, 0x214f), "arrows": between(0x2190, 0x21ff),
	"mathematicaloperators": between(0x2200, 0x22ff), "boxdrawing": between(0x2500, 0x257f),
	"hiragana": between(0x3040, 0x309f), "katakana": between(0x30a0, 0x30ff),
	"cjkunifiedideographs": between(0x4e00, 0x9fff), "hangulsyllables": between(0xac00, 0xd7af),
	"emoticons": between(0x1f600, 0x1f64f),
}

func block(name string) predicate {
	return blocks[strings.NewReplacer(" ", "", "-", "", "_", "").Replace(strings.ToLower(name))]
}

// charEscape reads the escape of a single character after its backslash.
func (p *parser) charEscape() rune {
	c := p.at(0)
	p.pos++
	switch c {
	case 't':
		return '\t'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 'f':
		return '\f'
	case 'a':
		return '\a'
	case 'e':
		return 0x1b
	case '0':
		return p.octal()
	case 'x':
		return p.hexadecimal()
	case 'u':
		return p.unicodeEscape()
	case 'c':
		if p.at(0) == end {
			p.fail(`\c needs a character`)
		}
		p.pos++
		return p.text[p.pos-1] ^ 64
	}
	if asciiAlnum(c) {
		p.pos--
		p.fail(`unknown escape \` + string(c))
	}
	return c
}

// octal reads up to three digits, at most 0377.
func (p *parser) octal() rune {
	n, digits := rune(0), 0
	for c := p.at(0); c >= '0' && c <= '7' && digits < 3 && n*8+c-'0' <= 0o377; c = p.at(0) {
		n = n*8 + c - '0'
		digits++
		p.pos++
	}
	if digits == 0 {
		p.fail(`\0 needs octal digits`)
	}
	return n
}

func (p *parser) hexadecimal() rune {
	if p.at(0) != '{' {
		return p.hexDigits(2)
	}
	p.pos++
	n := rune(0)
	for start := p.pos; p.at(0) != '}'; {
		n = n*16 + p.hexDigits(1)
		if n > unicode.MaxRune || p.pos-start > 8 {
			p.fail("there is no such character")
		}
	}
	p.pos++
	return n
}

func (p *parser) hexDigits(count int) rune {
	n := rune(0)
	for range count {
		digit := strings.IndexRune("0123456789abcdef", unicode.ToLower(p.at(0)))
		if p.at(0) == end || digit < 0 {
			p.fail("a hexadecimal digit is missing")
		}
		n = n*16 + rune(digit)
		p.pos++
	}
	return n
}

// unicodeEscape reads four digits; two surrogates in a row are one character.
func (p *parser) unicodeEscape() rune {
	high := p.hexDigits(4)
	if high >= 0xd800 && high < 0xdc00 && p.at(0) == '\\' && p.at(1) == 'u' {
		start := p.pos
		p.pos += 2
		if low := p.hexDigits(4); low >= 0xdc00 && low < 0xe000 {
			return (high-0xd800)<<10 + low - 0xdc00 + 0x10000
		}
		p.pos = start
	}
	return high
}
