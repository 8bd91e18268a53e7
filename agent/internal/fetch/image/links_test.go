package image

import (
	"net/url"
	"strings"
	"testing"
)

func TestNextPage(t *testing.T) {
	page, err := url.Parse("https://registry.example/v2/team/cart/tags/list?n=2")
	if err != nil {
		t.Fatal(err)
	}
	const base = "https://registry.example"
	for _, c := range []struct{ link, want, wantErr string }{
		{link: ""},
		{link: `</v2/x>; rel="first"`},
		{link: `</v2/team/cart/tags/list?last=1.0&n=2>; rel="next"`, want: base + "/v2/team/cart/tags/list?last=1.0&n=2"},
		{link: `<list?last=1.0>;rel=next`, want: base + "/v2/team/cart/tags/list?last=1.0"},
		{link: `</a>; rel="prev", </b>; rel = "next"`, want: base + "/b"},
		{link: base + `/b; rel="next"`, wantErr: `its next page is "https://registry.example/b", which is no link`},
		{link: `<http://registry.example/b>; rel="next"`, wantErr: "its next page is on another host, registry.example"},
		{link: `<//other.example/b>; rel="next"`, wantErr: "its next page is on another host, other.example"},
		{link: `<%zz>; rel="next"`, wantErr: `its next page is "<%zz>", which is no link`},
	} {
		next, err := nextPage(page, c.link)
		switch {
		case c.wantErr != "":
			if err == nil || err.Error() != c.wantErr {
				t.Errorf("%s: error %v, want %s", c.link, err, c.wantErr)
			}
		case err != nil:
			t.Errorf("%s: %v", c.link, err)
		case next == nil:
			if c.want != "" {
				t.Errorf("%s: found no page, want %s", c.link, c.want)
			}
		case next.String() != c.want:
			t.Errorf("%s: the next page is %s, want %s", c.link, next, c.want)
		}
	}
}

func FuzzNextPage(f *testing.F) {
	f.Add(`</v2/x?n=1>; rel="next"`)
	f.Add(`<//x>; rel=next, <`)
	f.Fuzz(func(t *testing.T, link string) {
		page := &url.URL{Scheme: "https", Host: "registry.example", Path: "/v2/x/tags/list"}
		if next, err := nextPage(page, link); err == nil && next != nil && (next.Host != page.Host || next.Scheme != page.Scheme) {
			t.Errorf("leads to %s", next)
		}
	})
}

// Whatever a registry sends as a list of tags, what comes out of it are tags.
func FuzzReadTags(f *testing.F) {
	f.Add([]byte(`{"name":"team/cart","tags":["1.0","latest","../x",""]}`))
	f.Add([]byte(`{"tags":null}`))
	f.Add([]byte(`[1]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		tags, err := readTags(body)
		for _, tag := range tags {
			if err != nil || len(tag.Name) > 128 || strings.ContainsAny(tag.Name, "/:@ \n") {
				t.Errorf("tag %q, error %v", tag.Name, err)
			}
		}
	})
}
