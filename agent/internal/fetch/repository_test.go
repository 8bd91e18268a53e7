package fetch

import (
	"slices"
	"testing"
)

// A reference of a repository leads to a host by one of git's ways, or nowhere; it never carries a password on.
func FuzzParseRepository(f *testing.F) {
	for _, reference := range []string{"https://git.example/a/b.git", "git@git.example:a/b.git", "ssh://git@git.example:22/a", "https://u:p@git.example/a?x#y",
		"file:///etc/passwd", "ext::sh -c id", "-oProxyCommand=id@x:y", "ssh://-oProxyCommand=id/x", "http://"} {
		f.Add(reference)
	}
	f.Fuzz(func(t *testing.T, reference string) {
		place, err := parseRepository(reference)
		if err != nil {
			return
		}
		_, hasPassword := place.User.Password()
		if !slices.Contains([]string{"http", "https", "ssh"}, place.Scheme) || place.Hostname() == "" || hasPassword ||
			place.Scheme != "ssh" && place.User != nil {
			t.Errorf("%q leads to %q", reference, place)
		}
	})
}
