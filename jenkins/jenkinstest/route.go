package jenkinstest

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// maxRequestLine is Jetty's limit.
const maxRequestLine = 8192

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	fault := s.Faults.next(r, s.Clock.Now())
	if fault != nil && !s.before(r, fault) {
		s.Log.add(s.logged(r, 0, 0, start))
		panic(http.ErrAbortHandler) // closes the connection
	}
	a := s.respond(r)
	if fault != nil {
		a = s.distort(r, fault, a)
	}
	s.Log.add(s.logged(r, a.status, len(a.body), start))
	s.send(w, r, a)
}

func (s *Server) logged(r *http.Request, status, bytes int, start time.Time) Request {
	user, _, _ := r.BasicAuth()
	return Request{Method: r.Method, Path: r.URL.EscapedPath(), Query: r.URL.RawQuery, User: user,
		Status: status, Bytes: bytes, Duration: time.Since(start)}
}

// request is a request on its way through the router.
type request struct {
	*http.Request
	s    *Server
	who  who
	now  time.Time
	view view
}

// respond makes the answer of a master in good health.
func (s *Server) respond(r *http.Request) answer {
	if len(r.Method)+len(r.RequestURI)+len(" HTTP/1.1") > maxRequestLine {
		return answer{status: http.StatusRequestURITooLong, header: header("Content-Type", "text/html;charset=iso-8859-1", "Connection", "close"),
			body: []byte("<h1>Bad Message 414</h1><pre>reason: URI Too Long</pre>")}
	}
	if r.Method == http.MethodPost {
		// Read before the lock is taken: a slow sender must not stop others.
		r.Body = http.MaxBytesReader(nil, r.Body, 1<<20)
		if err := r.ParseForm(); err != nil {
			return s.container(r, http.StatusBadRequest, "")
		}
	}
	var a answer
	s.locked(func(now time.Time) { a = s.route(r, now) })
	return a
}

func (s *Server) route(r *http.Request, now time.Time) answer {
	if s.restartingUntil(now) {
		return startingPage(true)
	}
	path, ok := strings.CutPrefix(r.URL.EscapedPath(), s.opts.ContextPath)
	segments, valid := split(path)
	if !ok || !valid {
		return s.container(r, http.StatusNotFound, "")
	}
	w, ok := s.identify(r)
	if !ok {
		return s.unauthorized(r)
	}
	if r.Method == http.MethodPost && !s.crumbValid(r, w) {
		return s.container(r, http.StatusForbidden, "No valid crumb was included in the request")
	}
	base := s.opts.RootURL
	if base == "" {
		base = s.requestBase(r)
	}
	q := &request{Request: r, s: s, who: w, now: now, view: view{s, w, strings.TrimSuffix(base, "/") + "/", now}}
	if len(segments) == 1 && segments[0] == "login" {
		return s.html("<!DOCTYPE html><html><head><title>Sign in [Jenkins]</title></head><body>Sign in to Jenkins" + strings.Repeat(" ", 1400) + "</body></html>")
	}
	if !s.may(w, OverallRead, nil) {
		if w.user == nil {
			return s.loginNeeded(r)
		}
		return s.missing(w, OverallRead)
	}
	return q.root(segments)
}

// split cuts an escaped path at slashes and decodes each segment once; empty
// segments vanish.
func split(path string) (segments []string, ok bool) {
	for raw := range strings.SplitSeq(path, "/") {
		if raw == "" {
			continue
		}
		segment, err := url.PathUnescape(raw)
		if err != nil || segment == ".." {
			return nil, false
		}
		segments = append(segments, segment)
	}
	return segments, true
}

func (q *request) notFound() answer { return q.s.container(q.Request, http.StatusNotFound, "") }

// root serves what is not below a job.
func (q *request) root(segments []string) answer {
	if len(segments) == 0 {
		return q.s.html("<!DOCTYPE html><html><head><title>Dashboard [Jenkins]</title></head><body></body></html>")
	}
	switch segments[0] {
	case "api":
		return q.api(segments, q.view.root())
	case "job":
		return q.item(q.s.root, segments)
	case "queue":
		return q.queue(segments[1:])
	case "whoAmI":
		return q.api(segments[1:], q.whoAmI())
	case "crumbIssuer":
		return q.crumbIssuer(segments[1:])
	case "computer":
		return q.api(segments[1:], fixed("hudson.model.ComputerSet", "busyExecutors totalExecutors", q.s.busy(), max(q.s.opts.Executors, 0)))
	case "rssAll", "rssLatest":
		return q.feed(segments[0] == "rssLatest")
	case "quietDown", "cancelQuietDown", "restart":
		return q.control(segments[0])
	default:
		return q.notFound()
	}
}

