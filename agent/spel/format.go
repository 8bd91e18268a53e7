package spel

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// directive is one % of a format string (java.util.Formatter).
type directive struct {
	index      int    // 1-based argument; 0 for the next, -1 for the last one again
	flags      string // of "-#+ 0,("
	width      int    // -1 if not given
	precision  int    // -1 if not given
	conversion byte
	suffix     byte // of t: which part of the time
}

var directivePattern = regexp.MustCompile(`^%(\d+\$|<)?([-#+ 0,(]*)(\d+)?(\.\d+)?([tT])?([a-zA-Z%])`)

// maxWidth bounds the width and precision of a directive.
const maxWidth = 10_000

// format is String.format.
func format(layout string, args []any) (any, error) {
	var w textWriter
	next, last := 0, -1
	for {
		i := strings.IndexByte(layout, '%')
		if i < 0 {
			w.add(layout)
			return w.String(), nil
		}
		w.add(layout[:i])
		layout = layout[i:]
		m := directivePattern.FindStringSubmatch(layout)
		if m == nil {
			return nil, fmt.Errorf("the directive at %s is not complete", quote(layout))
		}
		layout = layout[len(m[0]):]
		d, err := newDirective(m)
		if err != nil {
			return nil, err
		}
		if d.conversion == 'n' || d.conversion == '%' {
			s, err := d.plain()
			if err != nil {
				return nil, err
			}
			w.add(s)
			continue
		}
		switch {
		case d.index > 0:
			last = d.index - 1
		case d.index == 0:
			last = next
			next++
		}
		if last < 0 || last >= len(args) {
			return nil, fmt.Errorf("there is no argument for %s", m[0])
		}
		s, err := d.format(normal(args[last]))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m[0], err)
		}
		w.add(s)
	}
}

func newDirective(m []string) (directive, error) {
	d := directive{flags: m[2], width: -1, precision: -1, conversion: m[6][0]}
	switch {
	case m[1] == "<":
		d.index = -1
	case m[1] != "":
		d.index, _ = strconv.Atoi(m[1][:len(m[1])-1])
	}
	if m[3] != "" {
		d.width, _ = strconv.Atoi(m[3])
	}
	if m[4] != "" {
		d.precision, _ = strconv.Atoi(m[4][1:])
	}
	if m[5] != "" {
		d.conversion, d.suffix = m[5][0], m[6][0]
	}
	if d.width > maxWidth || d.precision > maxWidth {
		return d, errors.New("the width or precision is too large")
	}
	for i := range len(d.flags) {
		if strings.IndexByte(d.flags[:i], d.flags[i]) >= 0 {
			return d, fmt.Errorf("the flag %c is given twice", d.flags[i])
		}
	}
	if (d.has('-') || d.has('0')) && d.width < 0 {
		return d, errors.New("the width is missing")
	}
	if d.has('-') && d.has('0') || d.has('+') && d.has(' ') {
		return d, errors.New("the flags contradict each other")
	}
	return d, nil
}

func (d directive) has(flag byte) bool { return strings.IndexByte(d.flags, flag) >= 0 }

// only checks that no other flags are given.
func (d directive) only(flags string) error {
	for i := range len(d.flags) {
		if strings.IndexByte(flags, d.flags[i]) < 0 {
			return fmt.Errorf("the flag %c does not fit", d.flags[i])
		}
	}
	return nil
}

func (d directive) plain() (string, error) {
	if d.precision >= 0 {
		return "", errors.New("there is no precision here")
	}
	if d.conversion == 'n' {
		if d.width >= 0 || d.flags != "" {
			return "", errors.New("%n takes no width or flags")
		}
		return "\n", nil
	}
	return d.pad("%"), d.only("-")
}

func (d directive) pad(s string) string {
	n := d.width - utf16Len(s)
	switch {
	case n <= 0:
		return s
	case d.has('-'):
		return s + strings.Repeat(" ", n)
	}
	return strings.Repeat(" ", n) + s
}

func (d directive) format(v any) (string, error) {
	upperCase := d.conversion >= 'A' && d.conversion <= 'Z'
	if upperCase && strings.IndexByte("BHSCXEGAT", d.conversion) < 0 {
		return "", errors.New("unknown conversion")
	}
	d.conversion |= 0x20
	s, err := d.convert(v)
	if upperCase {
		s = upper(s)
	}
	return s, err
}

