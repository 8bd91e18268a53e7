package javalib

import "math"

// Random is java.util.Random: a 48-bit linear congruential generator. It is not
// safe for concurrent use.
type Random struct {
	seed         int64
	nextGaussian float64
	haveGaussian bool
}

const (
	multiplier = 0x5DEECE66D
	increment  = 0xB
	seedMask   = 1<<48 - 1
)

// NewRandom seeds a generator.
func NewRandom(seed int64) *Random { return &Random{seed: (seed ^ multiplier) & seedMask} }

func (r *Random) next(bits uint) int32 {
	r.seed = (r.seed*multiplier + increment) & seedMask
	return int32(r.seed >> (48 - bits))
}

// Int is nextInt().
func (r *Random) Int() int32 { return r.next(32) }

// Intn is nextInt(bound); bound is positive.
func (r *Random) Intn(bound int32) int32 {
	bits := r.next(31)
	if bound&(bound-1) == 0 {
		return int32(int64(bound) * int64(bits) >> 31)
	}
	value := bits % bound
	for bits-value+(bound-1) < 0 {
		bits = r.next(31)
		value = bits % bound
	}
	return value
}

// IntBetween is nextInt(origin, bound); origin is less than bound.
func (r *Random) IntBetween(origin, bound int32) int32 {
	value := r.Int()
	n := bound - origin
	mask := n - 1
	switch {
	case n&mask == 0:
		return value&mask + origin
	case n > 0:
		u := int32(uint32(value) >> 1)
		for value = u % n; u+mask-value < 0; value = u % n {
			u = int32(uint32(r.Int()) >> 1)
		}
		return value + origin
	}
	for value < origin || value >= bound {
		value = r.Int()
	}
	return value
}

// Long is nextLong().
func (r *Random) Long() int64 { return int64(r.next(32))<<32 + int64(r.next(32)) }

// LongBetween is nextLong(origin, bound); origin is less than bound.
func (r *Random) LongBetween(origin, bound int64) int64 {
	value := r.Long()
	n := bound - origin
	mask := n - 1
	switch {
	case n&mask == 0:
		return value&mask + origin
	case n > 0:
		u := int64(uint64(value) >> 1)
		for value = u % n; u+mask-value < 0; value = u % n {
			u = int64(uint64(r.Long()) >> 1)
		}
		return value + origin
	}
	for value < origin || value >= bound {
		value = r.Long()
	}
	return value
}

// Bool is nextBoolean().
func (r *Random) Bool() bool { return r.next(1) != 0 }

// Float is nextFloat().
func (r *Random) Float() float32 { return float32(r.next(24)) / (1 << 24) }

// Double is nextDouble().
func (r *Random) Double() float64 {
	return float64(int64(r.next(26))<<27+int64(r.next(27))) * (1.0 / (1 << 53))
}

// Gaussian is nextGaussian().
func (r *Random) Gaussian() float64 {
	if r.haveGaussian {
		r.haveGaussian = false
		return r.nextGaussian
	}
	for {
		v1, v2 := 2*r.Double()-1, 2*r.Double()-1
		s := v1*v1 + v2*v2
		if s >= 1 || s == 0 {
			continue
		}
		scale := math.Sqrt(-2 * math.Log(s) / s)
		r.nextGaussian, r.haveGaussian = v2*scale, true
		return v1 * scale
	}
}