func (q *request) whoAmI() *object {
	authorities := []string{"anonymous"}
	if q.who.user != nil {
		authorities = []string{"authenticated"}
	}
	return fixed("hudson.security.WhoAmI", "anonymous authenticated authorities name",
		q.who.user == nil, q.who.user != nil, listOf(authorities, func(a string) any { return a }), q.who.name())
}

func (q *request) crumbIssuer(rest []string) answer {
	if q.s.opts.NoCrumbs || q.s.opts.NoSecurity {
		return q.notFound()
	}
	session, cookie := "", ""
	if c, err := q.Cookie("JSESSIONID"); err == nil {
		session = c.Value
	} else {
		session = q.s.newSessionID()
		cookie = "JSESSIONID=" + session + "; Path=/; HttpOnly"
	}
	crumb := q.s.crumbFor(q.who, session)
	a := q.api(rest, fixed("hudson.security.csrf.DefaultCrumbIssuer", "crumb crumbRequestField", crumb, crumbField))
	if cookie != "" {
		a.header.Set("Set-Cookie", cookie)
		a.header.Set("Expires", epoch)
	}
	return a
}

// api serves an object under "api/json"; what follows is ignored.
func (q *request) api(rest []string, o *object) answer {
	if len(rest) < 2 || rest[0] != "api" {
		return q.notFound()
	}
	switch rest[1] {
	case "json":
	case "xml":
		return q.s.oops(http.StatusInternalServerError)
	default:
		return q.notFound()
	}
	if q.FormValue("jsonp") != "" {
		return q.s.styled(http.StatusForbidden, "jsonp forbidden; implement jenkins.security.SecureRequester")
	}
	depth := 0
	if text := q.FormValue("depth"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			return q.s.badTree()
		}
		depth = n
	}
	var tree *selection
	if q.Form.Has("tree") {
		parsed, err := parseTree(q.FormValue("tree"))
		if err != nil {
			return q.s.badTree()
		}
		tree = parsed
	}
	return q.s.json(render(o, tree, depth))
}

// item serves what is below a job or folder: segments start with "job".
func (q *request) item(it *item, segments []string) answer {
	for len(segments) >= 2 && segments[0] == "job" {
		if it = it.child(segments[1]); it == nil {
			return q.notFound()
		}
		if !q.s.may(q.who, JobRead, it) {
			return q.hidden(it)
		}
		segments = segments[2:]
	}
	switch {
	case len(segments) == 0 && !strings.HasSuffix(q.URL.Path, "/"):
		return q.s.redirect(q.Request, http.StatusFound, it.path())
	case len(segments) == 0:
		return q.s.html("<!DOCTYPE html><html><head><title>" + it.fullName() + " [Jenkins]</title></head><body></body></html>")
	case segments[0] == "api":
		return q.api(segments, q.view.item(it))
	case it.isFolder():
		return q.folderPath(it, segments)
	}
	if b := it.named(segments[0]); b != nil {
		return q.build(b, segments[1:])
	}
	return q.jobAction(it, segments[0])
}

// named gives the build of a number or permalink.
func (it *item) named(name string) *Build {
	if isPermalink(name) {
		return it.permalink(name)
	}
	n, err := strconv.Atoi(name)
	if err != nil {
		return nil
	}
	return it.build(n)
}

// hidden answers for an item that the user may not read: as if it were not
// there, unless it may be discovered.
func (q *request) hidden(it *item) answer {
	if !q.s.may(q.who, JobDiscover, it) {
		return q.notFound()
	}
	if q.who.user == nil {
		return q.s.loginNeeded(q.Request)
	}
	return q.s.styled(http.StatusForbidden, "Access Denied</h1><p>Please login to access job "+it.name+"</p><h1>")
}

func (q *request) folderPath(it *item, segments []string) answer {
	switch {
	case isPermalink(segments[0]):
		return q.s.redirect(q.Request, http.StatusFound, it.path()+segments[0]+"/api/")
	case segments[0] == "build" && it.kind == multiBranchKind && q.Method == http.MethodPost:
		return q.s.redirect(q.Request, http.StatusFound, it.path())
	default:
		return q.notFound()
	}
}

// build serves what is below a build.
func (q *request) build(b *Build, rest []string) answer {
	if len(rest) == 0 {
		return q.s.html("<!DOCTYPE html><html><head><title>" + b.job.fullName() + " " + b.displayName() + " [Jenkins]</title></head><body></body></html>")
	}
	switch rest[0] {
	case "api":
		return q.api(rest, q.view.build(b))
	case "artifact":
		return q.artifact(b, rest[1:])
	case "logText":
		return q.logText(b, rest[1:])
	case "testReport":
		if b.tests == nil {
			return q.notFound()
		}
		return q.api(rest[1:], testReport(b.tests))
	case "consoleText":
		return q.s.plain([]byte(withoutNotes(b.log.String())))
	default:
		return q.buildAction(b, rest[0])
	}
}
