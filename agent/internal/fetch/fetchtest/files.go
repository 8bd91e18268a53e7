package fetchtest

import (
	"net/http"
)

// Files serves whole files by path and query, as GitLab's and Bitbucket's APIs do to those who sign in as they demand. It
// says a checksum with each file and does not send one again that the client has.
type Files struct {
	// Content is the files by request URI, such as "/api/v4/projects/1/repository/files/a%2Fb/raw?ref=main".
	Content map[string]string
	// Header and Value are what has to be sent to see anything; an empty Header stands for nothing.
	Header, Value string

	log
}

// ServeHTTP implements http.Handler. Who may not read sees a 404, as for private repositories.
func (f *Files) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	content, ok := f.Content[r.URL.RequestURI()]
	if !ok || f.Header != "" && r.Header.Get(f.Header) != f.Value {
		f.note(r, http.StatusNotFound)
		fail(w, http.StatusNotFound, "404 File Not Found")
		return
	}
	tag := `"` + digest(content) + `"`
	w.Header().Set("ETag", tag)
	if r.Header.Get("If-None-Match") == tag {
		f.note(r, http.StatusNotModified)
		w.WriteHeader(http.StatusNotModified)
		return
	}
	f.note(r, http.StatusOK)
	write(w, []byte(content))
}
