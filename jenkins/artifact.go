package jenkins

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"
	"sync"
	"time"
)

// File is an artifact being read. Reading fails with an *Error when the body
// ends early, stands still or exceeds its limit.
type File struct {
	io.ReadCloser
	Size        int64 // bytes as announced; -1 when unknown
	ContentType string
}

// Artifact opens a file that a build archived, by its path in the archive. At
// most limit bytes can be read; a longer file is an error, at once when its
// size is announced. The caller closes the file.
//
// A master with a resource root URL redirects to another host with a signed
// path; that one redirect is followed, without credentials.
func (c *Client) Artifact(ctx context.Context, job string, number int, relativePath string, limit int64) (*File, error) {
	about := call{op: "read artifact", job: job, build: number, file: relativePath}
	address := c.base.String() + buildPath(job, number) + "/artifact/" + filePath(relativePath)
	response, body, err := c.open(ctx, about, address, limit)
	if err != nil {
		return nil, err
	}
	if isHTML(response.Header) && !strings.HasSuffix(relativePath, ".html") && !strings.HasSuffix(relativePath, ".htm") {
		closeErr := body.Close()
		e := c.failure(about, KindNotFile, response.StatusCode, fmt.Sprintf("%s answered an HTML page instead of the file", c.name))
		e.Err = closeErr
		return nil, e
	}
	return &File{ReadCloser: body, Size: response.ContentLength, ContentType: response.Header.Get("Content-Type")}, nil
}

// FindArtifact looks a file up in a build's artifacts: by file name as Igor
// does, then by its whole path, then by a pattern of path.Match on the path
// with "**/" in front for any folder. Of several hits the one nearest the top
// wins; matches tells how many there were.
func FindArtifact(artifacts []Artifact, name string) (found Artifact, matches int) {
	for _, matching := range []func(Artifact) bool{
		func(a Artifact) bool { return a.FileName == name },
		func(a Artifact) bool { return a.RelativePath == name },
		func(a Artifact) bool { return matchPath(name, a.RelativePath) },
	} {
		for _, candidate := range artifacts {
			if !matching(candidate) {
				continue
			}
			matches++
			if matches == 1 || nearerTop(candidate, found) {
				found = candidate
			}
		}
		if matches > 0 {
			return found, matches
		}
	}
	return Artifact{}, 0
}

// nearerTop prefers a file at the top of the archive; otherwise Jenkins' order
// decides, as in Igor.
func nearerTop(a, b Artifact) bool {
	return a.RelativePath == a.FileName && b.RelativePath != b.FileName
}

func matchPath(pattern, file string) bool {
	if tail, anywhere := strings.CutPrefix(pattern, "**/"); anywhere {
		for rest := file; ; {
			if ok, err := path.Match(tail, rest); err == nil && ok {
				return true
			}
			_, after, more := strings.Cut(rest, "/")
			if !more {
				return false
			}
			rest = after
		}
	}
	ok, err := path.Match(pattern, file)
	return err == nil && ok
}

// open starts a streamed GET, follows at most one redirect and checks the
// answer's status. The body enforces limit and both time limits.
func (c *Client) open(ctx context.Context, about call, address string, limit int64) (*http.Response, *stream, error) {
	select {
	case c.streams <- struct{}{}:
	case <-ctx.Done():
		e := c.failure(about, KindCanceled, 0, "given up: "+context.Cause(ctx).Error())
		e.Err = context.Cause(ctx)
		return nil, nil, e
	}
	s := &stream{c: c, about: about, left: limit, limit: limit}
	s.start(ctx)
	response, err := c.follow(s.ctx, about, address)
	s.idle.Stop()
	if err == nil && response.ContentLength > limit {
		err = errors.Join(c.fileTooLarge(about, limit), response.Body.Close())
	}
	if err != nil {
		s.stop()
		return nil, nil, c.typed(about, err)
	}
	s.body, s.expected, s.req = response.Body, response.ContentLength, response.Request
	return response, s, nil
}

func (c *Client) fileTooLarge(about call, limit int64) *Error {
	return c.failure(about, KindTooLarge, 0, fmt.Sprintf("%s is larger than %s", about.file, mebibytes(limit)))
}

