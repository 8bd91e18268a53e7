package fetch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	// maxRedirects is how many redirects are followed, as in Spinnaker.
	maxRedirects = 10
	// maxErrorBody is how much of an error's body is read, in bytes.
	maxErrorBody = 16 << 10
	// maxMessage is how much of a server's message is quoted, in bytes.
	maxMessage = 200
	// maxRetryAfter is how long a server's wish to be left alone is waited for; after a longer one the fetch fails.
	maxRetryAfter = 10 * time.Second
	userAgent     = "gennaker"
)

// errTooSlow ends a fetch that takes longer than its limit.
var errTooSlow = errors.New("no complete answer in time")

// client sends an account's requests.
type client struct {
	account string
	limits  Limits
	// credentials go to the origin of home, or to that of the reference when home is nil.
	credentials credentials
	home        *url.URL
	transport   http.RoundTripper
	cache       *cache
}

// request is what to read.
type request struct {
	url *url.URL
	// header are the request's headers; nil for none.
	header http.Header
	// trusted is the URL whose origin may get the credentials; others never do.
	trusted *url.URL
	// form makes the request a POST of it, which is sent once and whose redirects are not followed.
	form *form
	// reusable is a file whose body may be kept to spare sending it again.
	reusable bool
}

// form is a body to post.
type form struct {
	contentType string
	body        []byte
}

func (r request) method() string {
	if r.form != nil {
		return http.MethodPost
	}
	return http.MethodGet
}

// file is the request for a file, which may have the account's credentials where they belong.
func (c *client) file(target *url.URL) request {
	return request{url: target, trusted: c.trusts(target), reusable: true}
}

// trusts is whose origin gets the credentials when a reference leads to target.
func (c *client) trusts(target *url.URL) *url.URL {
	if c.home != nil {
		return c.home
	}
	return target
}

// locate reads a reference; one that is no whole URL is below base, when there is one.
func locate(reference string, base *url.URL) (*url.URL, error) {
	if base == nil || strings.Contains(reference, "://") {
		return parseURL(reference)
	}
	return parseURL(strings.TrimRight(base.String(), "/") + "/" + strings.TrimLeft(reference, "/"))
}

// parseURL reads a whole URL. The text of a failure is Spinnaker's.
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
func (c *client) open(ctx context.Context, r request) (*body, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.limits.Timeout, errTooSlow)
	pause := c.limits.RetryPause
	for try := 1; ; try++ {
		answer, err := c.follow(ctx, r)
		if err == nil {
			return c.body(ctx, cancel, r, answer)
		}
		var failed *Error
		if !errors.As(err, &failed) || !failed.Retryable || r.form != nil || try == c.limits.Tries ||
			failed.retryAfter > maxRetryAfter || !wait(ctx, max(pause, failed.retryAfter)) {
			cancel()
			return nil, err
		}
		pause *= 2
	}
}

// read reads what the request gives, up to limit bytes; more is an error that calls it by what it is.
func (c *client) read(ctx context.Context, r request, what string, limit int64) ([]byte, error) {
	body, err := c.open(ctx, r)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return readAll(body, r.method()+" "+place(r.url), what, limit)
}

// readAll reads up to limit bytes; more is an error that says from where, and calls it by what it is.
func readAll(body io.Reader, from, what string, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(body, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, &Error{Problem: fmt.Sprintf("%s: %s is over %d bytes", from, what, limit), Status: http.StatusRequestEntityTooLarge}
	}
	return data, nil
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

// answer is a successful answer and where it came from.
type answer struct {
	*http.Response
	from *url.URL
	// record is where the body is kept; nil when it is not.
	record *cached
}

// follow sends the request and follows redirects by hand, credentials going to the trusted origin only.
func (c *client) follow(ctx context.Context, r request) (*answer, error) {
	target := r.url
	for range maxRedirects + 1 {
		answer, err := c.send(ctx, target, r)
		if err != nil {
			return nil, err
		}
		if answer.StatusCode == http.StatusOK || answer.StatusCode == http.StatusCreated {
			return answer, nil
		}
		message := closeWithMessage(answer.Response)
		if !isRedirect(answer.StatusCode) || r.form != nil {
			return nil, c.statusError(r, target, answer.Response, message)
		}
		if target, err = location(target, answer.Response); err != nil {
			return nil, err
		}
	}
	return nil, &Error{Problem: fmt.Sprintf("too many redirects (>%d) following %s", maxRedirects, place(r.url)), Advice: checkReference}
}

// send sends the request to one address. An unchanged file's body comes from the cache.
func (c *client) send(ctx context.Context, target *url.URL, r request) (*answer, error) {
	out, err := c.newRequest(ctx, target, r)
	if err != nil {
		return nil, err
	}
	var known *cached
	key := cacheKey(c.account, out.Header.Get("Accept"), target.String())
	if r.reusable {
		if known = c.cache.find(key); known != nil {
			known.ask(out)
		}
	}
	response, err := c.transport.RoundTrip(out)
	if err != nil {
		return nil, networkError(ctx, r.method()+" "+target.Host, err)
	}
	if known != nil && response.StatusCode == http.StatusNotModified {
		closeWithMessage(response)
		response.StatusCode, response.ContentLength = http.StatusOK, int64(len(known.body))
		response.Body = io.NopCloser(bytes.NewReader(known.body))
		return &answer{Response: response, from: target}, nil
	}
	received := &answer{Response: response, from: target}
	if r.reusable {
		received.record = recording(key, response)
	}
	return received, nil
}

func (c *client) newRequest(ctx context.Context, target *url.URL, r request) (*http.Request, error) {
	var content io.Reader
	if r.form != nil {
		content = bytes.NewReader(r.form.body)
	}
	out, err := http.NewRequestWithContext(ctx, r.method(), target.String(), content)
	if err != nil {
		return nil, &Error{Problem: r.method() + " " + target.Host + ": it is no address that can be asked", Advice: checkReference, Err: err}
	}
	out.URL.User = nil
	if r.header != nil {
		out.Header = r.header.Clone()
	}
	out.Header.Set("User-Agent", userAgent)
	if r.form != nil {
		out.Header.Set("Content-Type", r.form.contentType)
	}
	if c.credentials != nil && sameOrigin(target, r.trusted) {
		if err := c.credentials(ctx, out); err != nil {
			return nil, err
		}
	}
	return out, nil
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

// retryAfter is how long a server asks to be left alone; 0 when it does not say.
func retryAfter(header http.Header) time.Duration {
	seconds, err := strconv.Atoi(header.Get("Retry-After"))
	if err != nil || seconds < 0 {
		return 0
	}
	return time.Duration(seconds) * time.Second
}
