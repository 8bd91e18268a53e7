package jenkins

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/bndr/gojenkins"
)

// Defaults of Options.
const (
	DefaultTimeout     = 20 * time.Second
	DefaultFileTimeout = 10 * time.Minute
	DefaultMaxAnswer   = 32 << 20
	DefaultMaxInFlight = 4
)

// Options describe one master. Name and BaseURL are required.
type Options struct {
	Name    string // as configured; names the master in errors and logs
	BaseURL string // http or https address, with the path prefix if there is one

	User   string // for Basic authentication; empty means none
	Token  string // API token of User, or a password (which costs Jenkins far more)
	Bearer string // sent as a bearer token, for proxies that want one
	CSRF   bool   // fetch a crumb before the first change instead of when Jenkins asks for it

	TLS *tls.Config // nil means the system's authorities

	Timeout     time.Duration // of one API request, and between two reads of a file; default DefaultTimeout
	FileTimeout time.Duration // of one whole artifact or log; default DefaultFileTimeout
	MaxAnswer   int64         // bytes of one API answer after decompression; default DefaultMaxAnswer
	MaxInFlight int           // API requests at one time, and files at one time; default DefaultMaxInFlight

	Logger *slog.Logger // nil means silent
}

// String leaves the credentials out.
func (o Options) String() string {
	return fmt.Sprintf("jenkins master %q at %s", o.Name, redactURL(o.BaseURL))
}

// GoString leaves the credentials out.
func (o Options) GoString() string { return o.String() }

// LogValue leaves the credentials out.
func (o Options) LogValue() slog.Value { return slog.StringValue(o.String()) }

// Client talks to one master. It is safe for concurrent use.
type Client struct {
	name    string
	base    *url.URL
	user    string
	auth    string // value of the Authorization header; empty means none
	timeout time.Duration
	fileMax time.Duration
	maxSize int64
	log     *slog.Logger

	wire      *http.Transport
	slots     chan struct{} // API requests at one time
	streams   chan struct{} // files at one time; apart, so that slow files delay no poll
	requester *gojenkins.Requester
	crumbs    crumbCache
}

// New checks the options; it opens no connection.
func New(o Options) (*Client, error) {
	if o.Name == "" {
		return nil, errors.New("jenkins master without a name")
	}
	base, err := parseBase(o.BaseURL)
	if err != nil {
		return nil, fmt.Errorf("jenkins %q: address: %w", o.Name, err)
	}
	c := &Client{
		name:    o.Name,
		base:    base,
		user:    o.User,
		auth:    authorization(o),
		timeout: positive(o.Timeout, DefaultTimeout),
		fileMax: positive(o.FileTimeout, DefaultFileTimeout),
		maxSize: positive(o.MaxAnswer, DefaultMaxAnswer),
		log:     o.Logger,
		slots:   make(chan struct{}, positive(o.MaxInFlight, DefaultMaxInFlight)),
		streams: make(chan struct{}, positive(o.MaxInFlight, DefaultMaxInFlight)),
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	c.log = c.log.With("master", c.name)
	c.crumbs.eager = o.CSRF
	c.wire = newWire(o.TLS, c.timeout)
	c.requester = &gojenkins.Requester{
		Base: base.String(),
		Client: &http.Client{
			Transport:     transport{c},
			CheckRedirect: noRedirect,
		},
	}
	return c, nil
}

// Name returns the configured name of the master.
func (c *Client) Name() string { return c.name }

// Close gives back idle connections. Running requests go on.
func (c *Client) Close() { c.wire.CloseIdleConnections() }

func newWire(config *tls.Config, timeout time.Duration) *http.Transport {
	// Jenkins speaks HTTP/1.1; HTTP/2 through a proxy gains nothing for
	// one request per cycle.
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: min(timeout, 10*time.Second)}).DialContext,
		TLSClientConfig:        config,
		TLSHandshakeTimeout:    min(timeout, 10*time.Second),
		ResponseHeaderTimeout:  timeout,
		MaxIdleConnsPerHost:    2,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: 256 << 10,
		Protocols:              protocols,
	}
}

func parseBase(address string) (*url.URL, error) {
	base, err := url.Parse(address)
	switch {
	case err != nil:
		return nil, errors.New("not a URL") // url.Parse repeats the text, which may hold a password
	case base.Scheme != "http" && base.Scheme != "https", base.Host == "":
		return nil, fmt.Errorf("%q is no http or https URL", redactURL(address))
	case base.User != nil:
		return nil, errors.New("must not contain a user or password; configure them separately")
	case base.RawQuery != "", base.Fragment != "":
		return nil, fmt.Errorf("%q must not have a query or fragment", redactURL(address))
	}
	base.Path, base.RawPath = strings.TrimRight(base.Path, "/"), strings.TrimRight(base.RawPath, "/")
	return base, nil
}

func authorization(o Options) string {
	var parts []string
	if o.User != "" {
		request := http.Request{Header: http.Header{}}
		request.SetBasicAuth(o.User, o.Token)
		parts = append(parts, request.Header.Get("Authorization"))
	}
	if o.Bearer != "" {
		parts = append(parts, "Bearer "+o.Bearer)
	}
	return strings.Join(parts, ", ")
}

func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func positive[T ~int | ~int64](value, fallback T) T {
	if value > 0 {
		return value
	}
	return fallback
}

// redactURL drops what may be a secret in a URL that came from outside.
func redactURL(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}

// Info is what a master says about itself and about us.
type Info struct {
	Version      string // of Jenkins, such as "2.372"
	Session      string // changes when the master restarts
	User         string // whom Jenkins takes us for
	Anonymous    bool
	ShuttingDown bool          // builds are queued but not started
	Skew         time.Duration // the master's clock minus ours; 0 when it sent none
}

// Check asks who we are and in which state the master is.
func (c *Client) Check(ctx context.Context) (Info, error) {
	about := call{op: "check"}
	who, header, err := get[struct {
		Name      string `json:"name"`
		Anonymous bool   `json:"anonymous"`
	}](ctx, c, about, "/whoAmI/", "")
	if err != nil {
		return Info{}, err
	}
	root, _, err := get[struct {
		QuietingDown bool `json:"quietingDown"`
	}](ctx, c, about, "/", "mode,quietingDown")
	if err != nil {
		return Info{}, err
	}
	info := Info{
		Version: header.Get("X-Jenkins"), Session: header.Get("X-Jenkins-Session"),
		User: who.Name, Anonymous: who.Anonymous, ShuttingDown: root.QuietingDown,
	}
	if at := serverTime(header); !at.IsZero() {
		info.Skew = time.Until(at).Round(time.Second)
	}
	return info, nil
}

// serverTime is the master's clock when it answered; zero when it sent none.
func serverTime(header http.Header) time.Time {
	at, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		return time.Time{}
	}
	return at
}
