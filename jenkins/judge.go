package jenkins

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// maxRetryAfter bounds how long we let an answer silence a master.
const maxRetryAfter = 10 * time.Minute

// judge turns an answer that is not what was asked for into an *Error.
func (c *Client) judge(req *http.Request, response *http.Response, body []byte, about call) error {
	status, page := response.StatusCode, string(body)
	fail := func(kind Kind, format string, args ...any) error {
		return c.failure(about, kind, status, fmt.Sprintf(format, args...))
	}
	switch {
	case status >= 200 && status < 300:
		return c.judgeSuccess(response, body, about)
	case status >= 300 && status < 400:
		return c.judgeRedirect(req, response, about)
	case status == http.StatusUnauthorized:
		if c.auth == "" {
			return fail(KindUnauthorized, "%s needs a user and an API token", c.name)
		}
		return fail(KindUnauthorized, "%s refuses user %s: token wrong or revoked", c.name, c.who())
	case status == http.StatusForbidden:
		return c.judgeForbidden(req, response, page, about)
	case status == http.StatusNotFound:
		return c.judgeNotFound(response, about)
	case status == http.StatusRequestURITooLong:
		return fail(KindLongQuery, "The query is too long for %s; name fewer or less deep folders", c.name)
	case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable && response.Header.Get("Retry-After") != "":
		wait := retryAfter(response.Header, time.Now())
		e := c.failure(about, KindBusy, status, fmt.Sprintf("%s limits our requests; next try in %s", c.name, seconds(wait)))
		e.RetryAfter = wait
		return e
	case status >= 500:
		return c.judgeServerError(response, page, about)
	case about.post:
		return fail(KindRejected, "%s", c.rejection(status, page, about))
	default:
		return fail(KindBadAnswer, "%s answered unexpectedly%s", c.name, quotedTitle(page))
	}
}

func (c *Client) judgeSuccess(response *http.Response, body []byte, about call) error {
	status := response.StatusCode
	switch {
	case about.post:
		if isHTML(response.Header) && response.Header.Get("X-Jenkins") == "" && len(body) > 0 {
			return c.loginPage(about, status)
		}
		return nil
	case len(body) == 0:
		return c.failure(about, KindEmpty, status, fmt.Sprintf("%s sent an empty answer", c.name))
	case isHTML(response.Header):
		return c.loginPage(about, status)
	case !isJSON(response.Header):
		return c.failure(about, KindBadAnswer, status, fmt.Sprintf(
			"%s answered %q, not JSON", c.name, response.Header.Get("Content-Type")))
	}
	return nil
}

func (c *Client) loginPage(about call, status int) error {
	return c.failure(about, KindLogin, status, fmt.Sprintf(
		"%s answered a login page, not the API: use an API token, or exempt /api from single sign-on", c.name))
}

func (c *Client) judgeRedirect(req *http.Request, response *http.Response, about call) error {
	target := "nowhere"
	if location, err := req.URL.Parse(response.Header.Get("Location")); err == nil {
		if about.post && location.Host == req.URL.Host && !strings.Contains(location.Path, "/securityRealm/") {
			return nil // the usual answer to a change; the caller reads Location
		}
		if about.post && queueID(location.Path) > 0 {
			return nil // built from an inner host name; only the number counts
		}
		target = location.Host
	}
	return c.failure(about, KindLogin, response.StatusCode, fmt.Sprintf(
		"%s redirects to %s: check address (http/https, path prefix) and token", c.name, target))
}

func (c *Client) judgeForbidden(req *http.Request, response *http.Response, page string, about call) error {
	status := response.StatusCode
	if right := response.Header.Get("X-Required-Permission"); right != "" {
		where := about.job
		if where == "" {
			where = c.name
		}
		return c.failure(about, KindForbidden, status, fmt.Sprintf("%s lacks %s on %s", c.who(), permission(right), where))
	}
	switch {
	case strings.Contains(page, "No valid crumb"):
		return c.failure(about, KindCrumb, status, fmt.Sprintf("%s rejected the crumb; use an API token", c.name))
	case strings.Contains(page, "Authentication required"):
		return c.failure(about, KindUnauthorized, status, fmt.Sprintf("%s needs a user and an API token", c.name))
	default:
		return c.failure(about, KindForbidden, status, fmt.Sprintf("%s may not read %s on %s%s", c.who(), req.URL.EscapedPath(), c.name, quotedTitle(page)))
	}
}

func (c *Client) who() string {
	if c.user == "" {
		return "anonymous"
	}
	return c.user
}