func (d directive) convert(v any) (string, error) {
	switch d.conversion {
	case 'b', 'h', 's', 'c', 't':
		s, err := d.text(v)
		return d.pad(s), err
	case 'd', 'o', 'x':
		if err := d.checkIntegral(); err != nil || v == nil {
			return d.pad("null"), err
		}
		return d.integral(v)
	case 'e', 'f', 'g', 'a':
		unfit := map[byte]string{'e': ",", 'g': "#", 'a': ",("}[d.conversion]
		if strings.ContainsAny(d.flags, unfit) {
			return "", errors.New("a flag does not fit")
		}
		if v == nil {
			return d.pad("null"[:min(4, uint(d.precision))]), nil
		}
		return d.real(v)
	}
	return "", errors.New("unknown conversion")
}

func (d directive) text(v any) (string, error) {
	if err := d.only("-"); err != nil {
		return "", err
	}
	s := "null"
	switch d.conversion {
	case 'b':
		b, isBool := v.(bool)
		s = strconv.FormatBool(isBool && b || !isBool && v != nil)
	case 'h':
		if v != nil {
			s = strconv.FormatUint(uint64(uint32(hashOf(v))), 16)
		}
	case 's':
		s = toString(v)
	case 'c':
		if d.precision >= 0 {
			return "", errors.New("a character has no precision")
		}
		switch c := v.(type) {
		case nil:
		case char:
			s = c.text()
		case int32, int16, int8:
			r := rune(asInt32(c))
			if r < 0 || r > utf8.MaxRune {
				return "", fmt.Errorf("%d is no character", r)
			}
			s = string(r)
		default:
			return "", fmt.Errorf("%s is no character", describe(v))
		}
	case 't':
		if d.precision >= 0 {
			return "", errors.New("a time has no precision")
		}
		return d.time(v)
	}
	if d.precision >= 0 && utf16Len(s) > d.precision {
		s = substring(s, 0, d.precision)
	}
	return s, nil
}

func (d directive) checkIntegral() error {
	switch {
	case d.precision >= 0:
		return errors.New("a whole number has no precision")
	case d.conversion == 'd' && d.has('#'):
		return errors.New("the flag # does not fit")
	case d.conversion != 'd' && d.has(','):
		return errors.New("the flag , does not fit")
	}
	return nil
}

// integral writes whole numbers.
func (d directive) integral(v any) (string, error) {
	switch v.(type) {
	case int32, int64, int16, int8, *big.Int:
	default:
		return "", fmt.Errorf("%s is no whole number", describe(v))
	}
	if d.conversion == 'd' {
		n := asBig(v)
		return d.signed(new(big.Int).Abs(n).String(), n.Sign() < 0), nil
	}
	if _, isBig := v.(*big.Int); !isBig {
		if err := d.only("-#0"); err != nil {
			return "", err
		}
	}
	return d.unsigned(v), nil
}

// unsigned writes octal and hexadecimal: negative numbers in two's complement
// of their kind.
func (d directive) unsigned(v any) string {
	base, prefix := 16, "0x"
	if d.conversion == 'o' {
		base, prefix = 8, "0"
	}
	if !d.has('#') {
		prefix = ""
	}
	var digits string
	switch n := v.(type) {
	case *big.Int:
		return d.signed(prefix+new(big.Int).Abs(n).Text(base), n.Sign() < 0)
	case int64:
		digits = strconv.FormatUint(uint64(n), base)
	case int16:
		digits = strconv.FormatUint(uint64(uint16(n)), base)
	case int8:
		digits = strconv.FormatUint(uint64(uint8(n)), base)
	default:
		digits = strconv.FormatUint(uint64(uint32(asInt32(v))), base)
	}
	if n := d.width - len(prefix) - len(digits); d.has('0') && n > 0 {
		rest, isHex := strings.CutPrefix(digits, "0x")
		digits = strings.Repeat("0", n) + rest
		if isHex {
			digits = "0x" + digits
		}
	}
	return d.pad(prefix + digits)
}

// signed puts sign, grouping and zeros around digits.
func (d directive) signed(digits string, negative bool) string {
	if d.has(',') {
		digits = grouped(digits)
	}
	before, after := "", ""
	switch {
	case negative && d.has('('):
		before, after = "(", ")"
	case negative:
		before = "-"
	case d.has('+'):
		before = "+"
	case d.has(' '):
		before = " "
	}
	if n := d.width - len(before) - len(digits) - len(after); d.has('0') && n > 0 {
		rest, isHex := strings.CutPrefix(digits, "0x")
		digits = strings.Repeat("0", n) + rest
		if isHex {
			digits = "0x" + digits
		}
	}
	return d.pad(before + digits + after)
}

