package jenkinstest

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// answer is a response before faults are applied to it.
type answer struct {
	status  int
	header  http.Header
	body    []byte
	zip     bool // may be compressed
	chunked bool // no Content-Length whatever its size
	pace    int  // bytes per second of real time; 0 is unbounded
	cut     int  // the connection ends after so many bytes; 0 is not
}

// chunkedFrom is the size from which Jenkins sends chunks without a length.
const chunkedFrom = 32768

const epoch = "Thu, 01 Jan 1970 00:00:00 GMT"

func header(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Add(pairs[i], pairs[i+1])
	}
	return h
}

// dated adds what the real master sends with every dynamic answer.
func (s *Server) dated(h http.Header) http.Header {
	h.Set("Date", s.now().UTC().Format(http.TimeFormat))
	h.Set("Server", "Jetty(10.0.12)")
	h.Set("X-Content-Type-Options", "nosniff")
	return h
}

// json is an answer of the API.
func (s *Server) json(body []byte) answer {
	h := s.dated(header("Content-Type", "application/json;charset=utf-8", "X-Frame-Options", "deny",
		"X-Jenkins", s.opts.Version, "X-Jenkins-Session", s.sessionHeader()))
	return answer{status: http.StatusOK, header: h, body: body, zip: true}
}

// container is an error page of the servlet container: without X-Jenkins.
func (s *Server) container(r *http.Request, status int, message string) answer {
	text := http.StatusText(status)
	if message == "" {
		message = text
	}
	page := fmt.Sprintf(`<html>
<head>
<meta http-equiv="Content-Type" content="text/html;charset=ISO-8859-1"/>
<title>Error %d %s</title>
</head>
<body><h2>HTTP ERROR %d %s</h2>
<table>
<tr><th>URI:</th><td>%s</td></tr>
<tr><th>STATUS:</th><td>%d</td></tr>
<tr><th>MESSAGE:</th><td>%s</td></tr>
<tr><th>SERVLET:</th><td>Stapler</td></tr>
</table>
<hr/><a href="https://eclipse.org/jetty">Powered by Jetty:// 10.0.12</a><hr/>

</body>
</html>
`, status, message, status, message, r.URL.EscapedPath(), status, message)
	h := header("Cache-Control", "must-revalidate,no-cache,no-store", "Content-Type", "text/html;charset=iso-8859-1",
		"X-Content-Type-Options", "nosniff", "Server", "Jetty(10.0.12)")
	return answer{status: status, header: h, body: []byte(page)}
}

// styled is an error page of Jenkins itself, blown up to the observed size.
func (s *Server) styled(status int, text string) answer {
	size := 7000
	if status == http.StatusConflict {
		size = 10_700
	}
	page := "<!DOCTYPE html><html class=\"\"><head><title>Jenkins [Jenkins]</title></head><body><h1>" + text +
		"</h1><footer>Jenkins " + s.opts.Version + "</footer>"
	page += strings.Repeat(" ", max(size-len(page)-len("</body></html>"), 0)) + "</body></html>"
	h := s.dated(header("Content-Type", "text/html;charset=utf-8", "Expires", epoch,
		"Cache-Control", "no-cache,no-store,must-revalidate", "X-Hudson", "1.395", "X-Hudson-Theme", "default",
		"Referrer-Policy", "same-origin", "Cross-Origin-Opener-Policy", "same-origin",
		"Set-Cookie", "JSESSIONID="+s.newSessionID()+"; Path=/; HttpOnly",
		"X-Jenkins", s.opts.Version, "X-Jenkins-Session", s.sessionHeader(), "X-Frame-Options", "sameorigin"))
	return answer{status: status, header: h, body: []byte(page), zip: true}
}

// oops is Jenkins' page for exceptions: the reason is only in its log.
func (s *Server) oops(status int) answer {
	s.nextPage++
	sum := sha256.Sum256(fmt.Appendf(nil, "page %d", s.nextPage))
	id := fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
	return s.styled(status, "Oops!</h1><p>A problem occurred while processing the request.</p><p>Logging ID="+id+"</p><h1>")
}

// badTree is what a tree, range or depth that cannot be read gives.
func (s *Server) badTree() answer {
	a := s.oops(http.StatusInternalServerError)
	a.header.Add("X-Frame-Options", "deny")
	a.header.Set("Connection", "close")
	a.header.Set("Expires", "0")
	return a
}

