package jenkinstest

import (
	"archive/zip"
	"bytes"
	"fmt"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"
)

// artifact serves the files of a build.
func (q *request) artifact(b *Build, rest []string) answer {
	if q.Method != http.MethodGet && q.Method != http.MethodHead {
		return q.notFound()
	}
	if strings.Contains(strings.ToLower(q.URL.EscapedPath()), "%2f") {
		return q.s.container(q.Request, http.StatusBadRequest, "Ambiguous URI path separator")
	}
	name := strings.Join(rest, "/")
	if before, _, found := strings.Cut(name, "*zip*/"); found {
		return q.zip(b, before)
	}
	name, viewed := strings.CutSuffix(name, "/*view*")
	for _, f := range b.files {
		if f.Path == name {
			return q.file(b, f, viewed)
		}
	}
	return q.directory(b, name)
}

func (q *request) file(b *Build, f File, viewed bool) answer {
	switch {
	case f.ListedOnly, !b.here(f, q.now):
		return q.notFound()
	case f.HTML:
		return q.s.html("<html><head><title>Sign in</title></head><body>Please sign in</body></html>")
	case f.Status != 0:
		return q.s.container(q.Request, f.Status, "")
	}
	modified := b.started.UTC().Format(http.TimeFormat)
	h := q.s.dated(header("Last-Modified", modified, "Expires", modified, "Accept-Ranges", "bytes"))
	if viewed {
		h.Set("Content-Type", "text/plain")
		h.Set("Content-Disposition", "inline; filename="+path.Base(f.Path))
	} else {
		const policy = "sandbox; default-src 'none'; img-src 'self'; style-src 'self';"
		for _, name := range []string{"Content-Security-Policy", "X-WebKit-CSP", "X-Content-Security-Policy"} {
			h.Set(name, policy)
		}
		h.Set("Content-Type", contentType(f.Path))
	}
	a := answer{status: http.StatusOK, header: h, body: f.Data, pace: f.PerSecond, cut: f.Truncate}
	if since, err := http.ParseTime(q.Header.Get("If-Modified-Since")); err == nil && !b.started.Truncate(time.Second).After(since) {
		a.status, a.body = http.StatusNotModified, nil
		return a
	}
	if from, to, ok := byteRange(q.Header.Get("Range"), len(f.Data)); ok {
		a.status = http.StatusPartialContent
		h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to-1, len(f.Data)))
		a.body = f.Data[from:to]
	}
	return a
}

// byteRange reads "bytes=2-5".
func byteRange(text string, size int) (from, to int, ok bool) {
	spec, found := strings.CutPrefix(text, "bytes=")
	first, last, _ := strings.Cut(spec, "-")
	from, err := strconv.Atoi(first)
	if !found || err != nil || from < 0 || from >= size {
		return 0, 0, false
	}
	to = size
	if n, err := strconv.Atoi(last); err == nil && n >= from {
		to = min(n+1, size)
	}
	return from, to, true
}

func contentType(name string) string {
	if strings.HasSuffix(name, ".tar.gz") {
		return "application/x-gtar"
	}
	switch path.Ext(name) {
	case ".txt":
		return "text/plain"
	case ".json":
		return "application/json"
	case ".xml":
		return "application/xml"
	case ".html":
		return "text/html;charset=utf-8"
	default:
		return "application/octet-stream"
	}
}

// directory lists a folder of the archive; without a slash it redirects there.
func (q *request) directory(b *Build, name string) answer {
	name = strings.Trim(name, "/")
	var names []string
	for _, f := range b.files {
		if name == "" || strings.HasPrefix(f.Path, name+"/") {
			names = append(names, f.Path)
		}
	}
	if len(names) == 0 {
		return q.notFound()
	}
	if !strings.HasSuffix(q.URL.Path, "/") {
		return q.s.redirect(q.Request, http.StatusFound, b.job.path()+strconv.Itoa(b.number)+"/artifact/"+name+"/")
	}
	page := "<!DOCTYPE html><html><head><title>" + name + "</title></head><body>" + strings.Join(names, "<br>")
	return q.s.html(page + strings.Repeat(" ", max(20_000-len(page), 0)) + "</body></html>")
}

// zip packs a folder of the archive, "" being all of it.
func (q *request) zip(b *Build, folder string) answer {
	folder = strings.Trim(folder, "/")
	var buffer bytes.Buffer
	archive := zip.NewWriter(&buffer)
	for _, f := range b.files {
		name := "archive/" + f.Path
		if folder != "" {
			inside, ok := strings.CutPrefix(f.Path, folder+"/")
			if !ok {
				continue
			}
			name = path.Base(folder) + "/" + inside
		}
		entry, err := archive.Create(name)
		if err == nil {
			_, err = entry.Write(f.Data)
		}
		if err != nil {
			return q.s.oops(http.StatusInternalServerError)
		}
	}
	if err := archive.Close(); err != nil {
		return q.s.oops(http.StatusInternalServerError)
	}
	return answer{status: http.StatusOK, header: q.s.dated(header("Content-Type", "application/zip")), body: buffer.Bytes(), chunked: true}
}

// logText serves progressive logs; offsets count raw bytes with hidden notes.
func (q *request) logText(b *Build, rest []string) answer {
	if len(rest) != 1 || rest[0] != "progressiveText" && rest[0] != "progressiveHtml" {
		return q.notFound()
	}
	start := 0
	if text := q.FormValue("start"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return q.s.oops(http.StatusInternalServerError)
		}
		start = n
	}
	raw := b.log.String()
	if start > len(raw) {
		start = 0
	}
	body := []byte(withoutNotes(raw[start:]))
	if rest[0] == "progressiveHtml" {
		body = []byte(strings.NewReplacer("&", "&amp;", "<", "&lt;").Replace(string(body)))
	}
	a := q.s.plain(body, "X-Text-Size", strconv.Itoa(len(raw)))
	if rest[0] == "progressiveHtml" {
		a.header.Set("Content-Type", "text/html;charset=utf-8")
		a.header.Set("X-ConsoleAnnotator", "none")
	}
	if b.building() {
		a.header.Set("X-More-Data", "true")
	}
	return a
}

// withoutNotes drops the notes that begin in the text; one that began before
// stays as the garbage it is.
func withoutNotes(text string) string {
	const begin, end = "\x1b[8mha:", "\x1b[0m"
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(text, begin)
		out.WriteString(before)
		if !found {
			return out.String()
		}
		_, after, closed := strings.Cut(rest, end)
		if !closed {
			return out.String()
		}
		text = after
	}
}
