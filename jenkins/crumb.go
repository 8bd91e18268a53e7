package jenkins

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
)

// crumbCache keeps the CSRF crumb of this client. Jenkins binds a crumb to the
// user and the session, so the session's cookies belong to it. Requests with an
// API token need none, so the first change goes without unless eager.
type crumbCache struct {
	eager bool

	mu      sync.Mutex
	current *crumb
}

type crumb struct {
	field, value string
	cookies      string // "name=value; name=value"
}

func (k *crumbCache) get() *crumb {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.current
}

func (k *crumbCache) set(fresh *crumb) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.current = fresh
}

// exchangeWithCrumb sends a change; when Jenkins misses a valid crumb it gets
// one and sends the change once more.
func (c *Client) exchangeWithCrumb(req *http.Request, about call) (*http.Response, error) {
	known := c.crumbs.get()
	if known == nil && c.crumbs.eager {
		fresh, err := c.fetchCrumb(req)
		if err != nil {
			return nil, err
		}
		known = fresh
	}
	response, err := c.exchange(withCrumb(req, known), about)
	if KindOf(err) != KindCrumb {
		return response, err
	}
	fresh, crumbErr := c.fetchCrumb(req)
	if crumbErr != nil {
		return nil, crumbErr
	}
	again := withCrumb(req, fresh)
	if again.Body, err = req.GetBody(); err != nil {
		return nil, fmt.Errorf("repeat the form: %w", err)
	}
	return c.exchange(again, about)
}

func withCrumb(req *http.Request, k *crumb) *http.Request {
	if k == nil || k.field == "" {
		return req
	}
	req = req.Clone(req.Context())
	req.Header.Set(k.field, k.value)
	if k.cookies != "" {
		req.Header.Set("Cookie", k.cookies)
	}
	return req
}

// fetchCrumb asks for a crumb and remembers it. A master whose crumb issuer is
// off answers 404; then an empty crumb is right.
func (c *Client) fetchCrumb(req *http.Request) (*crumb, error) {
	about := callOf(req.Context())
	about.op, about.post = about.op+", get a crumb", false
	ask, err := http.NewRequestWithContext(req.Context(), http.MethodGet, c.base.String()+"/crumbIssuer/api/json", nil)
	if err != nil {
		return nil, fmt.Errorf("crumb request: %w", err)
	}
	response, err := c.exchange(ask, about)
	if KindOf(err) == KindNotFound {
		c.crumbs.set(&crumb{})
		return &crumb{}, nil
	}
	if err != nil {
		return nil, err
	}
	var answer struct {
		Crumb string `json:"crumb"`
		Field string `json:"crumbRequestField"`
	}
	err = json.NewDecoder(response.Body).Decode(&answer)
	if err == nil && (answer.Crumb == "" || answer.Field == "") {
		err = errors.New("no crumb in the answer")
	}
	if err != nil {
		return nil, c.failure(about, KindBadAnswer, response.StatusCode, fmt.Sprintf("%s sent no valid crumb: %v", c.name, err))
	}
	fresh := &crumb{field: answer.Field, value: answer.Crumb, cookies: cookieHeader(response.Cookies())}
	c.crumbs.set(fresh)
	return fresh, nil
}

func cookieHeader(cookies []*http.Cookie) string {
	pairs := make([]string, 0, len(cookies))
	for _, cookie := range cookies {
		pairs = append(pairs, cookie.Name+"="+cookie.Value)
	}
	return strings.Join(pairs, "; ")
}
