package maven

import (
	"slices"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		text string
		want Coordinates
		path string
	}{
		{"com.acme:shop:1.0", Coordinates{Group: "com.acme", Artifact: "shop", Version: "1.0", Extension: "jar"}, "com/acme/shop/1.0/shop-1.0.jar"},
		{"com.acme:shop:1.0:conf", Coordinates{Group: "com.acme", Artifact: "shop", Version: "1.0", Classifier: "conf", Extension: "jar"}, "com/acme/shop/1.0/shop-1.0-conf.jar"},
		{"com.acme:shop:tar.gz:1.0", Coordinates{Group: "com.acme", Artifact: "shop", Version: "1.0", Extension: "tar.gz"}, "com/acme/shop/1.0/shop-1.0.tar.gz"},
		{"com.acme:shop:war:RELEASE", Coordinates{Group: "com.acme", Artifact: "shop", Version: "RELEASE", Extension: "war"}, ""},
		{"com.acme:shop:zip:conf:1.0", Coordinates{Group: "com.acme", Artifact: "shop", Version: "1.0", Classifier: "conf", Extension: "zip"}, "com/acme/shop/1.0/shop-1.0-conf.zip"},
		{"a:b:1.0-20260801.100000-7", Coordinates{Group: "a", Artifact: "b", Version: "1.0-20260801.100000-7", Extension: "jar"}, "a/b/1.0-SNAPSHOT/b-1.0-20260801.100000-7.jar"},
	} {
		got, err := Parse(c.text)
		if err != nil || got != c.want {
			t.Errorf("%s: got %+v, %v, want %+v", c.text, got, err, c.want)
		}
		if c.path != "" && got.Path() != c.path {
			t.Errorf("%s: path %s, want %s", c.text, got.Path(), c.path)
		}
	}
	for _, text := range []string{"", "a", "a:b", "a::1", "a:b:c:d:e:f", "a:../b:1", "a:b:..", "a b:c:1"} {
		if got, err := Parse(text); err == nil {
			t.Errorf("%q was read as %+v", text, got)
		}
	}
}

// The order of apache/maven-resolver's documentation of GenericVersion, and some of our own.
func TestCompare(t *testing.T) {
	for _, ordered := range []string{
		"1-alpha 1-beta 1-milestone-1 1-rc1 1-snapshot 1 1-sp 1-x 1.1",
		"1.0-alpha-2 1.0-alpha-10 1.0 1.0.1",
		"1.2 1.10 1.10.1 2 10",
		"0.9 0.10 1.0-m1 1.0-cr1 1.0",
		"9999999999999999999 99999999999999999999",
	} {
		versions := strings.Fields(ordered)
		for i, a := range versions {
			for j, b := range versions {
				if got, want := sign(Compare(a, b)), sign(i-j); got != want {
					t.Errorf("Compare(%s, %s) = %d, want %d", a, b, got, want)
				}
			}
		}
	}
	for _, equal := range []string{"1 1.0", "1 1.0.0-ga", "1.0-final 1-release", "1-a1 1-alpha-1", "1.0-alpha 1-alpha", "1.0-RC1 1.0-rc-1"} {
		a, b, _ := strings.Cut(equal, " ")
		if got := Compare(a, b); got != 0 {
			t.Errorf("Compare(%s, %s) = %d, want 0", a, b, got)
		}
	}
}

func sign(n int) int { return min(max(n, -1), 1) }

func TestRanges(t *testing.T) {
	versions := []string{"0.9", "1.0", "1.5", "2.0-alpha", "2.0", "3.0"}
	for text, want := range map[string]string{
		"[1.0,2.0]": "2.0", "[1.0,2.0)": "2.0-alpha", "(,1.0)": "0.9", "[1.5]": "1.5", "[1.0,)": "3.0", "[1,1.2),[2.5,9)": "3.0", "[1,1.2),(8,9)": "1.0",
		"(3.0,)": "", "[1": "", "[1,2": "", "[1,2)x": "", "1.0": "",
	} {
		if got := newestIn(text, versions); got != want {
			t.Errorf("newest in %s is %q, want %q", text, got, want)
		}
	}
}