func (s *Server) redirect(r *http.Request, status int, path string) answer {
	return answer{status: status, header: s.dated(header("Location", s.requestBase(r)+path))}
}

func (s *Server) created(r *http.Request, path string) answer {
	return answer{status: http.StatusCreated, header: s.dated(header("Location", s.requestBase(r)+path))}
}

// requestBase is the root address as the request saw it.
func (s *Server) requestBase(r *http.Request) string {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	if forwarded := r.Header.Get("X-Forwarded-Proto"); forwarded != "" {
		scheme = forwarded
	}
	return scheme + "://" + r.Host + s.opts.ContextPath + "/"
}

// loginNeeded is the 403 that sends browsers to the login form.
func (s *Server) loginNeeded(r *http.Request) answer {
	from := url.QueryEscape(r.URL.RequestURI())
	login := s.opts.ContextPath + "/login?from=" + from
	page := fmt.Sprintf("<html><head><meta http-equiv='refresh' content='1;url=%s'/><script>window.location.replace('%s');</script></head><body style='background-color:white; color:white;'>\n\n\nAuthentication required\n<!--\n-->\n\n</body></html>", login, login)
	page += strings.Repeat(" ", max(520-len(page), 0))
	h := s.dated(header("Content-Type", "text/html;charset=utf-8", "Expires", epoch, "X-Hudson", "1.395",
		"Set-Cookie", "JSESSIONID="+s.newSessionID()+"; Path=/; HttpOnly",
		"X-Jenkins", s.opts.Version, "X-Jenkins-Session", s.sessionHeader()))
	return answer{status: http.StatusForbidden, header: h, body: []byte(page), chunked: true}
}

// unauthorized is what wrong credentials give.
func (s *Server) unauthorized(r *http.Request) answer {
	a := s.container(r, http.StatusUnauthorized, "")
	a.header.Set("WWW-Authenticate", `Basic realm="Jenkins"`)
	a.header.Set("Set-Cookie", "remember-me=; Path=/; Expires="+epoch+"; Max-Age=0")
	return a
}

// missing is the 403 for a user without a right.
func (s *Server) missing(w who, right Right) answer {
	a := s.styled(http.StatusForbidden, "Access Denied</h1><p>"+w.name()+" is missing the "+string(right)+" permission</p><h1>")
	a.header.Set("X-You-Are-Authenticated-As", w.name())
	a.header.Set("X-Required-Permission", right.permissionID())
	a.header.Add("X-Permission-Implied-By", Right("Job/GenericWrite").permissionID())
	a.header.Add("X-Permission-Implied-By", Administer.permissionID())
	return a
}

// startingPage is the 503 of a master that is not up yet.
func startingPage(restarting bool) answer {
	text := "Please wait while Jenkins is getting ready to work"
	if restarting {
		text = "Please wait while Jenkins is restarting"
	}
	page := "<!DOCTYPE html><html><head><title>Starting Jenkins</title></head><body><h1>" + text + " ...</h1>"
	page += strings.Repeat(" ", 1044-len(page)-len("</body></html>")) + "</body></html>"
	h := header("Content-Type", "text/html;charset=utf-8", "Cache-Control", "no-cache,no-store,must-revalidate",
		"X-Content-Type-Options", "nosniff", "Server", "Jetty(10.0.12)")
	return answer{status: http.StatusServiceUnavailable, header: h, body: []byte(page)}
}

// html is an ordinary page.
func (s *Server) html(body string) answer {
	h := s.dated(header("Content-Type", "text/html;charset=utf-8", "X-Jenkins", s.opts.Version, "X-Jenkins-Session", s.sessionHeader()))
	return answer{status: http.StatusOK, header: h, body: []byte(body), zip: true}
}

func (s *Server) plain(body []byte, pairs ...string) answer {
	h := s.dated(header(pairs...))
	h.Set("Content-Type", "text/plain;charset=utf-8")
	return answer{status: http.StatusOK, header: h, body: body, zip: true}
}

// restartingUntil reports whether the master is still restarting.
func (s *Server) restartingUntil(now time.Time) bool { return now.Before(s.notReady) }
