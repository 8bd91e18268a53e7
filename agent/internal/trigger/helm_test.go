package trigger

import "testing"

// Ranges are those of semver4j's type NPM, which Echo uses.
func TestVersionRanges(t *testing.T) {
	for _, c := range []struct {
		version, wanted string
		want            bool
	}{
		{"1.2.3", "", true}, {"nightly", " ", true}, {"3.1.5", "*", true}, {"1.0.0-beta", "*", true},
		{"1.2.3", "1.2.3", true}, {"1.2.4", "1.2.3", false}, {"v1.2.3", "1.2.3", true}, {"1.2.3", "= 1.2.3", true},
		{"3.1.5", "3.1.x", true}, {"3.1.5", "3.1.X", true}, {"3.1.5", "3.*", true}, {"3.1.5", "3.1", true}, {"3.1.5", "3", true},
		{"3.2.5", "3.1.x", false}, {"4.0.0", "3", false}, {"3.1.5-beta+exp.sha.5114f85", "3.1.x", true},
		{"1.2.7", "~1.2.3", true}, {"1.3.0", "~1.2.3", false}, {"1.2.0", "~1.2", true}, {"1.3.0", "~1", true}, {"2.0.0", "~1", false},
		{"1.2.4-beta", "~1.2.3", true},
		{"1.3.0", "^1.2.3", true}, {"2.0.0", "^1.2.3", false}, {"0.2.4", "^0.2.3", true}, {"0.3.0", "^0.2.3", false}, {"0.0.4", "^0.0.3", false},
		{"2.3.4", "1.2.3 - 2.3.4", true}, {"2.3.4", "1.2.3 - 2.3", true}, {"2.4.3", "1.2.3 - 2.3", false}, {"3.0.0", "1.2.3 - 2", false},
		{"1.9.9", ">=1 <2", true}, {"2.0.0", ">=1 <2", false}, {"1.2.9", "1.2 <1.2.8 || >2.0.0", false}, {"1.2.4", "1.2.3 || 1.2.4", true},
		{"2.0.1", "> 2.0.0", true}, {"2.0.0", "<=2.0.0", true}, {"nightly", "*", false}, {"1.0.0", "not a range", false},
	} {
		got, reason := inRange(c.version, c.wanted)
		if got != c.want || !got && reason == "" {
			t.Errorf("%q in %q: %v (%s), want %v", c.version, c.wanted, got, reason, c.want)
		}
	}
}

func FuzzVersionRange(f *testing.F) {
	f.Add("1.2.3", ">=1 <2 || ^3.x")
	f.Add("1", "1 - 2")
	f.Fuzz(func(t *testing.T, version, wanted string) {
		if ok, reason := inRange(version, wanted); !ok && reason == "" {
			t.Error("no reason")
		}
	})
}
