package jenkins

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/gennaker/gennaker/jenkins/properties"
)

// PropertyFile is a property file of a build.
type PropertyFile struct {
	properties.File
	Path string // in the archive
}

// Properties finds, reads and parses a property file of a build: one attempt,
// without waiting for a file that is late. A file that is missing, empty,
// malformed or too large is an *Error of KindProperties that wraps the
// *properties.Error; [PropertyFileMayCome] says whether to look again.
func (c *Client) Properties(ctx context.Context, job string, number int, file string) (PropertyFile, error) {
	about := call{op: "list artifacts for property file", job: job, build: number, file: file}
	answer, err := c.build(ctx, about, "number,artifacts[fileName,displayPath,relativePath]")
	if err != nil {
		return PropertyFile{}, err
	}
	return c.ArchivedProperties(ctx, job, number, answer.Artifacts, file)
}

// ArchivedProperties is Properties for a build whose artifacts are known.
func (c *Client) ArchivedProperties(ctx context.Context, job string, number int, artifacts []Artifact, file string) (PropertyFile, error) {
	about := call{op: "read property file", job: job, build: number, file: file}
	artifact, matches := FindArtifact(artifacts, file)
	if matches == 0 {
		return PropertyFile{}, c.propertyError(about, &properties.Error{
			File: file, Reason: properties.ErrMissing, Detail: archived(artifacts),
		})
	}
	found := PropertyFile{Path: artifact.RelativePath, File: properties.File{Values: map[string]any{}}}
	data, err := c.readFile(ctx, about, artifact.RelativePath)
	if err != nil {
		return found, err
	}
	if found.File, err = properties.Parse(file, data); err != nil {
		return found, c.propertyError(about, err)
	}
	if matches > 1 {
		found.Hints = append(found.Hints, fmt.Sprintf("%d artifacts match %q; %s was read", matches, file, artifact.RelativePath))
	}
	return found, nil
}

// readFile reads a whole property file, one byte over the limit at most.
func (c *Client) readFile(ctx context.Context, about call, relativePath string) ([]byte, error) {
	file, err := c.Artifact(ctx, about.job, about.build, relativePath, properties.MaxSize)
	if err != nil {
		return nil, c.asPropertyError(about, err)
	}
	data, err := io.ReadAll(file)
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return nil, c.asPropertyError(about, err)
	}
	return data, nil
}

// asPropertyError lets a file over the size limit look the same whether its
// size was announced or found by reading.
func (c *Client) asPropertyError(about call, err error) error {
	if KindOf(err) == KindTooLarge {
		return c.propertyError(about, &properties.Error{File: about.file, Reason: properties.ErrTooLarge})
	}
	return err
}

func (c *Client) propertyError(about call, cause error) error {
	reason := cause.Error()
	var detailed *properties.Error
	if errors.As(cause, &detailed) {
		reason = detailed.Brief()
	}
	e := c.failure(about, KindProperties, 0, reason)
	e.Err = cause
	return e
}

// archived lists what the build did archive, as far as it helps.
func archived(artifacts []Artifact) string {
	const shown = 5
	if len(artifacts) == 0 {
		return "the build archived nothing"
	}
	text := "the build archived "
	for i, artifact := range artifacts {
		if i == shown {
			return text + fmt.Sprintf(" and %d more", len(artifacts)-shown)
		}
		if i > 0 {
			text += ", "
		}
		text += artifact.RelativePath
	}
	return text
}

// PropertyFileMayCome reports whether a failed Properties may succeed a little
// later: a file can be listed late by external artifact stores, and a download
// can fail. Content that was read and is wrong stays wrong.
func PropertyFileMayCome(err error) bool {
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Kind {
	case KindNotFound, KindNotFile:
		return true
	case KindProperties:
		return errors.Is(err, properties.ErrMissing)
	default:
		return e.Temporary()
	}
}
