package javaregex

import (
	"strings"
	"unicode"
)

// flags are what (?idmsuxU) switches.
type flags struct {
	ignoreCase, unixLines, multiline, dotAll, unicodeCase, comments, unicodeClass bool
}

// groupInfo is what the parser learned about capturing groups.
type groupInfo struct {
	count int
	names map[string]int
}

// maxNesting bounds the groups and classes inside each other.
const maxNesting = 200

// parser reads a pattern by recursive descent. It panics with a *SyntaxError,
// which parse catches.
type parser struct {
	pattern string
	text    []rune
	pos     int
	depth   int
	flags   flags
	groups  groupInfo
}

const end rune = -1

func parse(pattern string) (t tree, groups groupInfo, err error) {
	p := &parser{pattern: pattern, text: []rune(unquote(pattern)), groups: groupInfo{names: map[string]int{}}}
	defer func() {
		switch r := recover().(type) {
		case nil:
		case *SyntaxError:
			err = r
		default:
			panic(r)
		}
	}()
	t = p.alternatives()
	if p.peek() == ')' {
		p.fail("the closing parenthesis has no opening one")
	}
	return t, p.groups, nil
}

func (p *parser) fail(message string) {
	panic(&SyntaxError{Pattern: p.pattern, Pos: p.pos, Message: message})
}

// unquote turns \Q...\E into single escapes, as Java does before parsing.
func unquote(pattern string) string {
	if !strings.Contains(pattern, `\Q`) {
		return pattern
	}
	var b strings.Builder
	for rest := pattern; rest != ""; {
		if strings.HasPrefix(rest, `\Q`) {
			quoted, after, _ := strings.Cut(rest[2:], `\E`)
			for _, r := range quoted {
				if r < 0x80 && !asciiAlnum(r) {
					b.WriteByte('\\')
				}
				b.WriteRune(r)
			}
			rest = after
			continue
		}
		n := 1
		if rest[0] == '\\' && len(rest) > 1 {
			n = 2
		}
		b.WriteString(rest[:n])
		rest = rest[n:]
	}
	return b.String()
}

// at is the character some places ahead, without skipping anything.
func (p *parser) at(ahead int) rune {
	if p.pos+ahead < len(p.text) {
		return p.text[p.pos+ahead]
	}
	return end
}

// peek is the next character that counts: under (?x) white space and comments
// do not.
func (p *parser) peek() rune {
	for p.flags.comments {
		switch c := p.at(0); {
		case asciiSpace(c):
			p.pos++
		case c == '#':
			for c := p.at(0); c != end && !isLineEnd(c); c = p.at(0) {
				p.pos++
			}
		default:
			return c
		}
	}
	return p.at(0)
}

func (p *parser) take() rune {
	r := p.peek()
	if r != end {
		p.pos++
	}
	return r
}

func (p *parser) accept(r rune) bool {
	if p.peek() != r {
		return false
	}
	p.pos++
	return true
}

func (p *parser) enter() {
	if p.depth++; p.depth > maxNesting {
		p.fail("the pattern is nested too deep")
	}
}

// alternatives := sequence { "|" sequence }
func (p *parser) alternatives() tree {
	p.enter()
	defer func() { p.depth-- }()
	all := choice{p.sequence()}
	for p.accept('|') {
		all = append(all, p.sequence())
	}
	if len(all) == 1 {
		return all[0]
	}
	return all
}

func (p *parser) sequence() tree {
	var all concat
	for {
		switch p.peek() {
		case end, '|', ')':
			return all
		case '*', '+', '?':
			p.fail("there is nothing for the quantifier to repeat")
		}
		if atom := p.atom(); atom != nil {
			all = append(all, p.quantified(atom))
		}
	}
}

// atom reads what a quantifier can follow; nil for a switch of flags.
func (p *parser) atom() tree {
	switch c := p.peek(); c {
	case '(':
		return p.parenthesis()
	case '[':
		p.pos++
		return class{newCharset(p.brackets())}
	case '.':
		p.pos++
		return class{newCharset(p.dot())}
	case '^':
		p.pos++
		if p.flags.multiline {
			return assertion{op: opLineStart, unix: p.flags.unixLines}
		}
		return assertion{op: opTextStart}
	case '$':
		p.pos++
		if p.flags.multiline {
			return assertion{op: opLineEnd, unix: p.flags.unixLines}
		}
		return assertion{op: opTextEndOrLine, unix: p.flags.unixLines}
	case '\\':
		p.pos++
		return p.escape()
	case '{':
		return concat(nil) // its quantifier follows
	default:
		p.pos++
		return p.char(c)
	}
}

func (p *parser) dot() predicate {
	switch {
	case p.flags.dotAll:
		return func(rune) bool { return true }
	case p.flags.unixLines:
		return func(r rune) bool { return r != '\n' }
	}
	return predicate(isLineEnd).not()
}

func (p *parser) folding() folding {
	switch {
	case !p.flags.ignoreCase:
		return exact
	case p.flags.unicodeCase:
		return foldUnicode
	}
	return foldASCII
}

func (p *parser) char(r rune) tree {
	fold := p.folding()
	if fold == foldASCII && asciiFold(r) == r {
		fold = exact
	}
	return literal{r, fold}
}

// quantified reads the quantifier behind an atom, if there is one.
func (p *parser) quantified(atom tree) tree {
	r := repeat{body: atom, max: -1}
	switch p.peek() {
	case '?':
		p.pos++
		r.max = 1
	case '*':
		p.pos++
	case '+':
		p.pos++
		r.min = 1
	case '{':
		p.pos++
		r.min, r.max = p.counts()
	default:
		return atom
	}
	switch p.peek() {
	case '?':
		p.pos++
		r.mode = lazy
	case '+':
		p.pos++
		r.mode = possessive
	}
	return r
}

