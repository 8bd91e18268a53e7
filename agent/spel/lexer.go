package spel

import (
	"strings"
	"unicode/utf8"
)

// lexer cuts an expression into tokens.
type lexer struct {
	text string
	pos  int
	toks []token
}

// pairs are the tokens of two characters; they win over those of one.
var pairs = map[string]tokenKind{
	"++": tokIncrement, "--": tokDecrement, "^[": tokSelectFirst, "!=": tokNe, "![": tokProject,
	"==": tokEq, "&&": tokSymbolicAnd, "||": tokSymbolicOr, "?[": tokSelect, "?:": tokElvis,
	"?.": tokSafeNavigation, "$[": tokSelectLast, ">=": tokGe, "<=": tokLe,
}

var singles = [utf8.RuneSelf]tokenKind{
	'+': tokPlus, '-': tokMinus, '*': tokStar, '/': tokDiv, '%': tokMod, '^': tokPower,
	'(': tokLParen, ')': tokRParen, '[': tokLSquare, ']': tokRSquare, '{': tokLCurly, '}': tokRCurly,
	',': tokComma, ':': tokColon, '.': tokDot, '#': tokHash, '?': tokQuestion, '!': tokNot,
	'=': tokAssign, '<': tokLt, '>': tokGt, '@': tokBean, '&': tokFactoryBean,
}

// lex cuts the text into tokens; the last one is tokEnd.
func lex(text string) ([]token, *Error) {
	l := &lexer{text: text, toks: make([]token, 0, 8+len(text)/4)}
	for l.pos < len(text) {
		if err := l.next(); err != nil {
			return nil, err
		}
	}
	l.toks = append(l.toks, token{kind: tokEnd, pos: len(text), end: len(text)})
	return l.toks, nil
}

func (l *lexer) next() *Error {
	r, size := utf8.DecodeRuneInString(l.text[l.pos:])
	switch {
	case r == ' ' || r == '\t' || r == '\r' || r == '\n' || r == 0:
		l.pos++
	case isDigit(r):
		return l.number()
	case r == '\'' || r == '"':
		return l.quoted(byte(r))
	case isLetter(r) || r == '_':
		l.name()
	default:
		return l.symbol(r, size)
	}
	return nil
}

func (l *lexer) symbol(r rune, size int) *Error {
	if l.pos+1 < len(l.text) {
		if kind, ok := pairs[l.text[l.pos:l.pos+2]]; ok {
			l.push(kind, l.pos+2)
			return nil
		}
	}
	switch {
	case r == '$':
		l.name()
	case r == '|':
		return syntaxError(l.pos, codeMissingCharacter, `a single "|" is no operator`).suggest(`use "||" or "or"`)
	case r == '\\':
		return syntaxError(l.pos, codeUnexpectedEscapeChar, `unexpected "\" outside a string`)
	case r < utf8.RuneSelf && singles[r] != tokEnd:
		l.push(singles[r], l.pos+1)
	case r == utf8.RuneError && size <= 1:
		return syntaxError(l.pos, codeUnsupportedCharacter, "byte 0x%02x is not UTF-8", l.text[l.pos])
	default:
		e := syntaxError(l.pos, codeUnsupportedCharacter, "character %q is not part of the language", r)
		if strings.ContainsRune("‘’‚“”„`´«»", r) {
			e.suggest("quote texts with ' or \"")
		}
		return e
	}
	return nil
}

func (l *lexer) push(kind tokenKind, end int) {
	l.toks = append(l.toks, token{kind: kind, pos: l.pos, end: end, text: l.text[l.pos:end]})
	l.pos = end
}

func (l *lexer) name() {
	end := l.pos
	for end < len(l.text) {
		r, size := utf8.DecodeRuneInString(l.text[end:])
		if !isNamePart(r) {
			break
		}
		end += size
	}
	kind, word := tokIdentifier, false
	if n := end - l.pos; n == 2 || n == 3 {
		if op, ok := wordOperators[strings.ToUpper(l.text[l.pos:end])]; ok {
			kind, word = op, true
		}
	}
	l.push(kind, end)
	l.toks[len(l.toks)-1].word = word
}

