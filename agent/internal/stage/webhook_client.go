package stage

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gennaker/gennaker/agent/internal/config"
	"github.com/gennaker/gennaker/agent/internal/outbound"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// Limits of one request of a webhook.
const (
	webhookConnectTime = 15 * time.Second
	webhookAnswerTime  = 20 * time.Second
	webhookTime        = 45 * time.Second
	webhookRedirects   = 10
	webhookAgent       = "gennaker"
)

// webhookClient sends the requests of webhook stages.
type webhookClient struct {
	http        *http.Client
	maxResponse int64
	allowed     []config.AllowedRequest
}

func newWebhookClient(c config.Webhook) *webhookClient {
	rules := outbound.Rules{AllowPrivateAddresses: c.AllowPrivateAddresses, AllowedHosts: c.AllowedHosts}
	client := &webhookClient{maxResponse: c.MaxResponseBytes, allowed: c.AllowedRequests}
	client.http = &http.Client{
		CheckRedirect: client.checkRedirect,
		Transport: &http.Transport{
			DialContext: rules.Dial(webhookConnectTime), TLSHandshakeTimeout: webhookConnectTime,
			ResponseHeaderTimeout: webhookAnswerTime, MaxResponseHeaderBytes: 64 << 10,
			ForceAttemptHTTP2: true, DisableCompression: true, DisableKeepAlives: true,
		},
	}
	return client
}

// checkRedirect lets redirects be followed, a few, where requests are allowed to lead. Another origin gets no headers that
// were meant for the first one.
func (c *webhookClient) checkRedirect(next *http.Request, before []*http.Request) error {
	if len(before) > webhookRedirects {
		return fmt.Errorf("more than %d redirects", webhookRedirects)
	}
	if _, err := c.allows(next.Method, next.URL.String()); err != nil {
		return err
	}
	if !sameOrigin(next.URL, before[0].URL) {
		for name := range next.Header {
			if name != "Accept" && name != "Content-Type" && name != "User-Agent" {
				next.Header.Del(name)
			}
		}
	}
	return nil
}

// webhookRequest is a request to send.
type webhookRequest struct {
	method, address string
	payload         any
	headers         http.Header
	// key makes a repetition of the request known as such; "" for a request that changes nothing.
	key string
}

// webhookAnswer is what came back, whatever its status code.
type webhookAnswer struct {
	code   int
	header http.Header
	body   []byte
}

// send sends a request and reads the answer.
func (c *webhookClient) send(ctx context.Context, r webhookRequest) (*webhookAnswer, *webhookError) {
	allowed, err := c.allows(r.method, r.address)
	if err != nil {
		return nil, &webhookError{text: err.Error()}
	}
	ctx, cancel := context.WithTimeout(ctx, webhookTime)
	defer cancel()
	request, err := newWebhookRequest(ctx, r)
	if err != nil {
		return nil, &webhookError{text: err.Error()}
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, failureOf(request.URL, err, allowed.SafeToRetry)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, c.maxResponse+1))
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return nil, failureOf(request.URL, err, allowed.SafeToRetry)
	}
	if int64(len(body)) > c.maxResponse {
		return nil, &webhookError{text: fmt.Sprintf("rejecting response from %s: its body has more than %d bytes (webhook.maxResponseBytes)",
			withoutSecrets(r.address), c.maxResponse)}
	}
	return &webhookAnswer{code: response.StatusCode, header: response.Header, body: body}, nil
}

// allows returns the configuration's word on a request. None means that all are allowed.
func (c *webhookClient) allows(method, address string) (config.AllowedRequest, error) {
	if len(c.allowed) == 0 {
		return config.AllowedRequest{}, nil
	}
	at := slices.IndexFunc(c.allowed, func(a config.AllowedRequest) bool { return a.Allows(method, address) })
	if at < 0 {
		return config.AllowedRequest{}, fmt.Errorf("http method '%s', uri: '%s' not allowed", method, withoutSecrets(address))
	}
	return c.allowed[at], nil
}

func sameOrigin(a, b *url.URL) bool { return a.Scheme == b.Scheme && strings.EqualFold(a.Host, b.Host) }

func newWebhookRequest(ctx context.Context, r webhookRequest) (*http.Request, error) {
	header := r.headers.Clone()
	body, contentType, err := encodePayload(r.payload, header.Get("Content-Type"))
	if err != nil {
		return nil, err
	}
	var reader io.Reader
	if body != nil && r.method != http.MethodGet && r.method != http.MethodHead {
		reader = bytes.NewReader(body)
	}
	request, err := http.NewRequestWithContext(ctx, r.method, r.address, reader)
	if err != nil {
		return nil, errors.New("the address can not be read")
	}
	request.Header = http.Header{"User-Agent": {webhookAgent}, "Accept": {"application/json, text/plain, */*"}}
	if reader != nil {
		request.Header.Set("Content-Type", contentType)
	}
	if r.key != "" {
		request.Header.Set(IdempotencyHeader, r.key)
	}
	for name, values := range header {
		request.Header[http.CanonicalHeaderKey(name)] = values
	}
	if host := request.Header.Get("Host"); host != "" {
		request.Host = host
		request.Header.Del("Host")
	}
	return request, nil
}

