package javaregex

// The parsed pattern.
type (
	tree interface{ length() bounds }

	// literal is one character.
	literal struct {
		r    rune
		fold folding
	}
	// class is any one character of a set.
	class  struct{ set *charset }
	concat []tree
	choice []tree
	// group captures what is inside.
	group struct {
		index int
		body  tree
	}
	// repeat is a quantifier; max is -1 without an upper bound.
	repeat struct {
		body     tree
		min, max int
		mode     greed
	}
	// look is a look-ahead or look-behind.
	look struct {
		body             tree
		behind, negative bool
	}
	atomic  struct{ body tree }
	backref struct {
		index int
		fold  folding
	}
	assertion struct {
		op   opcode
		unix bool // only \n ends a line
	}
)

// folding is how case counts: not at all, among ASCII letters, or everywhere.
type folding uint8

const (
	exact folding = iota
	foldASCII
	foldUnicode
)

// greed is how a quantifier takes: as much as it can, as little, or as much
// without ever giving back.
type greed uint8

const (
	greedy greed = iota
	lazy
	possessive
)

// bounds are the least and most characters a tree can match; max is -1 without
// an upper bound.
type bounds struct{ min, max int }

// maxLength is a length beyond which a bound does not matter.
const maxLength = 1 << 20

func (b bounds) plus(c bounds) bounds {
	sum := bounds{min(b.min+c.min, maxLength), -1}
	if b.max >= 0 && c.max >= 0 {
		sum.max = min(b.max+c.max, maxLength)
	}
	return sum
}

func (literal) length() bounds   { return bounds{1, 1} }
func (class) length() bounds     { return bounds{1, 1} }
func (g group) length() bounds   { return g.body.length() }
func (a atomic) length() bounds  { return a.body.length() }
func (look) length() bounds      { return bounds{} }
func (backref) length() bounds   { return bounds{0, -1} }
func (assertion) length() bounds { return bounds{} }

func (c concat) length() bounds {
	var sum bounds
	for _, t := range c {
		sum = sum.plus(t.length())
	}
	return sum
}

func (c choice) length() bounds {
	all := c[0].length()
	for _, t := range c[1:] {
		b := t.length()
		all.min = min(all.min, b.min)
		if b.max < 0 || all.max < 0 {
			all.max = -1
			continue
		}
		all.max = max(all.max, b.max)
	}
	return all
}

// A single character repeated without end counts as bounded, as in Java 17, so
// that a look-behind may hold it.
func (r repeat) length() bounds {
	b := r.body.length()
	out := bounds{min(b.min*min(r.min, maxLength), maxLength), -1}
	switch {
	case b.max == 0:
		out.max = 0
	case b.max == 1 && r.max < 0:
		out.max = maxLength
	case b.max > 0 && r.max >= 0:
		out.max = min(b.max*min(r.max, maxLength), maxLength)
	}
	return out
}