// counts reads the inside of {n}, {n,} or {n,m} and the closing brace.
func (p *parser) counts() (low, high int) {
	low = p.count()
	high = low
	if p.at(0) == ',' {
		p.pos++
		high = -1
		if p.at(0) != '}' {
			high = p.count()
		}
	}
	if p.at(0) != '}' {
		p.fail("the repetition is not closed")
	}
	p.pos++
	if high >= 0 && high < low {
		p.fail("the repetition's bounds are the wrong way round")
	}
	return low, high
}

func (p *parser) count() int {
	if !asciiDigit(p.at(0)) {
		p.fail("the repetition needs a number")
	}
	n := 0
	for asciiDigit(p.at(0)) {
		n = n*10 + int(p.at(0)-'0')
		if n > 1<<31-1 {
			p.fail("the repetition's number is too large")
		}
		p.pos++
	}
	return n
}

// parenthesis reads every kind of group.
func (p *parser) parenthesis() tree {
	p.pos++
	saved := p.flags
	if p.at(0) != '?' {
		return p.capture(saved)
	}
	p.pos++
	switch c := p.at(0); c {
	case ':':
		p.pos++
		return p.closed(saved)
	case '=', '!':
		p.pos++
		return look{body: p.closed(saved), negative: c == '!'}
	case '>':
		p.pos++
		return atomic{p.closed(saved)}
	case '<':
		p.pos++
		if c := p.at(0); c == '=' || c == '!' {
			return p.lookBehind(saved)
		}
		p.groups.names[p.newName()] = p.groups.count + 1
		return p.capture(saved)
	}
	p.switches()
	if p.accept(')') {
		return nil // the flags hold to the end of the enclosing group
	}
	if !p.accept(':') {
		p.fail("unknown kind of group")
	}
	return p.closed(saved)
}

// closed reads a group's inside and its end, and sets the flags back.
func (p *parser) closed(saved flags) tree {
	body := p.alternatives()
	if !p.accept(')') {
		p.fail("the group is not closed")
	}
	p.flags = saved
	return body
}

func (p *parser) capture(saved flags) tree {
	p.groups.count++
	index := p.groups.count
	return group{index, p.closed(saved)}
}

func (p *parser) lookBehind(saved flags) tree {
	negative := p.at(0) == '!'
	p.pos++
	body := p.closed(saved)
	if body.length().max < 0 {
		p.fail("a look-behind needs an upper bound for what it matches")
	}
	return look{body: body, behind: true, negative: negative}
}

func (p *parser) newName() string {
	name := p.name('>')
	if p.groups.names[name] != 0 {
		p.fail("the group's name is used twice")
	}
	return name
}

// name reads a group's name up to its end.
func (p *parser) name(closing rune) string {
	start := p.pos
	for asciiAlnum(p.at(0)) {
		p.pos++
	}
	name := string(p.text[start:p.pos])
	if name == "" || asciiDigit(rune(name[0])) || p.at(0) != closing {
		p.fail("a group's name is made of letters and digits")
	}
	p.pos++
	return name
}

// switches reads flags like idm-sx.
func (p *parser) switches() {
	for on := true; ; p.pos++ {
		switch p.at(0) {
		case 'i':
			p.flags.ignoreCase = on
		case 'd':
			p.flags.unixLines = on
		case 'm':
			p.flags.multiline = on
		case 's':
			p.flags.dotAll = on
		case 'u':
			p.flags.unicodeCase = on
		case 'c': // canonical equivalence: accepted, without effect
		case 'x':
			p.flags.comments = on
		case 'U':
			p.flags.unicodeClass = on
			p.flags.unicodeCase = on
		case '-':
			if !on {
				p.fail("the flags have two minus signs")
			}
			on = false
		default:
			return
		}
	}
}

// escape reads what follows a backslash outside a class.
func (p *parser) escape() tree {
	c := p.at(0)
	if c == end {
		p.fail("the pattern ends with a backslash")
	}
	if op, ok := assertions[c]; ok {
		p.pos++
		return assertion{op: op, unix: p.flags.unixLines}
	}
	switch {
	case c >= '1' && c <= '9':
		return p.backReference()
	case c == 'k':
		p.pos++
		if p.at(0) != '<' {
			p.fail(`\k needs a name in angle brackets`)
		}
		p.pos++
		index := p.groups.names[p.name('>')]
		if index == 0 {
			p.fail("there is no group of that name before")
		}
		return backref{index, p.folding()}
	case c == 'R':
		p.pos++
		return choice{concat{literal{r: '\r'}, literal{r: '\n'}}, class{newCharset(vertical)}}
	case c == 'X':
		p.pos++
		marks := repeat{body: class{newCharset(in(unicode.M))}, max: -1, mode: possessive}
		return choice{concat{literal{r: '\r'}, literal{r: '\n'}}, concat{class{newCharset(func(rune) bool { return true })}, marks}}
	}
	if set := p.classEscape(); set != nil {
		return class{newCharset(set)}
	}
	return p.char(p.charEscape())
}

var assertions = map[rune]opcode{
	'b': opWordBoundary, 'B': opNoWordBoundary, 'A': opTextStart, 'z': opTextEnd, 'Z': opTextEndOrLine, 'G': opLastMatch,
}

// backReference reads \1 to \9, and more digits as long as there are that many
// groups.
func (p *parser) backReference() tree {
	n := int(p.at(0) - '0')
	p.pos++
	for asciiDigit(p.at(0)) && n*10+int(p.at(0)-'0') <= p.groups.count {
		n = n*10 + int(p.at(0)-'0')
		p.pos++
	}
	return backref{n, p.folding()}
}