func TestResolve(t *testing.T) {
	const oldSnapshot = `<?xml version="1.0"?><metadata><versioning><snapshot><timestamp>20260801.100000</timestamp><buildNumber>7</buildNumber></snapshot></versioning></metadata>`
	const snapshots = `<metadata><versioning><snapshotVersions><snapshotVersion><extension>pom</extension><value>1.0-1</value></snapshotVersion></snapshotVersions></versioning></metadata>`
	for _, c := range []struct{ reference, metadata, question, want, wantErr string }{
		{"a:b:1.0-SNAPSHOT", oldSnapshot, "a/b/1.0-SNAPSHOT/maven-metadata.xml", "1.0-20260801.100000-7", ""},
		{"a:b:1.0-SNAPSHOT", snapshots, "a/b/1.0-SNAPSHOT/maven-metadata.xml", "", "No versions matching constraint '1.0-SNAPSHOT' for 'a:b'"},
		{"a:b:RELEASE", `<metadata><versioning><release>3</release></versioning></metadata>`, "a/b/maven-metadata.xml", "3", ""},
		{"a:b:RELEASE", `<metadata/>`, "a/b/maven-metadata.xml", "", "No versions matching constraint 'RELEASE' for 'a:b'"},
		{"a:b:RELEASE", `<metadata><versioning><release>../../x</release></versioning></metadata>`, "a/b/maven-metadata.xml", "", `the metadata name "../../x" as a version`},
		{"a:b:LATEST", `<metadata><versioning><latest>LATEST</latest></versioning></metadata>`, "a/b/maven-metadata.xml", "", `the metadata name "LATEST" as a version`},
	} {
		file, err := Parse(c.reference)
		if err != nil {
			t.Fatal(err)
		}
		if got := file.Question(); got != c.question {
			t.Errorf("%s asks %s, want %s", c.reference, got, c.question)
		}
		metadata, err := ParseMetadata([]byte(c.metadata))
		if err != nil {
			t.Fatal(err)
		}
		resolved, err := file.Resolve(metadata)
		if c.wantErr != "" {
			if err == nil || err.Error() != c.wantErr {
				t.Errorf("%s: error %v, want %s", c.reference, err, c.wantErr)
			}
		} else if err != nil || resolved.Version != c.want || resolved.Question() != "" {
			t.Errorf("%s: got %+v, %v, want version %s", c.reference, resolved, err, c.want)
		}
	}
}

func FuzzParseMetadata(f *testing.F) {
	f.Add([]byte(`<metadata><versioning><release>1</release><versions><version>1</version></versions></versioning></metadata>`), "a:b:RELEASE")
	f.Add([]byte(`<!DOCTYPE x [<!ENTITY a "b">]><metadata>&a;</metadata>`), "a:b:[1,2)")
	f.Add([]byte(`<metadata><versioning><snapshot><timestamp>1</timestamp><buildNumber>2</buildNumber></snapshot></versioning></metadata>`), "a:b:zip:1-SNAPSHOT")
	f.Fuzz(func(t *testing.T, data []byte, reference string) {
		metadata, err := ParseMetadata(data)
		if err != nil {
			return
		}
		file, err := Parse(reference)
		if err != nil || file.Question() == "" {
			return
		}
		if resolved, err := file.Resolve(metadata); err == nil && slices.Contains(strings.Split(resolved.Path(), "/"), "..") {
			t.Errorf("%q leads to %s", reference, resolved.Path())
		}
	})
}

func FuzzCompare(f *testing.F) {
	f.Add("1.0-alpha", "1.0", "1.0.1")
	f.Add("1a", "1-sp", "1-ga.0")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		if sign(Compare(a, b)) != -sign(Compare(b, a)) {
			t.Errorf("%q and %q: the order depends on who is asked first", a, b)
		}
		if Compare(a, b) <= 0 && Compare(b, c) <= 0 && Compare(a, c) > 0 {
			t.Errorf("%q <= %q <= %q, but not the first and the last", a, b, c)
		}
	})
}
