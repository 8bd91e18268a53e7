package git

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/storage/filesystem"
)

// Remote is a repository on a server.
type Remote interface {
	// Advertised returns what the server has.
	Advertised(ctx context.Context) (*packp.AdvRefs, error)
	// Pack asks for objects and returns the pack that holds them.
	Pack(ctx context.Context, request *packp.UploadPackRequest) (io.ReadCloser, error)
}

// Limits bound an archive.
type Limits struct {
	// Pack is the largest pack that is taken from a server, and Archive the largest archive, in bytes.
	Pack, Archive int64
	// Object is the largest object, and Total what all objects and all files may have together, in bytes.
	Object, Total int64
	// Entries is how many files and directories there may be.
	Entries int
}

// objectCache is how much of a repository's objects is kept in memory, in bytes.
const objectCache = 8 << 20

// MissingError is a version or a path that the repository does not have.
type MissingError struct{ text, advice string }

func (e *MissingError) Error() string { return e.text }

// Advice says what there is instead.
func (e *MissingError) Advice() string { return e.advice }

// Archive opens a gzipped tar of a repository at a version (a branch, a tag, or a commit), or of one directory of it.
// Names in it begin at the repository's root. Closing it deletes what was stored meanwhile. kept, unless it is nil, is given the
// id of the object that the version means before that is fetched, where the server says it; a body that it returns is taken
// instead.
func Archive(ctx context.Context, remote Remote, version, directory string, limits Limits, kept func(id string) io.ReadCloser) (_ io.ReadCloser, err error) {
	advertised, err := remote.Advertised(ctx)
	if err != nil {
		return nil, err
	}
	wanted, err := choose(advertised, version)
	if err != nil {
		return nil, err
	}
	if kept != nil && !wanted.all {
		if body := kept(wanted.hash.String()); body != nil {
			return body, nil
		}
	}
	work, err := os.MkdirTemp("", "gennaker-git-")
	if err != nil {
		return nil, fmt.Errorf("make a directory for the repository: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(work))
		}
	}()
	a := &archiver{work: work, limits: limits}
	commit, err := a.fetch(ctx, remote, advertised, wanted)
	if err != nil {
		return nil, err
	}
	archive, err := a.write(ctx, commit, directory)
	if err != nil {
		return nil, err
	}
	return &temporary{File: archive, directory: work}, nil
}

// temporary is a file whose directory goes with it.
type temporary struct {
	*os.File
	directory string
}

func (t *temporary) Close() error { return errors.Join(t.File.Close(), os.RemoveAll(t.directory)) }

type archiver struct {
	work    string
	limits  Limits
	objects *filesystem.Storage
}

// fetch gets the objects of a version and returns its commit.
func (a *archiver) fetch(ctx context.Context, remote Remote, advertised *packp.AdvRefs, wanted *want) (*object.Commit, error) {
	request, err := wanted.request(advertised)
	if err != nil {
		return nil, err
	}
	pack, err := remote.Pack(ctx, request)
	if err != nil {
		return nil, err
	}
	file, err := a.receive(pack)
	if err = errors.Join(err, pack.Close()); err != nil {
		return nil, err
	}
	defer file.Close()
	if err := checkPack(file, a.limits); err != nil {
		return nil, err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	a.objects = filesystem.NewStorage(osfs.New(filepath.Join(a.work, "repository")), cache.NewObjectLRU(objectCache))
	if err := packfile.UpdateObjectStorage(a.objects, file); err != nil {
		return nil, fmt.Errorf("the server's pack is damaged: %w", err)
	}
	return a.commit(wanted)
}

// receive stores a pack.
func (a *archiver) receive(pack io.Reader) (*os.File, error) {
	file, err := os.Create(filepath.Join(a.work, "pack"))
	if err != nil {
		return nil, err
	}
	n, err := io.Copy(file, io.LimitReader(pack, a.limits.Pack+1))
	if err == nil && n > a.limits.Pack {
		err = fmt.Errorf("the repository is larger than the limit of %d bytes", a.limits.Pack)
	}
	if err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// commit is the commit that was wanted, behind tags if need be.
func (a *archiver) commit(wanted *want) (*object.Commit, error) {
	hash, err := a.find(wanted)
	if err != nil {
		return nil, err
	}
	const mostTags = 10 // tags of tags
	for range mostTags {
		found, err := object.GetObject(a.objects, hash)
		if err != nil {
			return nil, fmt.Errorf("read object %s of the server's pack: %w", hash, err)
		}
		switch found := found.(type) {
		case *object.Commit:
			return found, nil
		case *object.Tag:
			hash = found.Target
		default:
			return nil, fmt.Errorf("version %q is a %s, expected a commit", wanted.version, found.Type())
		}
	}
	return nil, fmt.Errorf("version %q is a tag of a tag, more than %d deep", wanted.version, mostTags)
}

// find looks an abbreviated commit up among all that were fetched.
func (a *archiver) find(wanted *want) (plumbing.Hash, error) {
	if !wanted.all {
		return wanted.hash, nil
	}
	found, err := a.objects.HashesWithPrefix(wanted.prefix())
	if err != nil {
		return plumbing.ZeroHash, fmt.Errorf("look for commit %s: %w", wanted.version, err)
	}
	var commits []plumbing.Hash
	for _, hash := range found {
		if _, err := object.GetCommit(a.objects, hash); err == nil && wanted.matches(hash) {
			commits = append(commits, hash)
		}
	}
	switch len(commits) {
	case 1:
		return commits[0], nil
	case 0:
		return plumbing.ZeroHash, &MissingError{text: fmt.Sprintf("no branch or tag leads to a commit %s", wanted.version), advice: "Check the artifact's version"}
	default:
		return plumbing.ZeroHash, &MissingError{text: fmt.Sprintf("%d commits begin with %s", len(commits), wanted.version), advice: "Give the commit in full"}
	}
}
