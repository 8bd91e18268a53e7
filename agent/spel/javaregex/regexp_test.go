package javaregex_test

import (
	"errors"
	"testing"
	"time"

	"github.com/gennaker/gennaker/agent/spel/javaregex"
)

func TestHostilePatternsEndSoon(t *testing.T) {
	for _, pattern := range []string{`(a+)+b`, `(a|a)*b`, `(a*)*b`, `(.*)*x`, `(?:a?){30}a{30}b`, `^(([a-z])+.)+[A-Z]([a-z])+$`, `(x+x+)+y`, `(?=(a+))+\1b`} {
		re, err := javaregex.Compile(pattern)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		ok, err := re.Match("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!")
		if d := time.Since(start); ok || d > 200*time.Millisecond {
			t.Errorf("%s: %v after %v (%v)", pattern, ok, d, err)
		} else if err != nil && !errors.Is(err, javaregex.ErrTooComplex) {
			t.Errorf("%s: %v", pattern, err)
		} else {
			t.Log(pattern, d, err)
		}
	}
}