// encodePayload makes the body of a request: a text as it is, an object as a form where the content type says so, anything
// else as JSON. contentType is what the stage's headers say.
func encodePayload(payload any, contentType string) (body []byte, typeOfBody string, err error) {
	const jsonType = "application/json"
	switch v := payload.(type) {
	case nil:
		return nil, contentType, nil
	case string:
		if contentType == "" && looksLikeJSON([]byte(v)) {
			contentType = jsonType
		}
		if contentType == "" {
			contentType = "text/plain; charset=utf-8"
		}
		return []byte(v), contentType, nil
	case map[string]any:
		if mediaType, _, err := mime.ParseMediaType(contentType); err == nil && mediaType == "application/x-www-form-urlencoded" {
			form := url.Values{}
			for key := range v {
				form.Set(key, text(v, key))
			}
			return []byte(form.Encode()), contentType, nil
		}
	}
	if contentType == "" {
		contentType = jsonType
	}
	body, err = json.Marshal(payload)
	if err != nil {
		return nil, "", fmt.Errorf("the payload can not be written as JSON: %w", err)
	}
	return body, contentType, nil
}

func looksLikeJSON(data []byte) bool {
	data = bytes.TrimSpace(data)
	return len(data) > 0 && (data[0] == '{' || data[0] == '[') && json.Valid(data)
}

// value is the body as it is shown: the JSON value that it is, else its text; nil when it is empty.
func (a *webhookAnswer) value() any {
	if len(a.body) == 0 {
		return nil
	}
	mediaType, _, err := mime.ParseMediaType(a.header.Get("Content-Type"))
	isJSON := err != nil || mediaType == "application/json" || strings.HasSuffix(mediaType, "+json")
	if isJSON || a.code >= http.StatusBadRequest && looksLikeJSON(a.body) {
		var value any
		if err := spinnaker.DecodeForeign(a.body, &value); err == nil {
			return value
		}
	}
	return strings.ToValidUTF8(string(a.body), "\uFFFD")
}

// document is the body as paths see it: a text that is JSON counts as such.
func (a *webhookAnswer) document() any {
	value := a.value()
	if text, ok := value.(string); ok && looksLikeJSON([]byte(text)) {
		var document any
		if err := spinnaker.DecodeForeign([]byte(text), &document); err == nil {
			return document
		}
	}
	return value
}

// show puts the answer into the member of the stage's context that shows it.
func (a *webhookAnswer) show(into map[string]any) {
	into["statusCodeValue"] = a.code
	if name := statusName(a.code); name != "" {
		into["statusCode"] = name
	}
	if body := a.value(); body != nil {
		into["body"] = body
	}
	into["headers"] = a.headers()
}

// headers are the answer's headers, one value of each. Cookies are the server's secrets with this agent.
func (a *webhookAnswer) headers() map[string]any {
	shown := map[string]any{}
	for name, values := range a.header {
		if name != "Set-Cookie" && len(values) > 0 {
			shown[name] = values[0]
		}
	}
	return shown
}

// mayPass says whether a status code means that the same request may succeed later.
func mayPass(code int) bool { return code == http.StatusTooManyRequests || code >= 500 && code < 600 }

// statusLine is a status code with its text.
func statusLine(code int) string {
	return strings.TrimSpace(fmt.Sprintf("%d %s", code, http.StatusText(code)))
}

// statusName is a status code as Spring names it, "" for an unknown one.
func statusName(code int) string {
	switch code {
	case http.StatusTeapot:
		return "I_AM_A_TEAPOT"
	case http.StatusRequestEntityTooLarge:
		return "PAYLOAD_TOO_LARGE"
	case http.StatusRequestURITooLong:
		return "URI_TOO_LONG"
	}
	return strings.NewReplacer(" ", "_", "-", "_").Replace(strings.ToUpper(http.StatusText(code)))
}

// failureKind says what kept a request from being answered.
type failureKind int

const (
	otherFailure failureKind = iota
	unknownHost
	tooSlow
	noConnection
)

// webhookError is a request that got no answer. Its text holds no header and no query.
type webhookError struct {
	kind failureKind
	text string
	// safeToRetry: the configuration says that the request may be repeated.
	safeToRetry bool
}

func (e *webhookError) Error() string { return e.text }

// failureOf says what an error of the network means.
func failureOf(target *url.URL, err error, safeToRetry bool) *webhookError {
	e := &webhookError{safeToRetry: safeToRetry, text: target.Host + ": " + innermost(err)}
	var (
		denied *outbound.DeniedError
		dns    *net.DNSError
		slow   net.Error
		op     *net.OpError
	)
	switch {
	case errors.As(err, &denied):
		e.text = fmt.Sprintf("%s: %v: add the host to webhook.allowedHosts if that is meant", target.Host, denied)
	case errors.As(err, &dns):
		e.kind = unknownHost
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &slow) && slow.Timeout():
		e.kind, e.text = tooSlow, target.Host+": no answer in time"
	case errors.As(err, &op) && op.Op == "dial":
		e.kind = noConnection
	}
	return e
}

// innermost is the text of an error without what net/http puts around it: the address, query and all.
func innermost(err error) string {
	if outer := (*url.Error)(nil); errors.As(err, &outer) {
		err = outer.Err
	}
	if op := (*net.OpError)(nil); errors.As(err, &op) {
		err = op.Err
	}
	return err.Error()
}
