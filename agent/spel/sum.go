package spel

import "strconv"

// Sums: + and - from left to right. Most are concatenations, which are built in
// one go.

func (n *sumNode) eval(s *state, active any) (any, error) {
	sum, err := n.first.eval(s, active)
	if err != nil {
		return nil, err
	}
	for i := 0; i < len(n.terms); i++ {
		t := &n.terms[i]
		y, err := t.x.eval(s, active)
		if err != nil {
			return nil, err
		}
		if err := s.count(t.at); err != nil {
			return nil, err
		}
		_, leftText := sum.(string)
		_, rightText := y.(string)
		switch {
		case t.op == tokPlus && (leftText || rightText):
			sum, i, err = n.concatenate(s, active, i, sum, y)
		case t.op == tokMinus && leftText:
			sum, err = t.before(sum.(string), y)
		default:
			sum, err = t.compute(sum, y)
		}
		if err != nil {
			return nil, err
		}
	}
	return sum, nil
}

// maxConcatenated is the longest result of +, in UTF-16 units.
const maxConcatenated = 100_000

// concatenate joins the texts of two values and of all terms behind them that
// are added too. It returns the index of the last one.
func (n *sumNode) concatenate(s *state, active any, i int, x, y any) (any, int, error) {
	var short [128]byte
	text, err := n.terms[i].appendText(short[:0], x)
	if err != nil {
		return nil, i, err
	}
	for {
		t := &n.terms[i]
		if text, err = t.appendText(text, y); err != nil {
			return nil, i, err
		}
		if len(text) > maxConcatenated && utf16Len(string(text)) > maxConcatenated {
			return nil, i, failure(t.position(), codeMaxConcatenatedLengthExceeded, "the text would be longer than %d characters", maxConcatenated)
		}
		if i+1 == len(n.terms) || n.terms[i+1].op != tokPlus {
			return string(text), i, nil
		}
		i++
		if y, err = n.terms[i].x.eval(s, active); err != nil {
			return nil, i, err
		}
		if err := s.count(n.terms[i].at); err != nil {
			return nil, i, err
		}
	}
}

// appendText appends the text form of an operand.
func (t *term) appendText(text []byte, v any) ([]byte, error) {
	if s, ok := v.(string); ok {
		return append(text, s...), nil
	}
	if n, ok := v.(int32); ok {
		return strconv.AppendInt(text, int64(n), 10), nil
	}
	s, err := concatText(v)
	if err != nil {
		return nil, failure(t.position(), codeTypeConversionError, "%s has no text form", describe(v)).suggest("use #toJson(...)")
	}
	return append(text, s...), nil
}

// before is the character that lies some places before another.
func (t *term) before(text string, y any) (any, error) {
	count, ok := y.(int32)
	if !ok || utf16Len(text) != 1 {
		return nil, t.unsupported(text, y)
	}
	return char(utf16Units(text)[0] - uint16(count)).text(), nil
}