// quoted reads a string literal. There are no escapes; only the literal's own
// quote is doubled inside it.
func (l *lexer) quoted(quote byte) *Error {
	start := l.pos + 1
	for i := start; ; i++ {
		n := strings.IndexByte(l.text[i:], quote)
		if n < 0 {
			code := codeNonTerminatingQuoted
			if quote == '"' {
				code = codeNonTerminatingDoubleQuoted
			}
			return syntaxError(l.pos, code, "the string that begins here has no closing %c", quote)
		}
		i += n
		if i+1 < len(l.text) && l.text[i+1] == quote {
			i++
			continue
		}
		text := l.text[start:i]
		if q := string(quote); strings.Contains(text, q) {
			text = strings.ReplaceAll(text, q+q, q)
		}
		l.toks = append(l.toks, token{kind: tokString, pos: l.pos, end: i + 1, text: text})
		l.pos = i + 1
		return nil
	}
}

// at is the byte at an offset, 0 behind the end.
func (l *lexer) at(i int) rune {
	if i < len(l.text) {
		return rune(l.text[i])
	}
	return 0
}

func (l *lexer) digits(i int) int {
	for isDigit(l.at(i)) {
		i++
	}
	return i
}

func (l *lexer) number() *Error {
	if l.at(l.pos) == '0' && (l.at(l.pos+1)|0x20) == 'x' {
		return l.hex()
	}
	end, kind := l.digits(l.pos), tokInt
	if l.at(end) == '.' && isDigit(l.at(end+1)) {
		end, kind = l.digits(end+1), tokReal
	}
	switch suffix := l.at(end) | 0x20; suffix {
	case 'l':
		if kind == tokReal {
			return syntaxError(l.pos, codeRealCannotBeLong, "the real number %q cannot be a long", l.text[l.pos:end+1])
		}
		l.toks = append(l.toks, token{kind: tokLong, pos: l.pos, end: end + 1, text: l.text[l.pos:end]})
		l.pos = end + 1
		return nil
	case 'e':
		return l.exponent(end)
	case 'f':
		kind, end = tokFloat, end+1
	case 'd':
		kind, end = tokReal, end+1
	}
	l.push(kind, end)
	return nil
}

func (l *lexer) hex() *Error {
	digits := l.pos + 2
	end := digits
	for isHexDigit(l.at(end)) {
		end++
	}
	t := token{kind: tokHexInt, pos: l.pos, end: end, text: l.text[digits:end]}
	if l.at(end)|0x20 == 'l' {
		t.kind, t.end = tokHexLong, end+1
	}
	if end == digits {
		code := codeNotAnInteger
		if t.kind == tokHexLong {
			code = codeNotALong
		}
		return syntaxError(l.pos, code, "there are no hexadecimal digits after 0x")
	}
	l.toks = append(l.toks, t)
	l.pos = t.end
	return nil
}

func (l *lexer) exponent(e int) *Error {
	end := e + 1
	if s := l.at(end); s == '+' || s == '-' {
		end++
	}
	if end >= len(l.text) {
		return syntaxError(l.pos, codeNotAReal, "%q has no digits in its exponent", l.text[l.pos:])
	}
	if !isDigit(l.at(end)) {
		// One character more belongs to the token, whatever it is; the parser
		// refuses it.
		_, size := utf8.DecodeRuneInString(l.text[end:])
		l.push(tokReal, end+size)
		return nil
	}
	end = l.digits(end)
	kind := tokReal
	switch l.at(end) | 0x20 {
	case 'f':
		kind, end = tokFloat, end+1
	case 'd':
		end++
	}
	l.push(kind, end)
	return nil
}
