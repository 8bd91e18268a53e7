package git

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// Modes of entries, as `git archive` sets them.
const (
	fileMode       = 0o664
	executableMode = 0o775
	// maxLink is the longest target of a symbolic link, in bytes.
	maxLink = 4 << 10
)

// write writes the archive to a file and opens that.
func (a *archiver) write(ctx context.Context, commit *object.Commit, directory string) (_ *os.File, err error) {
	root, err := commit.Tree()
	if err != nil {
		return nil, fmt.Errorf("read the files of commit %s: %w", commit.Hash, err)
	}
	file, err := os.Create(filepath.Join(a.work, "archive"))
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, file.Close())
		}
	}()
	zipped := gzip.NewWriter(&limited{to: file, left: a.limits.Archive, limit: a.limits.Archive})
	w := &writer{ctx: ctx, tar: tar.NewWriter(zipped), limits: a.limits, time: commit.Committer.When}
	if err := w.subtree(root, strings.Trim(directory, "/")); err != nil {
		return nil, err
	}
	if err := errors.Join(w.tar.Close(), zipped.Close()); err != nil {
		return nil, err
	}
	_, err = file.Seek(0, io.SeekStart)
	return file, err
}

// limited writes up to a limit.
type limited struct {
	to          io.Writer
	left, limit int64
}

func (l *limited) Write(p []byte) (int, error) {
	if l.left -= int64(len(p)); l.left < 0 {
		return 0, fmt.Errorf("the archive is larger than the limit of %d bytes", l.limit)
	}
	return l.to.Write(p)
}

// writer writes a tree's entries.
type writer struct {
	ctx     context.Context
	tar     *tar.Writer
	limits  Limits
	time    time.Time
	entries int
	total   int64
}

// subtree writes one directory of the tree, or all of it, with the directories above.
func (w *writer) subtree(root *object.Tree, directory string) error {
	if directory == "" {
		return w.tree(root, "")
	}
	directory = path.Clean(directory)
	tree, err := root.Tree(directory)
	if err != nil {
		return &MissingError{text: fmt.Sprintf("the repository has no directory %q", directory), advice: "Check the artifact's location"}
	}
	for i, c := range directory {
		if c == '/' {
			if err := w.directory(directory[:i]); err != nil {
				return err
			}
		}
	}
	if err := w.directory(directory); err != nil {
		return err
	}
	return w.tree(tree, directory+"/")
}

func (w *writer) tree(tree *object.Tree, below string) error {
	for _, entry := range tree.Entries {
		if entry.Name == "" || entry.Name == "." || entry.Name == ".." || strings.ContainsAny(entry.Name, "/\\\x00") {
			return fmt.Errorf("the repository has an entry named %q", below+entry.Name)
		}
		if err := w.entry(tree, entry, below+entry.Name); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) entry(tree *object.Tree, entry object.TreeEntry, name string) error {
	switch entry.Mode {
	case filemode.Dir:
		inner, err := tree.Tree(entry.Name)
		if err != nil {
			return fmt.Errorf("read directory %q: %w", name, err)
		}
		if err := w.directory(name); err != nil {
			return err
		}
		return w.tree(inner, name+"/")
	case filemode.Submodule:
		return w.directory(name)
	case filemode.Symlink:
		return w.link(tree, entry, name)
	case filemode.Executable:
		return w.file(tree, entry, name, executableMode)
	default:
		return w.file(tree, entry, name, fileMode)
	}
}

func (w *writer) directory(name string) error {
	return w.header(&tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: executableMode})
}

// link writes a symbolic link, unless it would lead whoever unpacks the archive out of it.
func (w *writer) link(tree *object.Tree, entry object.TreeEntry, name string) error {
	content, size, err := w.open(tree, entry, name)
	if err != nil {
		return err
	}
	defer content.Close()
	if size > maxLink {
		return fmt.Errorf("symbolic link %q has a target of %d bytes", name, size)
	}
	target, err := io.ReadAll(io.LimitReader(content, maxLink))
	if err != nil {
		return fmt.Errorf("read symbolic link %q: %w", name, err)
	}
	to := path.Join(path.Dir(name), string(target))
	if path.IsAbs(string(target)) || to == ".." || strings.HasPrefix(to, "../") {
		return fmt.Errorf("symbolic link %q leads out of the repository, to %q", name, target)
	}
	return w.header(&tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: string(target), Mode: 0o777})
}

func (w *writer) file(tree *object.Tree, entry object.TreeEntry, name string, mode int64) error {
	content, size, err := w.open(tree, entry, name)
	if err != nil {
		return err
	}
	defer content.Close()
	if w.total += size; w.total > w.limits.Total {
		return fmt.Errorf("the files are larger than the limit of %d bytes", w.limits.Total)
	}
	if err := w.header(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: mode}); err != nil {
		return err
	}
	if _, err := io.Copy(w.tar, content); err != nil {
		return fmt.Errorf("archive file %q: %w", name, err)
	}
	return nil
}

func (w *writer) open(tree *object.Tree, entry object.TreeEntry, name string) (io.ReadCloser, int64, error) {
	file, err := tree.TreeEntryFile(&entry)
	if err != nil {
		return nil, 0, fmt.Errorf("read file %q: %w", name, err)
	}
	content, err := file.Reader()
	if err != nil {
		return nil, 0, fmt.Errorf("read file %q: %w", name, err)
	}
	return content, file.Size, nil
}

func (w *writer) header(h *tar.Header) error {
	if w.entries++; w.entries > w.limits.Entries {
		return fmt.Errorf("the repository has more than %d files and directories", w.limits.Entries)
	}
	if err := w.ctx.Err(); err != nil {
		return err
	}
	h.ModTime = w.time
	return w.tar.WriteHeader(h)
}
