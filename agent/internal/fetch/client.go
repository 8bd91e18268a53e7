package fetch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gennaker/gennaker/agent/internal/outbound"
)

const (
	// maxRedirects is how many redirects are followed, as in Spinnaker.
	maxRedirects = 10
	// maxErrorBody is how much of an error's body is read, in bytes.
	maxErrorBody = 16 << 10
	// maxMessage is how much of a server's message is quoted, in bytes.
	maxMessage = 200
	userAgent  = "gennaker"
)

// errTooSlow ends a fetch that takes longer than its limit.
var errTooSlow = errors.New("no complete answer in time")

// client sends an account's requests.
type client struct {
	account   string
	access    Access
	limits    Limits
	transport http.RoundTripper
}

// request is what to read.
type request struct {
	url *url.URL
	// accept is the Accept header; empty for none.
	accept string
	// trusted is the URL whose origin may get the credentials; others never do.
	trusted *url.URL
}

// parseURL reads a reference. The text of a failure is Spinnaker's.
func parseURL(reference string) (*url.URL, error) {
	parsed, err := url.Parse(reference)
	if err == nil && (parsed.Scheme == "http" || parsed.Scheme == "https") && parsed.Host != "" {
		return parsed, nil
	}
	shown, _, _ := strings.Cut(reference, "?")
	return nil, &Error{
		Problem: fmt.Sprintf("Malformed URL (check artifact references): %q", shown),
		Advice:  "It has to begin with http:// or https://",
		Status:  http.StatusBadRequest,
	}
}

// open sends the request, again when it fails in a way that may pass, and returns the body.
func (c *client) open(ctx context.Context, r request) (io.ReadCloser, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.limits.Timeout, errTooSlow)
	pause := c.limits.RetryPause
	for try := 1; ; try++ {
		response, err := c.follow(ctx, r)
		if err == nil {
			return c.body(ctx, cancel, r.url, response)
		}
		var failed *Error
		if !errors.As(err, &failed) || !failed.Retryable || try == c.limits.Tries || !wait(ctx, pause) {
			cancel()
			return nil, err
		}
		pause *= 2
	}
}

// wait waits, and says whether the context is still alive.
func wait(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// follow sends the request and follows redirects by hand, credentials going to the trusted origin only.
func (c *client) follow(ctx context.Context, r request) (*http.Response, error) {
	target := r.url
	for range maxRedirects + 1 {
		response, err := c.send(ctx, target, r)
		if err != nil {
			return nil, err
		}
		if response.StatusCode == http.StatusOK {
			return response, nil
		}
		message := closeWithMessage(response)
		if !isRedirect(response.StatusCode) {
			return nil, statusError(target, response, message)
		}
		if target, err = location(target, response); err != nil {
			return nil, err
		}
	}
	return nil, &Error{Problem: fmt.Sprintf("too many redirects (>%d) following %s", maxRedirects, place(r.url)), Advice: checkReference}
}

func (c *client) send(ctx context.Context, target *url.URL, r request) (*http.Response, error) {
	out, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return nil, &Error{Problem: "GET " + target.Host + ": " + err.Error(), Advice: checkReference}
	}
	out.URL.User = nil
	out.Header.Set("User-Agent", userAgent)
	if r.accept != "" {
		out.Header.Set("Accept", r.accept)
	}
	if sameOrigin(target, r.trusted) {
		c.authorize(out)
	}
	response, err := c.transport.RoundTrip(out)
	if denied := (*outbound.DeniedError)(nil); errors.As(err, &denied) {
		return nil, deniedError(c.account, http.MethodGet, target, denied)
	}
	if err != nil {
		return nil, networkError(ctx, http.MethodGet, target, err)
	}
	return response, nil
}

func (c *client) authorize(r *http.Request) {
	switch {
	case c.access.Token.IsSet():
		r.Header.Set("Authorization", "token "+c.access.Token.Reveal())
	case c.access.Username != "":
		r.SetBasicAuth(c.access.Username, c.access.Password.Reveal())
	}
}

func sameOrigin(a, b *url.URL) bool {
	return b != nil && a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}

func port(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	if u.Scheme == "https" {
		return "443"
	}
	return "80"
}

func isRedirect(code int) bool {
	switch code {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// location is where a redirect leads.
func location(from *url.URL, response *http.Response) (*url.URL, error) {
	header := response.Header.Get("Location")
	if header == "" {
		return nil, &Error{Problem: fmt.Sprintf("received redirect (%d) from %s with no Location header", response.StatusCode, place(from))}
	}
	relative, err := url.Parse(header)
	if err != nil {
		return nil, &Error{Problem: fmt.Sprintf("received redirect (%d) from %s to something that is no URL", response.StatusCode, place(from))}
	}
	to := from.ResolveReference(relative)
	if to.Scheme != "http" && to.Scheme != "https" {
		return nil, &Error{Problem: fmt.Sprintf("received redirect (%d) from %s to a URL of scheme %q", response.StatusCode, place(from), to.Scheme)}
	}
	return to, nil
}

// closeWithMessage closes the body of an answer that is not wanted. It returns the `message` of a JSON body, which is
// where GitHub and others say what is wrong.
func closeWithMessage(response *http.Response) string {
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxErrorBody))
	if err != nil {
		return ""
	}
	var answer struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(body, &answer) != nil {
		return ""
	}
	return strings.ToValidUTF8(answer.Message[:min(len(answer.Message), maxMessage)], "") // the cut may split a character
}

// body bounds an answer's body in size and time.
func (c *client) body(ctx context.Context, cancel context.CancelFunc, target *url.URL, response *http.Response) (io.ReadCloser, error) {
	b := &body{ctx: ctx, cancel: cancel, target: target, body: response.Body, left: c.limits.MaxBytes, limit: c.limits.MaxBytes}
	if response.ContentLength > c.limits.MaxBytes {
		err := b.tooLarge()
		if closeErr := b.Close(); closeErr != nil {
			err.Err = closeErr
		}
		return nil, err
	}
	return b, nil
}

// body is the body of an answer being read.
type body struct {
	ctx         context.Context
	cancel      context.CancelFunc
	target      *url.URL
	body        io.ReadCloser
	left, limit int64
}

func (b *body) Read(p []byte) (int, error) {
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.body.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, b.tooLarge()
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = networkError(b.ctx, http.MethodGet, b.target, err)
	}
	return n, err
}

func (b *body) Close() error {
	defer b.cancel()
	return b.body.Close()
}

func (b *body) tooLarge() *Error {
	return &Error{Problem: fmt.Sprintf("GET %s: the file is larger than the limit of %d bytes", place(b.target), b.limit), Status: http.StatusRequestEntityTooLarge}
}
