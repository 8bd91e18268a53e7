package spel

import (
	"crypto/md5"
	crand "crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"unicode"

	"github.com/gennaker/gennaker/agent/spel/internal/javalib"
)

// java.util.UUID and Random, java.net.URLEncoder, and locales.

type uuid [16]byte

func (uuid) javaClass() string { return "UUID" }

func (u uuid) text() string {
	h := hex.EncodeToString(u[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

func (u uuid) high() int64 { return int64(binary.BigEndian.Uint64(u[:8])) }
func (u uuid) low() int64  { return int64(binary.BigEndian.Uint64(u[8:])) }
func (u uuid) hash() int32 { return hashOf(u.high() ^ u.low()) }

// compareTo compares the halves as signed numbers, as Java does.
func (u uuid) compareTo(other any) (int, bool) {
	o, ok := other.(uuid)
	if c := compareInts(u.high(), o.high()); c != 0 {
		return c, ok
	}
	return compareInts(u.low(), o.low()), ok
}

func newUUID(high, low int64) uuid {
	var u uuid
	binary.BigEndian.PutUint64(u[:8], uint64(high))
	binary.BigEndian.PutUint64(u[8:], uint64(low))
	return u
}

// parseUUID reads five hexadecimal numbers, which may be short.
func parseUUID(s string) (any, error) {
	parts := strings.Split(s, "-")
	widths := [...]int{32, 16, 16, 16, 48}
	var n [5]uint64
	if len(parts) != len(n) {
		return nil, fmt.Errorf("%s is no UUID", quote(s))
	}
	for i, part := range parts {
		v, err := strconv.ParseUint(part, 16, 64)
		if err != nil {
			return nil, fmt.Errorf("%s is no UUID", quote(s))
		}
		n[i] = v & (1<<widths[i] - 1)
	}
	return newUUID(int64(n[0]<<32|n[1]<<16|n[2]), int64(n[3]<<48|n[4])), nil
}

func toUUID(v any, _ *javaType) (any, error) {
	s, ok := v.(string)
	if !ok {
		return nil, errNoConversion
	}
	if s == "" {
		return nil, nil
	}
	return parseUUID(strings.TrimFunc(s, javaTrim))
}

// versioned sets the version and variant of a UUID.
func (u uuid) versioned(version byte) uuid {
	u[6] = u[6]&0x0f | version<<4
	u[8] = u[8]&0x3f | 0x80
	return u
}

func (u uuid) variant() int {
	switch top := u[8] >> 5; {
	case top < 4:
		return 0
	case top < 6:
		return 2
	default:
		return int(top)
	}
}

func ofVersion1(f func(u uuid) any) callable {
	return on(func(u uuid, _ []any) (any, error) {
		if u[6]>>4 != 1 {
			return nil, errors.New("not a time-based UUID")
		}
		return f(u), nil
	})
}

var uuidMembers = []member{
	{"getMostSignificantBits()", get(func(u uuid) any { return u.high() })},
	{"getLeastSignificantBits()", get(func(u uuid) any { return u.low() })},
	{"version()", get(func(u uuid) any { return integer(int(u[6] >> 4)) })},
	{"variant()", get(func(u uuid) any { return integer(u.variant()) })},
	{"timestamp()", ofVersion1(func(u uuid) any { return u.high()&0xfff<<48 | u.high()>>16&0xffff<<32 | int64(uint64(u.high())>>32) })},
	{"clockSequence()", ofVersion1(func(u uuid) any { return integer(int(u[8]&0x3f)<<8 | int(u[9])) })},
	{"node()", ofVersion1(func(u uuid) any { return u.low() & (1<<48 - 1) })},
	{"static randomUUID()", static(func([]any) (any, error) {
		var u uuid
		_, err := crand.Read(u[:])
		return u.versioned(4), err
	})},
	{"static fromString(String)", static(func(args []any) (any, error) {
		s, err := str(args[0])
		if err != nil {
			return nil, err
		}
		return parseUUID(s)
	})},
	{"static nameUUIDFromBytes(byte[])", static(func(args []any) (any, error) {
		a, ok := args[0].(*array)
		if !ok {
			return nil, errors.New("the argument is null")
		}
		return uuid(md5.Sum(asBytes(a))).versioned(3), nil
	})},
	{"new(long,long)", pure(func(args []any) any { return newUUID(args[0].(int64), args[1].(int64)) })},
}

// random is a java.util.Random.
type random struct{ *javalib.Random }

func (random) javaClass() string { return "Random" }
func (random) text() string      { return "java.util.Random" }

func nextIn[T int32 | int64](next func(r random, low, high T) T, low func(args []any) T) callable {
	return on(func(r random, args []any) (any, error) {
		from, to := low(args), args[len(args)-1].(T)
		if from >= to {
			return nil, fmt.Errorf("the bound must be greater than %d", from)
		}
		return next(r, from, to), nil
	})
}

func realIn(r random, low, high float64) (any, error) {
	if !(low < high) {
		return nil, fmt.Errorf("the bound must be greater than %g", low)
	}
	return double(low + r.Double()*(high-low)), nil
}

func floatIn(r random, low, high float32) (any, error) {
	if !(low < high) {
		return nil, fmt.Errorf("the bound must be greater than %g", low)
	}
	return low + r.Float()*(high-low), nil
}

var randomMembers = []member{
	{"nextInt()", get(func(r random) any { return r.Int() })},
	{"nextInt(int)", nextIn(func(r random, _, high int32) int32 { return r.Intn(high) }, func([]any) int32 { return 0 })},
	{"nextInt(int,int)", nextIn(func(r random, low, high int32) int32 { return r.IntBetween(low, high) }, func(args []any) int32 { return args[0].(int32) })},
	{"nextLong()", get(func(r random) any { return r.Long() })},
	{"nextLong(long)", nextIn(func(r random, low, high int64) int64 { return r.LongBetween(low, high) }, func([]any) int64 { return 0 })},
	{"nextLong(long,long)", nextIn(func(r random, low, high int64) int64 { return r.LongBetween(low, high) }, func(args []any) int64 { return args[0].(int64) })},
	{"nextBoolean()", get(func(r random) any { return r.Bool() })},
	{"nextFloat(float)", on(func(r random, args []any) (any, error) { return floatIn(r, 0, asFloat32(args[0])) })},
	{"nextFloat(float,float)", on(func(r random, args []any) (any, error) {
		return floatIn(r, asFloat32(args[0]), asFloat32(args[1]))
	})},
	{"nextFloat()", get(func(r random) any { return r.Float() })},
	{"nextDouble()", get(func(r random) any { return double(r.Double()) })},
	{"nextDouble(double)", on(func(r random, args []any) (any, error) { return realIn(r, 0, asFloat64(args[0])) })},
	{"nextDouble(double,double)", on(func(r random, args []any) (any, error) {
		return realIn(r, asFloat64(args[0]), asFloat64(args[1]))
	})},
	{"nextGaussian()", get(func(r random) any { return double(r.Gaussian()) })},
	{"new()", pure(func([]any) any { return random{javalib.NewRandom(rand.Int64())} })},
	{"new(long)", pure(func(args []any) any { return random{javalib.NewRandom(args[0].(int64))} })},
}

var urlEncoderMembers = []member{
	{"static encode(String)", static(func(args []any) (any, error) { return urlEncode(args[0], "UTF-8") })},
	{"static encode(String,String)", static(func(args []any) (any, error) {
		name, err := str(args[1])
		if err != nil {
			return nil, err
		}
		return urlEncode(args[0], name)
	})},
	{"static encode(String,Charset)", static(func(args []any) (any, error) {
		name, _ := args[1].(charset)
		return urlEncode(args[0], string(name))
	})},
}

// urlEncode is form encoding. What has to be encoded is encoded run by run: in
// some charsets each run begins with a mark.
func urlEncode(v any, charsetName string) (any, error) {
	s, err := str(v)
	if err != nil {
		return nil, err
	}
	if _, err := encode("", charsetName); err != nil {
		return nil, err
	}
	var b strings.Builder
	for s != "" {
		n := 0
		for n < len(s) && keptInURL(s[n]) {
			n++
		}
		b.WriteString(strings.ReplaceAll(s[:n], " ", "+"))
		s, n = s[n:], 0
		for n < len(s) && !keptInURL(s[n]) {
			n++
		}
		run, err := encode(s[:n], charsetName)
		if err != nil {
			return nil, err
		}
		for _, octet := range asBytes(run.(*array)) {
			fmt.Fprintf(&b, "%%%02X", octet)
		}
		s = s[n:]
	}
	return b.String(), nil
}

func keptInURL(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte(" .-*_", c) >= 0
}

// locale is accepted and ignored: all text forms are English.
type locale string

func (locale) javaClass() string { return "Locale" }
func (l locale) text() string    { return string(l) }

func toLocale(v any, _ *javaType) (any, error) {
	s, ok := v.(string)
	if !ok {
		return nil, errNoConversion
	}
	if strings.Trim(s, "_ ") == "" {
		return nil, nil
	}
	if i := strings.IndexFunc(s, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(" _-#", r)
	}); i >= 0 {
		return nil, fmt.Errorf("%s is no locale: write en or en_US", quote(s))
	}
	return locale(s), nil
}