func (c *Client) follow(ctx context.Context, about call, address string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, c.failure(about, KindBadAnswer, 0, "the path makes no address")
	}
	c.sign(req)
	response, err := c.send(req, about)
	if err != nil || response.StatusCode < 300 {
		return response, err
	}
	target, err := c.elsewhere(req, response, about)
	if err != nil {
		return nil, err
	}
	again, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return nil, c.failure(about, KindLogin, response.StatusCode, fmt.Sprintf("%s redirects to no address", c.name))
	}
	again.Header.Set("User-Agent", userAgent)
	response, err = c.send(again, about)
	if err == nil && response.StatusCode >= 300 {
		err = errors.Join(c.judgeRedirect(again, response, about), response.Body.Close())
	}
	return response, err
}

// elsewhere gives the target of a redirect to another host, the sign of a
// resource root URL. Any other redirect is a login page or a wrong address.
func (c *Client) elsewhere(req *http.Request, response *http.Response, about call) (*url.URL, error) {
	closeErr := response.Body.Close()
	target, err := req.URL.Parse(response.Header.Get("Location"))
	if err == nil && closeErr == nil && target.Host != req.URL.Host && strings.Contains(target.Path, "/static-files/") &&
		(target.Scheme == "https" || target.Scheme == req.URL.Scheme) {
		return target, nil
	}
	return nil, errors.Join(c.judgeRedirect(req, response, about), closeErr)
}

// send gives answers below 400; others become errors.
func (c *Client) send(req *http.Request, about call) (*http.Response, error) {
	response, err := c.wire.RoundTrip(req)
	if err != nil {
		return nil, c.connectionError(req.Context(), about, req, err)
	}
	if response.StatusCode < 400 {
		return response, nil
	}
	page, err := c.readAll(req, response, about)
	if err != nil {
		return nil, err
	}
	return nil, c.judge(req, response, page, about)
}

// stream is the body of a file. It holds one of the client's streams until it
// is closed.
type stream struct {
	c        *Client
	about    call
	body     io.ReadCloser
	req      *http.Request
	ctx      context.Context // of the request, which lasts as long as the body is read
	end      context.CancelFunc
	idle     *time.Timer // ends the request when nothing arrives for a while
	once     sync.Once
	limit    int64
	left     int64 // of limit
	expected int64 // announced size; -1 when unknown
	read     int64
}

func (s *stream) start(parent context.Context) {
	ctx, cancel := context.WithCancelCause(parent)
	ctx, stopTimer := context.WithTimeoutCause(ctx, s.c.fileMax, errTooSlow)
	s.ctx = ctx
	s.end = func() { stopTimer(); cancel(nil) }
	s.idle = time.AfterFunc(s.c.timeout, func() { cancel(errTooSlow) })
}

// Read implements io.Reader.
func (s *stream) Read(p []byte) (int, error) {
	// One byte more than allowed tells a file of exactly the limit from a
	// longer one.
	if int64(len(p)) > s.left+1 {
		p = p[:s.left+1]
	}
	s.idle.Reset(s.c.timeout) // a reader that takes its time is no slow sender
	n, err := s.body.Read(p)
	s.idle.Stop()
	s.read += int64(n)
	if int64(n) > s.left {
		return int(s.left), s.c.fileTooLarge(s.about, s.limit)
	}
	s.left -= int64(n)
	if err == nil || errors.Is(err, io.EOF) && (s.expected < 0 || s.read == s.expected) {
		return n, err
	}
	return n, s.failed(err)
}

func (s *stream) failed(err error) error {
	e := s.c.connectionError(s.ctx, s.about, s.req, err)
	switch e.Kind {
	case KindCanceled:
	case KindTimeout:
		e.Reason = fmt.Sprintf("Jenkins %s stopped sending after %d bytes", s.c.name, s.read)
	default:
		e.Kind = KindTruncated
		e.Reason = fmt.Sprintf("Answer of %s was cut off after %d bytes", s.c.name, s.read)
	}
	return e
}

// Close implements io.Closer.
func (s *stream) Close() error {
	s.stop()
	return s.body.Close()
}

func (s *stream) stop() {
	s.once.Do(func() {
		s.idle.Stop()
		s.end()
		<-s.c.streams
	})
}
