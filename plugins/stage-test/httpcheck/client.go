package httpcheck

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"
)

const (
	// maxBody is how much of an answer's body is read, in bytes.
	maxBody = 1 << 20
	// maxRedirects of one request.
	maxRedirects = 10
	userAgent    = "gennaker-httpTest"
)

// addressRule says which addresses may be asked. It is applied to the address that is connected to, so neither a name
// nor a redirect gets around it.
type addressRule struct {
	deny, allow []netip.Prefix
}

// defaultDeny are the link-local addresses, where clouds hand out credentials to whoever asks.
func defaultDeny() []string { return []string{"169.254.0.0/16", "fe80::/10"} }

func parseRule(deny, allow []string) (*addressRule, error) {
	rule := &addressRule{}
	for _, list := range []struct {
		texts []string
		into  *[]netip.Prefix
	}{{deny, &rule.deny}, {allow, &rule.allow}} {
		for _, text := range list.texts {
			prefix, err := netip.ParsePrefix(text)
			if err != nil {
				return nil, fmt.Errorf("%q is not a network such as 10.0.0.0/8", text)
			}
			*list.into = append(*list.into, prefix)
		}
	}
	return rule, nil
}

// control refuses a connection; net.Dialer calls it with the resolved address.
func (r *addressRule) control(_, address string, _ syscall.RawConn) error {
	parsed, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	ip := parsed.Addr().Unmap().WithZone("")
	for _, prefix := range r.allow {
		if prefix.Contains(ip) {
			return nil
		}
	}
	for _, prefix := range r.deny {
		if prefix.Contains(ip) {
			return fmt.Errorf("the plugin's configuration denies addresses in %s (httpTest.deny)", prefix)
		}
	}
	return nil
}

// certificates are CA certificates in PEM.
type certificates struct{}

func (certificates) UnmarshalJSON(text []byte) error {
	var pem string
	if err := json.Unmarshal(text, &pem); err != nil {
		return errors.New("expected a text")
	}
	if pem != "" && !x509.NewCertPool().AppendCertsFromPEM([]byte(pem)) {
		return errors.New("has no certificate in PEM form")
	}
	return nil
}

// client makes the requests of one step.
type client struct {
	transport *http.Transport
}

func newClient(set tlsSet, rule *addressRule) *client {
	verify := &tls.Config{
		MinVersion: tls.VersionTLS12, ServerName: set.ServerName,
		InsecureSkipVerify: set.InsecureSkipVerify == "true", // the user's explicit wish
	}
	if set.CACertificate != "" {
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		pool.AppendCertsFromPEM([]byte(set.CACertificate)) // validate has checked it
		verify.RootCAs = pool
	}
	dialer := &net.Dialer{Timeout: maxRequest, Control: rule.control}
	return &client{transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: dialer.DialContext, TLSClientConfig: verify,
		// A check sees the server as a new visitor does.
		DisableKeepAlives: true, ForceAttemptHTTP2: true, MaxResponseHeaderBytes: 256 << 10,
	}}
}

func (c *client) close() { c.transport.CloseIdleConnections() }

// do makes one request.
func (c *client) do(ctx context.Context, check check) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, orDefault(check.Timeout, defaultRequest))
	defer cancel()
	request, err := newRequest(ctx, check)
	if err != nil {
		return answer{}, err
	}
	httpClient := &http.Client{Transport: c.transport, CheckRedirect: func(_ *http.Request, via []*http.Request) error {
		if check.FollowRedirects == "false" {
			return http.ErrUseLastResponse
		}
		if len(via) > maxRedirects {
			return fmt.Errorf("more than %d redirects", maxRedirects)
		}
		return nil
	}}
	response, err := httpClient.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	if err != nil {
		return answer{}, fmt.Errorf("read the body: after %d bytes: %w", len(body), err)
	}
	got := answer{status: response.StatusCode, headers: response.Header, body: body}
	if len(body) > maxBody {
		got.body, got.cut = body[:maxBody], true
	}
	return got, nil
}

func newRequest(ctx context.Context, check check) (*http.Request, error) {
	body, contentType, err := check.body()
	if err != nil {
		return nil, fmt.Errorf("body: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, check.method(), check.URL, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("User-Agent", userAgent)
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	for name, value := range check.Headers {
		if strings.EqualFold(name, "Host") {
			request.Host = value
			continue
		}
		request.Header.Set(name, value)
	}
	return request, nil
}

// attempt tries a check and says in words why it failed; empty when it passed.
func (c *client) attempt(ctx context.Context, check check) (failure string, status int, took time.Duration) {
	began := time.Now()
	got, err := c.do(ctx, check)
	took = time.Since(began)
	if err != nil {
		return inWords(err, orDefault(check.Timeout, defaultRequest)), 0, took
	}
	return check.Expect.mismatch(got), got.status, took
}

// inWords is the reason of a failed request without the method and address that the message begins with anyway.
func inWords(err error, limit time.Duration) string {
	var timeout interface{ Timeout() bool }
	if errors.As(err, &timeout) && timeout.Timeout() {
		return fmt.Sprintf("no complete answer within %s", limit)
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err.Error()
	}
	return err.Error()
}
