package jobname_test

import (
	"strings"
	"testing"

	"github.com/gennaker/gennaker/jenkins/jobname"
)

func TestNames(t *testing.T) {
	for _, test := range []struct{ given, full string }{
		{"cart", "cart"},
		{"shop/job/cart", "shop/cart"},
		{"shop/cart", "shop/cart"},
		{"shop/job/cart/job/feature%2Fx", "shop/cart/feature%2Fx"},
		{"shop/job/job/job/cart", "shop/job/cart"},
		{"/job/shop/job/cart/", "shop/cart"},
		{"a/b/c", "a/b/c"},
		{"", ""},
	} {
		if got := jobname.Full(test.given); got != test.full {
			t.Errorf("Full(%q) = %q, want %q", test.given, got, test.full)
		}
	}
	if got := jobname.Igor("shop/cart/feature%2Fx"); got != "shop/job/cart/job/feature%2Fx" {
		t.Errorf("Igor: %q", got)
	}
}

func FuzzNames(f *testing.F) {
	f.Add("a/job/b")
	f.Add("job/job/job")
	f.Fuzz(func(t *testing.T, name string) {
		if full := jobname.Full(jobname.Igor(name)); !strings.HasPrefix(name, "/") && full != name {
			t.Errorf("Full(Igor(%q)) = %q", name, full)
		}
	})
}

func TestMatch(t *testing.T) {
	for _, test := range []struct {
		pattern, name string
		want          bool
	}{
		{"**", "cart", true},
		{"**", "a/b/c", true},
		{"*", "a/b", false},
		{"svc/*", "svc/main", true},
		{"svc/release%2F*", "svc/release%2F1", true},
		{"svc/release%2F*", "svc/main", false},
		{"**/main", "a/b/main", true},
		{"**/main", "main", true},
		{"a/**/z", "a/z", true},
		{"a/**/z", "a/b/c/z", true},
		{"a/**/z", "a/b/c", false},
		{"PR-?", "PR-1", true},
		{"PR-[0-9]*", "PR-x", false},
		{"PR-[", "PR-[", false},
		{"Cart", "cart", false},
	} {
		if got := jobname.Match(test.pattern, test.name); got != test.want {
			t.Errorf("Match(%q, %q) = %v", test.pattern, test.name, got)
		}
	}
}

func TestCheckPattern(t *testing.T) {
	for pattern, ok := range map[string]bool{"**": true, "a/job/b*": true, "": true, "a/[": false} {
		if err := jobname.CheckPattern(pattern); (err == nil) != ok {
			t.Errorf("CheckPattern(%q): %v", pattern, err)
		}
	}
}

// However many wildcards, matching ends soon.
func FuzzMatch(f *testing.F) {
	f.Add("**/a/**/a/**/a/**/b", "a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a")
	f.Add("a*/**/[b-", "a/b")
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if jobname.Match(pattern, name) && jobname.CheckPattern(pattern) != nil && !strings.Contains(pattern, "**") {
			t.Errorf("Match(%q, %q) although the pattern is broken", pattern, name)
		}
		if !jobname.Match("**", name) {
			t.Errorf("** does not match %q", name)
		}
	})
}