func grouped(digits string) string {
	end := len(digits) - len(strings.TrimLeft(digits, "0123456789"))
	whole, rest := digits[:end], digits[end:]
	var parts []string
	for len(whole) > 3 {
		parts = append([]string{whole[len(whole)-3:]}, parts...)
		whole = whole[:len(whole)-3]
	}
	return strings.Join(append([]string{whole}, parts...), ",") + rest
}

// real writes Doubles and Floats.
func (d directive) real(v any) (string, error) {
	switch v.(type) {
	case double, float32:
	default:
		return "", fmt.Errorf("%s is no real number", describe(v))
	}
	f := asFloat64(v)
	if math.IsNaN(f) {
		return d.pad("NaN"), nil
	}
	if math.IsInf(f, 0) {
		zeros := d
		zeros.flags = strings.NewReplacer("0", "", ",", "").Replace(d.flags)
		return zeros.signed(strings.TrimPrefix(formatReal(f, 64), "-"), f < 0), nil
	}
	precision := d.precision
	if precision < 0 {
		precision = 6
	}
	abs := math.Abs(f)
	var digits string
	switch d.conversion {
	case 'a':
		digits = hexReal(abs)
	case 'f':
		digits = fixed(abs, precision)
	case 'e':
		digits = scientific(abs, precision)
	case 'g':
		digits = general(abs, max(precision, 1))
	}
	if mantissa, exponent, hasExponent := strings.Cut(digits, "e"); d.has('#') && !strings.Contains(digits, ".") {
		digits = mantissa + "."
		if hasExponent {
			digits += "e" + exponent
		}
	}
	return d.signed(digits, math.Signbit(f)), nil
}

// decimal is a number as digits d1 d2 d3 ... times 10^exponent, read as
// 0.d1d2d3...; the digits are the shortest that tell the number apart, which is
// where Java's rounding starts.
type decimal struct {
	digits   string
	exponent int
}

func newDecimal(f float64) decimal {
	if f == 0 {
		return decimal{"0", 1}
	}
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'e', -1, 64), "e")
	n, _ := strconv.Atoi(exponent)
	return decimal{strings.Replace(mantissa, ".", "", 1), n + 1}
}

// round keeps some digits; halves go up.
func (d decimal) round(keep int) decimal {
	if keep >= len(d.digits) {
		return d
	}
	if keep < 0 {
		return decimal{"", d.exponent}
	}
	up := d.digits[keep] >= '5'
	digits := []byte(d.digits[:keep])
	for i := keep - 1; up && i >= 0; i-- {
		if digits[i]++; digits[i] <= '9' {
			up = false
		} else {
			digits[i] = '0'
		}
	}
	if up {
		return decimal{"1" + string(digits), d.exponent + 1}
	}
	return decimal{string(digits), d.exponent}
}

// fixed writes a number with so many decimals.
func fixed(f float64, decimals int) string {
	d := newDecimal(f)
	d = d.round(d.exponent + decimals)
	whole, fraction := "0", ""
	if d.exponent > 0 {
		padded := d.digits + strings.Repeat("0", max(0, d.exponent-len(d.digits)))
		whole, fraction = padded[:d.exponent], padded[d.exponent:]
	} else {
		fraction = strings.Repeat("0", -d.exponent) + d.digits
	}
	if decimals == 0 {
		return whole
	}
	fraction += strings.Repeat("0", max(0, decimals-len(fraction)))
	return whole + "." + fraction[:decimals]
}

func scientific(f float64, decimals int) string {
	d := newDecimal(f).round(decimals + 1)
	exponent := d.exponent - 1
	if f == 0 {
		exponent = 0
	}
	digits := d.digits + strings.Repeat("0", max(0, decimals+1-len(d.digits)))
	s := digits[:1]
	if decimals > 0 {
		s += "." + digits[1:decimals+1]
	}
	return fmt.Sprintf("%se%+03d", s, exponent)
}

// general chooses between the two by size.
func general(f float64, precision int) string {
	if f == 0 {
		return fixed(0, precision-1)
	}
	d := newDecimal(f).round(precision)
	if exponent := d.exponent - 1; exponent >= -4 && exponent < precision {
		return fixed(f, precision-exponent-1)
	}
	return scientific(f, precision-1)
}