// permission gives the name Jenkins' own pages use: hudson.model.Item.Build is
// Job/Build.
func permission(right string) string {
	right = right[strings.LastIndexByte(right, ',')+1:]
	parts := strings.Split(strings.TrimSpace(right), ".")
	if len(parts) < 2 {
		return right
	}
	group, name := parts[len(parts)-2], parts[len(parts)-1]
	switch group {
	case "Item":
		group = "Job"
	case "Hudson":
		group = "Overall"
	}
	return group + "/" + name
}

func (c *Client) judgeNotFound(response *http.Response, about call) error {
	var reason string
	switch {
	case about.file != "":
		reason = fmt.Sprintf("Artifact %s of %s #%d not found on %s", about.file, about.job, about.build, c.name)
	case about.build > 0:
		reason = fmt.Sprintf("Build %s #%d not found on %s", about.job, about.build, c.name)
	case about.job != "":
		reason = fmt.Sprintf("Job %s not found on %s, or %s may not read it", about.job, c.name, c.who())
	case response.Header.Get("X-Jenkins") == "" && (about.op == opListJobs || about.op == "check"):
		return c.failure(about, KindWrongAddress, response.StatusCode, fmt.Sprintf(
			"No Jenkins at %s (is a path such as /jenkins missing?)", c.base))
	default:
		reason = fmt.Sprintf("Not found on %s", c.name)
	}
	return c.failure(about, KindNotFound, response.StatusCode, reason)
}

var loggingID = regexp.MustCompile(`Logging ID=([0-9A-Za-z-]{1,64})`)

func (c *Client) judgeServerError(response *http.Response, page string, about call) error {
	status := response.StatusCode
	e := c.failure(about, KindProxy, status, fmt.Sprintf("Proxy in front of %s answered %d", c.name, status))
	e.Uncertain = about.post
	switch {
	case status == http.StatusServiceUnavailable && startingPage(page):
		e.Kind = KindStarting
		e.Uncertain = false
		e.Reason = fmt.Sprintf("Jenkins %s is starting", c.name)
	case response.Header.Get("X-Jenkins") != "":
		e.Kind = KindInternal
		e.Reason = fmt.Sprintf("Jenkins %s failed internally, see its log", c.name)
		if match := loggingID.FindStringSubmatch(page); match != nil {
			e.Reason += " for ID " + match[1]
		}
	}
	return e
}

func startingPage(page string) bool {
	return strings.Contains(page, "Starting Jenkins") || strings.Contains(page, "Please wait while Jenkins")
}

// rejection explains a 4xx to a change.
func (c *Client) rejection(status int, page string, about call) string {
	switch {
	case status == http.StatusConflict:
		return fmt.Sprintf("Job '%s' is not buildable. It may be disabled.", about.job)
	case strings.Contains(page, "Nothing is submitted"):
		return fmt.Sprintf("Job '%s' needs parameters", about.job)
	case strings.Contains(page, "is not parameterized"):
		return fmt.Sprintf("job : %s, passing params to a job which doesn't need them", about.job)
	default:
		return fmt.Sprintf("%s refused the request%s", c.name, quotedTitle(page))
	}
}

var titleTag = regexp.MustCompile(`(?is)<title>\s*([^<]{1,80})`)

// quotedTitle gives the title of an HTML page as ` ("502 Bad Gateway")`.
func quotedTitle(page string) string {
	match := titleTag.FindStringSubmatch(page)
	if match == nil {
		return ""
	}
	return fmt.Sprintf(" (%q)", strings.TrimSpace(match[1]))
}

// retryAfter reads the header's seconds or date; 60 s when there is neither.
func retryAfter(header http.Header, now time.Time) time.Duration {
	wait := 60 * time.Second
	value := header.Get("Retry-After")
	if n, err := strconv.Atoi(value); err == nil && n >= 0 {
		wait = time.Duration(min(n, int(maxRetryAfter.Seconds()))) * time.Second
	} else if at, err := http.ParseTime(value); err == nil {
		wait = at.Sub(now).Round(time.Second)
	}
	return min(max(wait, time.Second), maxRetryAfter)
}

// queueID reads the number of a path that ends in /queue/item/<n>/; 0 when it
// is another path.
func queueID(path string) int64 {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	if len(parts) < 3 || parts[len(parts)-3] != "queue" || parts[len(parts)-2] != "item" {
		return 0
	}
	id, err := strconv.ParseInt(parts[len(parts)-1], 10, 64)
	if err != nil {
		return 0
	}
	return id
}

func queueIDOf(response *http.Response) int64 {
	location, err := url.Parse(response.Header.Get("Location"))
	if err != nil {
		return 0
	}
	return queueID(location.Path)
}
