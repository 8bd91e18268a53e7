package maven

import (
	"cmp"
	"errors"
	"math/big"
	"regexp"
	"slices"
	"strings"
)

// span is a range of versions; an empty bound is none.
type span struct {
	low, high         string
	withLow, withHigh bool
}

func (s span) holds(version string) bool {
	if s.low != "" {
		if c := Compare(version, s.low); c < 0 || c == 0 && !s.withLow {
			return false
		}
	}
	if s.high != "" {
		if c := Compare(version, s.high); c > 0 || c == 0 && !s.withHigh {
			return false
		}
	}
	return true
}

// oneRange is a range at the start of a text, which may be followed by others.
var oneRange = regexp.MustCompile(`^([\[(])([^\[\]()]*)([\])])(?:,|$)`)

// parseRanges reads ranges such as [1.0,2.0), (,1.5] and [1.2].
func parseRanges(text string) ([]span, error) {
	var out []span
	for text = strings.ReplaceAll(text, " ", ""); text != ""; {
		found := oneRange.FindStringSubmatch(text)
		if found == nil {
			return nil, errors.New("it is no range of versions")
		}
		low, high, two := strings.Cut(found[2], ",")
		if !two {
			high = low
		}
		out = append(out, span{low: low, high: high, withLow: found[1] == "[", withHigh: found[3] == "]"})
		text = text[len(found[0]):]
	}
	return out, nil
}

// Compare orders versions as Maven does, an older one first.
//
// Source: apache/maven-resolver util/version/GenericVersion.java.
func Compare(a, b string) int {
	x, y := split(a), split(b)
	for i := range max(len(x), len(y)) {
		if c := compareParts(at(x, i), at(y, i)); c != 0 {
			return c
		}
	}
	return 0
}

// part is a number or a word of a version. The zero part is what a version that is shorter has at that place.
type part struct {
	number *big.Int
	word   string
}

func at(parts []part, i int) part {
	if i < len(parts) {
		return parts[i]
	}
	return part{}
}

var tokens = regexp.MustCompile(`\d+|[^\d._-]+`)

// split cuts a version into its parts. Zeros, and words that say no more than "final", count for nothing before a word
// and at the end.
func split(version string) []part {
	var parts []part
	for _, token := range tokens.FindAllString(strings.ToLower(version), -1) {
		if number, ok := new(big.Int).SetString(token, 10); ok {
			parts = append(parts, part{number: number})
			continue
		}
		parts = append(trim(parts), part{word: token})
	}
	return trim(parts)
}

func trim(parts []part) []part {
	for len(parts) > 0 && rank(parts[len(parts)-1]) == rank(part{}) {
		parts = parts[:len(parts)-1]
	}
	return parts
}

// qualifiers are the words with a meaning, in their order; those between are before a release, "sp" after it.
var qualifiers = []string{"alpha", "beta", "milestone", "rc", "snapshot", "", "sp"}

var synonyms = map[string]string{"a": "alpha", "b": "beta", "m": "milestone", "cr": "rc", "ga": "", "final": "", "release": ""}

const (
	otherWord  = 100
	anyNumber  = 200
	zeroNumber = 5 // that of "", which is a release
)

func rank(p part) int {
	if p.number != nil {
		if p.number.Sign() == 0 {
			return zeroNumber
		}
		return anyNumber
	}
	word := p.word
	if meaning, ok := synonyms[word]; ok {
		word = meaning
	}
	if at := slices.Index(qualifiers, word); at >= 0 {
		return at
	}
	return otherWord
}

func compareParts(a, b part) int {
	if a.number != nil && b.number != nil {
		return a.number.Cmp(b.number)
	}
	return cmp.Or(cmp.Compare(rank(a), rank(b)), compareWords(a, b))
}

func compareWords(a, b part) int {
	if rank(a) != otherWord {
		return 0
	}
	return strings.Compare(a.word, b.word)
}
