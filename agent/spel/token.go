package spel

import "unicode"

// tokenKind is what the lexer takes a stretch of text for.
type tokenKind uint8

const (
	tokEnd tokenKind = iota
	tokInt
	tokLong
	tokHexInt
	tokHexLong
	tokReal
	tokFloat
	tokString
	tokIdentifier
	tokLParen
	tokRParen
	tokLSquare
	tokRSquare
	tokLCurly
	tokRCurly
	tokComma
	tokColon
	tokDot
	tokSafeNavigation // ?.
	tokHash
	tokElvis // ?:
	tokQuestion
	tokProject     // ![
	tokSelect      // ?[
	tokSelectFirst // ^[
	tokSelectLast  // $[
	tokBean        // @
	tokFactoryBean // &
	tokAssign
	tokIncrement
	tokDecrement
	tokSymbolicOr
	tokSymbolicAnd
	tokPlus
	tokMinus
	tokStar
	tokPower
	tokDiv
	tokMod
	tokNot
	tokEq
	tokNe
	tokLt
	tokLe
	tokGt
	tokGe
)

// token is one lexical element. word is set for operators written as words:
// they still count as names where a name is expected.
type token struct {
	kind     tokenKind
	word     bool
	pos, end int    // byte offsets in the expression
	text     string // as written; for strings without quotes, inner quotes reduced; for hex without 0x; for longs without L
}

// isName reports whether the token can be a property, method or map key.
func (t token) isName() bool { return t.kind == tokIdentifier || t.word }

// describe is the token as error messages name it.
func (t token) describe() string {
	switch t.kind {
	case tokEnd:
		return "the end"
	case tokString:
		return "the string '" + t.text + "'"
	default:
		return "\"" + t.text + "\""
	}
}

// wordOperators are the operators written as words that the lexer knows, in
// any case. The others (and, or, instanceof, matches, between) are names until
// the parser meets them where an operator can stand.
var wordOperators = map[string]tokenKind{
	"DIV": tokDiv, "EQ": tokEq, "GE": tokGe, "GT": tokGt, "LE": tokLe,
	"LT": tokLt, "MOD": tokMod, "NE": tokNe, "NOT": tokNot,
}

// Letters are tested for each UTF-16 unit, so only those of the basic plane
// count.
func isLetter(r rune) bool { return r <= 0xffff && unicode.IsLetter(r) }

func isDigit(r rune) bool { return r >= '0' && r <= '9' }

func isHexDigit(r rune) bool {
	return isDigit(r) || r >= 'a' && r <= 'f' || r >= 'A' && r <= 'F'
}

func isNamePart(r rune) bool { return isLetter(r) || isDigit(r) || r == '_' || r == '$' }
