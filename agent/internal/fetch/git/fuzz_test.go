package git

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
)

// recorded are the answers of the git program for a repository.
func recorded(tb testing.TB) (refs, answer, pack []byte) {
	tb.Helper()
	_, remote := repository(tb, map[string]string{"a/f": strings.Repeat("content ", 100), "a/g": strings.Repeat("content ", 101), "b": "-> a/f"})
	advertised, err := remote.Advertised(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	var text bytes.Buffer
	if err := advertised.Encode(&text); err != nil {
		tb.Fatal(err)
	}
	remote.change = func(p []byte) []byte { pack = bytes.Clone(p); return p }
	if _, err := archive(tb, remote, "", roomy()); err != nil {
		tb.Fatal(err)
	}
	return text.Bytes(), append([]byte("0008NAK\n"), pack...), pack
}

// answers is a server that gives the same answers whatever it is asked.
type answers struct{ refs, pack []byte }

func (a answers) Advertised(context.Context) (*packp.AdvRefs, error) {
	advertised := packp.NewAdvRefs()
	return advertised, advertised.Decode(bytes.NewReader(a.refs))
}

func (a answers) Pack(context.Context, *packp.UploadPackRequest) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(a.pack)), nil
}

// Whatever a server says of its branches, a version of it can be asked for or not.
func FuzzAdvertised(f *testing.F) {
	refs, _, _ := recorded(f)
	f.Add(refs, "main")
	f.Add(refs, "1234567")
	f.Add([]byte("0000"), "HEAD")
	f.Fuzz(func(t *testing.T, refs []byte, version string) {
		advertised := packp.NewAdvRefs()
		if advertised.Decode(bytes.NewReader(refs)) != nil {
			return
		}
		wanted, err := choose(advertised, version)
		if err != nil {
			return
		}
		request, err := wanted.request(advertised)
		if err != nil {
			return
		}
		if text, err := EncodeRequest(request); err == nil && len(text) == 0 {
			t.Error("the request says nothing")
		}
	})
}

// Whatever a server answers, there is a pack in it or an error.
func FuzzDecodeResponse(f *testing.F) {
	refs, answer, _ := recorded(f)
	f.Add(answer)
	f.Add([]byte("0008NAK\n0006\x01P0000"))
	f.Add([]byte("0034shallow 1234567890123456789012345678901234567890" + "0000"))
	f.Fuzz(func(t *testing.T, answer []byte) {
		advertised, err := answers{refs: refs}.Advertised(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		wanted, err := choose(advertised, "main")
		if err != nil {
			t.Fatal(err)
		}
		request, err := wanted.request(advertised)
		if err != nil {
			t.Fatal(err)
		}
		body, err := DecodeResponse(request, io.NopCloser(bytes.NewReader(answer)))
		if err != nil {
			return
		}
		if n, _ := io.Copy(io.Discard, body); n > int64(len(answer)) {
			t.Errorf("%d bytes came out of %d", n, len(answer))
		}
	})
}

// Whatever pack a server sends, an archive is made of it within its limits, or there is an error.
func FuzzArchive(f *testing.F) {
	refs, _, pack := recorded(f)
	f.Add(pack)
	f.Add(pack[:len(pack)/2])
	f.Fuzz(func(t *testing.T, pack []byte) {
		limits := roomy()
		made, err := archive(t, answers{refs, pack}, "", limits)
		if err == nil && int64(len(made)) > limits.Archive {
			t.Errorf("an archive of %d bytes", len(made))
		}
	})
}
