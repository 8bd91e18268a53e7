package fetch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"
)

// stream is a body being read, bounded in size, and in time by the context that cancel ends.
type stream struct {
	io.ReadCloser
	cancel context.CancelFunc
	// from says where the body comes from.
	from        string
	left, limit int64
	// failure makes an error of reading one that people understand.
	failure func(error) error
}

func (s *stream) Read(p []byte) (int, error) {
	if int64(len(p)) > s.left+1 {
		p = p[:s.left+1]
	}
	n, err := s.ReadCloser.Read(p)
	if s.left -= int64(n); s.left < 0 {
		return 0, tooLarge(s.from, s.limit)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = s.failure(err)
	}
	return n, err
}

func (s *stream) Close() error {
	defer s.cancel()
	return s.ReadCloser.Close()
}

// tooLarge says that what was read from somewhere is more than may be.
func tooLarge(from string, limit int64) *Error {
	return &Error{Problem: fmt.Sprintf("%s: the file is larger than the limit of %d bytes", from, limit), Status: http.StatusRequestEntityTooLarge}
}

// body is the body of an answer to an HTTP request.
type body struct {
	stream
	// url is where the body came from, after redirects, header what was said with it.
	url    *url.URL
	header http.Header
	recorder
}

func (c *client) body(ctx context.Context, cancel context.CancelFunc, r request, a *answer) (*body, error) {
	b := &body{url: a.from, header: a.Header, recorder: recorder{a.record, c.cache}, stream: stream{
		ReadCloser: a.Body, cancel: cancel, from: r.method() + " " + place(a.from), left: c.limits.MaxBytes, limit: c.limits.MaxBytes,
		failure: func(err error) error { return networkError(ctx, r.method()+" "+a.from.Host, err) },
	}}
	if a.ContentLength > c.limits.MaxBytes {
		err := tooLarge(b.from, b.limit)
		err.Err = b.Close()
		return nil, err
	}
	return b, nil
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.stream.Read(p)
	b.add(p[:n], err)
	return n, err
}

// verified fails at the end of a body whose SHA-256 is not the one that was announced.
type verified struct {
	io.ReadCloser
	from, digest string
	sum          hash.Hash
}

// verify checks a body against a digest in hex; without one it is taken as it comes.
func verify(body io.ReadCloser, from, digest string) io.ReadCloser {
	if digest == "" {
		return body
	}
	return &verified{ReadCloser: body, from: from, digest: digest, sum: sha256.New()}
}

func (v *verified) Read(p []byte) (int, error) {
	n, err := v.ReadCloser.Read(p)
	v.sum.Write(p[:n])
	if !errors.Is(err, io.EOF) {
		return n, err
	}
	if got := hex.EncodeToString(v.sum.Sum(nil)); got != v.digest {
		return n, &Error{Problem: fmt.Sprintf("%s: the file's SHA-256 is %s, announced was %s", v.from, got, v.digest),
			Advice: "It was damaged on its way, or replaced without a new index"}
	}
	return n, err
}
