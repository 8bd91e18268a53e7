package archive

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"regexp"
	"strings"
)

// File is a regular file of an archive.
type File struct {
	// Name is slash-separated, relative and clean.
	Name string
	Data []byte
}

// Limits bound what Read accepts, so that a small archive cannot unpack into a large one.
type Limits struct {
	// Total is the most bytes that the archive may have, as it comes and once decompressed; File the most of one file.
	Total, File int64
	// Files is the largest number of files.
	Files int
}

// DefaultLimits are Helm's own for bytes, with a bound on the number of files.
func DefaultLimits() Limits {
	return Limits{Total: 100 << 20, File: 5 << 20, Files: 20_000}
}

// Content is what an archive held.
type Content struct {
	// Files are in the archive's order. A name that occurs twice has its last content.
	Files []File
	// Links are the names of symbolic and hard links, which are not followed.
	Links []string
}

// Read reads a tar archive, compressed with gzip or not. Entries that would lie outside the archive's root, and
// archives beyond the limits, are errors.
func Read(r io.Reader, limits Limits) (*Content, error) {
	stream, err := decompress(bufio.NewReader(bound(r, limits.Total)))
	if err != nil {
		return nil, err
	}
	entries := tar.NewReader(bound(stream, limits.Total))
	content := &Content{}
	index := map[string]int{}
	var total int64
	for {
		header, err := entries.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read archive: %w", err)
		}
		name, err := cleanName(header.Name)
		if err != nil {
			return nil, err
		}
		switch header.Typeflag {
		case tar.TypeReg, tar.TypeGNUSparse:
		case tar.TypeSymlink, tar.TypeLink:
			content.Links = append(content.Links, name)
			continue
		default:
			continue
		}
		data, err := readEntry(entries, header, limits)
		if err != nil {
			return nil, err
		}
		// A sparse file is larger than what was read of the stream.
		if total += int64(len(data)); total > limits.Total {
			return nil, tooLarge(limits.Total)
		}
		if at, seen := index[name]; seen {
			content.Files[at].Data = data
			continue
		}
		if len(content.Files) == limits.Files {
			return nil, fmt.Errorf("archive has more than %d files", limits.Files)
		}
		index[name] = len(content.Files)
		content.Files = append(content.Files, File{Name: name, Data: data})
	}
	if len(content.Files) == 0 {
		return nil, errors.New("archive holds no files")
	}
	return content, nil
}

func readEntry(entries *tar.Reader, header *tar.Header, limits Limits) ([]byte, error) {
	if header.Size > limits.File {
		return nil, fmt.Errorf("archive entry %q has %d bytes, more than the limit of %d", header.Name, header.Size, limits.File)
	}
	data, err := io.ReadAll(entries)
	if err != nil {
		return nil, fmt.Errorf("read archive entry %q: %w", header.Name, err)
	}
	return bytes.TrimPrefix(data, []byte("\xEF\xBB\xBF")), nil
}

// decompress tells a gzipped from a plain tar archive by content, and says what else it may be.
func decompress(r *bufio.Reader) (io.Reader, error) {
	const ustarOffset = 257
	head, err := r.Peek(512)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read archive: %w", err)
	}
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		unzipped, err := gzip.NewReader(r)
		if err != nil {
			return nil, fmt.Errorf("read archive: %w", err)
		}
		return unzipped, nil
	case len(head) > ustarOffset && bytes.HasPrefix(head[ustarOffset:], []byte("ustar")):
		return r, nil
	case len(head) == 0:
		return nil, errors.New("it is empty, not a gzipped tar archive")
	}
	kind, _, _ := strings.Cut(http.DetectContentType(head), ";")
	if kind == "text/html" {
		return nil, errors.New("it is an HTML page, not a gzipped tar archive: the address may lead to a sign-in page")
	}
	return nil, fmt.Errorf("it is %s, not a gzipped tar archive", kind)
}

// drivePath is a Windows path such as C:/x, which path.IsAbs does not know.
var drivePath = regexp.MustCompile(`^[a-zA-Z]:/`)

// cleanName makes an entry's name relative and slash-separated, and refuses one that leaves the root.
func cleanName(name string) (string, error) {
	slashed := strings.ReplaceAll(name, `\`, "/")
	if path.IsAbs(slashed) || drivePath.MatchString(slashed) {
		return "", fmt.Errorf("archive entry %q has an absolute path", name)
	}
	if strings.ContainsRune(slashed, 0) {
		return "", fmt.Errorf("archive entry %q has a NUL in its name", name)
	}
	cleaned := path.Clean(slashed)
	if cleaned == ".." || strings.HasPrefix(cleaned, "../") {
		return "", fmt.Errorf("archive entry %q lies outside the archive", name)
	}
	return cleaned, nil
}

// boundedReader fails once more than limit bytes were read: unlike io.LimitReader it does not look like an end.
type boundedReader struct {
	r           io.Reader
	left, limit int64
}

func bound(r io.Reader, limit int64) *boundedReader {
	return &boundedReader{r: r, left: limit, limit: limit}
}

func (b *boundedReader) Read(p []byte) (int, error) {
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.r.Read(p)
	b.left -= int64(n)
	if b.left < 0 {
		return 0, tooLarge(b.limit)
	}
	return n, err
}

func tooLarge(limit int64) error {
	return fmt.Errorf("it has, or decompresses to, more than the limit of %d bytes", limit)
}
