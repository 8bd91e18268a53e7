package git

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/google/go-cmp/cmp"

	"github.com/gennaker/gennaker/agent/internal/fetch/fetchtest"
)

// local is a repository that the git program serves, asked without a network.
type local struct {
	t         testing.TB
	directory string
	// change may change a pack on its way; nil leaves it.
	change func([]byte) []byte
}

func (l local) Advertised(context.Context) (*packp.AdvRefs, error) {
	out, err := exec.Command("git", "upload-pack", "--stateless-rpc", "--advertise-refs", l.directory).Output()
	if err != nil {
		return nil, err
	}
	advertised := packp.NewAdvRefs()
	return advertised, advertised.Decode(bytes.NewReader(out))
}

func (l local) Pack(_ context.Context, request *packp.UploadPackRequest) (io.ReadCloser, error) {
	text, err := EncodeRequest(request)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("git", "upload-pack", "--stateless-rpc", l.directory)
	cmd.Stdin = bytes.NewReader(text)
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	pack, err := DecodeResponse(request, io.NopCloser(bytes.NewReader(out)))
	if err != nil || l.change == nil {
		return pack, err
	}
	data, err := io.ReadAll(pack)
	return io.NopCloser(bytes.NewReader(l.change(data))), err
}

func roomy() Limits {
	return Limits{Pack: 1 << 20, Archive: 1 << 20, Object: 1 << 20, Total: 4 << 20, Entries: 1000}
}

func repository(t testing.TB, files map[string]string) (*fetchtest.Git, local) {
	t.Helper()
	t.Setenv("TMPDIR", t.TempDir())
	git, err := fetchtest.NewGit(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := git.Commit("main", files); err != nil {
		t.Fatal(err)
	}
	return git, local{t: t, directory: filepath.Join(git.Directory, "shop.git")}
}

func archive(t testing.TB, remote Remote, directory string, limits Limits) ([]byte, error) {
	t.Helper()
	body, err := Archive(t.Context(), remote, "main", directory, limits, nil)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(body)
	return data, errors.Join(err, body.Close())
}

// list describes the entries of a tar.
func list(t testing.TB, r io.Reader) []string {
	t.Helper()
	var out []string
	for entries := tar.NewReader(r); ; {
		header, err := entries.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(entries)
		if err != nil {
			t.Fatal(err)
		}
		if header.Typeflag != tar.TypeXGlobalHeader { // holds the commit's hash, for people
			out = append(out, fmt.Sprintf("%c %s %s %o %s %q", header.Typeflag, header.Name, header.Linkname, header.Mode, header.ModTime.UTC(), content))
		}
	}
}

// An archive has what the git program's has, which is what Clouddriver gives.
func TestArchiveIsThatOfGit(t *testing.T) {
	git, remote := repository(t, map[string]string{"README": "x", "a/b/c.yaml": strings.Repeat("line\n", 1000), "a/run.sh": "#!/bin/sh",
		"a/link": "-> b/c.yaml", "ü " + strings.Repeat("n", 120) + "/f": "long", "b": ""})
	for _, directory := range []string{"", "a", "a/b"} {
		ours, err := archive(t, remote, directory, roomy())
		if err != nil {
			t.Fatal(err)
		}
		unzipped, err := gzip.NewReader(bytes.NewReader(ours))
		if err != nil {
			t.Fatal(err)
		}
		arguments := []string{"-C", remote.directory, "archive", "--format=tar", "main"}
		if directory != "" {
			arguments = append(arguments, directory)
		}
		theirs, err := exec.Command("git", arguments...).Output()
		if err != nil {
			t.Fatal(err, git)
		}
		if diff := cmp.Diff(list(t, bytes.NewReader(theirs)), list(t, unzipped)); diff != "" {
			t.Errorf("directory %q (-git +ours):\n%s", directory, diff)
		}
	}
}

func TestLimits(t *testing.T) {
	_, remote := repository(t, map[string]string{"a/zeros": strings.Repeat("0", 100_000), "b": "x", "c": "y"})
	for _, test := range []struct {
		name   string
		change func(*Limits)
		want   string
	}{
		{"pack", func(l *Limits) { l.Pack = 100 }, "the repository is larger than the limit of 100 bytes"},
		{"object", func(l *Limits) { l.Object = 99_999 }, "the repository has an object of 100000 bytes, more than the limit of 99999"},
		{"total", func(l *Limits) { l.Total = 100_001 }, "the repository's objects are larger than the limit of 100001 bytes"},
		{"archive", func(l *Limits) { l.Archive = 50 }, "the archive is larger than the limit of 50 bytes"},
		{"entries", func(l *Limits) { l.Entries = 3 }, "the repository has more than 3 files and directories"},
	} {
		limits := roomy()
		test.change(&limits)
		if _, err := archive(t, remote, "", limits); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want %s", test.name, err, test.want)
		}
	}
}

// A few objects that make very many files: each tree names the one below it ten times.
func TestTreeBomb(t *testing.T) {
	git, remote := repository(t, map[string]string{"f": "x"})
	tree, err := git.Run("rev-parse", "main^{tree}")
	if err != nil {
		t.Fatal(err)
	}
	for range 8 {
		if tree, err = git.Tree("040000 tree", tree, 10); err != nil {
			t.Fatal(err)
		}
	}
	commit, err := git.Run("commit-tree", "-m", "bomb", tree)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := git.Run("update-ref", "refs/heads/main", commit); err != nil {
		t.Fatal(err)
	}
	if _, err := archive(t, remote, "", roomy()); err == nil || !strings.Contains(err.Error(), "more than 1000 files and directories") {
		t.Errorf("error %v", err)
	}
}

func TestDamagedPacks(t *testing.T) {
	_, remote := repository(t, map[string]string{"f": strings.Repeat("content ", 100)})
	for name, change := range map[string]func([]byte) []byte{
		"nothing":      func([]byte) []byte { return nil },
		"half of it":   func(p []byte) []byte { return p[:len(p)/2] },
		"another byte": func(p []byte) []byte { p[len(p)/2] ^= 0xff; return p },
		"a page":       func([]byte) []byte { return []byte("<html></html>") },
	} {
		remote.change = change
		if _, err := archive(t, remote, "", roomy()); err == nil || !strings.Contains(err.Error(), "the server's") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func FuzzCheckPack(f *testing.F) {
	_, remote := repository(f, map[string]string{"f": strings.Repeat("content ", 100)})
	remote.change = func(p []byte) []byte { f.Add(p); return p }
	if _, err := archive(f, remote, "", roomy()); err != nil {
		f.Fatal(err)
	}
	f.Add([]byte("PACK\x00\x00\x00\x02\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, pack []byte) {
		limits := roomy()
		if err := checkPack(bytes.NewReader(pack), limits); err == nil && len(pack) < 12 {
			t.Errorf("%q passes for a pack", pack)
		}
	})
}

func FuzzNumber(f *testing.F) {
	f.Add([]byte{0x80, 0x01})
	f.Add(bytes.Repeat([]byte{0xff}, 20))
	f.Fuzz(func(t *testing.T, p []byte) {
		if n, ok := number(p); ok && n < 0 {
			t.Errorf("% x is %d", p, n)
		}
	})
}
