package fetchtest

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"strings"
	"sync"
)

// GitHub serves files of repositories as GitHub does:
//
//	GET /repos/OWNER/REPOSITORY/contents/PATH?ref=REF   what there is to say, with a download_url; or the raw file
//	GET /raw/OWNER/REPOSITORY/REF/PATH?token=…           the raw file
//
// The zero value has no files and asks for no credentials. It may be changed while it serves.
type GitHub struct {
	// Token and Username with Password are the credentials that are accepted; with neither, everybody may read.
	Token, Username, Password string
	// RawBase is the address of raw files; empty means the one that was asked.
	RawBase string

	mu    sync.Mutex
	files map[file][]byte
	seen  []string
}

type file struct{ repository, ref, path string }

// Put stores a file of a repository ("owner/name") at a branch, tag or commit.
func (g *GitHub) Put(repository, ref, path string, content []byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.files == nil {
		g.files = map[file][]byte{}
	}
	g.files[file{repository, ref, path}] = content
}

// Requests are the requests so far, as "GET /path?query" with the credentials' kind: "token", "basic" or "none".
func (g *GitHub) Requests() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]string(nil), g.seen...)
}

// ServeHTTP implements http.Handler.
func (g *GitHub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.record(r)
	parts := strings.SplitN(strings.TrimPrefix(r.URL.Path, "/"), "/", 5)
	switch {
	case r.Method != http.MethodGet || len(parts) < 5:
		fail(w, http.StatusNotFound, "Not Found")
	case parts[0] == "repos" && parts[3] == "contents":
		g.contents(w, r, file{parts[1] + "/" + parts[2], r.URL.Query().Get("ref"), parts[4]})
	case parts[0] == "raw":
		g.raw(w, r, file{parts[1] + "/" + parts[2], parts[3], parts[4]})
	default:
		fail(w, http.StatusNotFound, "Not Found")
	}
}

func (g *GitHub) record(r *http.Request) {
	kind, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if kind == "" {
		kind = "none"
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.seen = append(g.seen, r.Method+" "+r.URL.RequestURI()+" "+strings.ToLower(kind))
}

// contents answers the contents API. Who may not read sees a 404, as for private repositories.
func (g *GitHub) contents(w http.ResponseWriter, r *http.Request, asked file) {
	if header := r.Header.Get("Authorization"); header != "" && !g.accepts(r) {
		fail(w, http.StatusUnauthorized, "Bad credentials")
		return
	}
	content, ok := g.get(asked)
	if !g.accepts(r) || !ok && !g.isDirectory(asked) {
		fail(w, http.StatusNotFound, "Not Found")
		return
	}
	if !ok {
		writeJSON(w, http.StatusOK, []any{})
		return
	}
	if strings.HasSuffix(r.Header.Get("Accept"), ".raw") {
		write(w, content)
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"type": "file", "name": path.Base(asked.path), "path": asked.path, "size": len(content), "encoding": "base64",
		"content": base64.StdEncoding.EncodeToString(content), "download_url": g.downloadURL(r, asked),
	})
}

// raw answers for the file itself, to those with credentials or with the token of a download URL.
func (g *GitHub) raw(w http.ResponseWriter, r *http.Request, asked file) {
	content, ok := g.get(asked)
	if !ok || !g.accepts(r) && r.URL.Query().Get("token") != g.sign(asked) {
		http.Error(w, "404: Not Found", http.StatusNotFound)
		return
	}
	write(w, content)
}

func (g *GitHub) downloadURL(r *http.Request, asked file) string {
	base := g.RawBase
	if base == "" {
		base = "http://" + r.Host
		if r.TLS != nil {
			base = "https://" + r.Host
		}
	}
	address := fmt.Sprintf("%s/raw/%s/%s/%s", base, asked.repository, asked.ref, asked.path)
	if g.Token != "" || g.Username != "" {
		address += "?token=" + g.sign(asked)
	}
	return address
}

// sign makes the token that GitHub puts into the download URLs of private files.
func (g *GitHub) sign(asked file) string {
	sum := sha256.Sum256([]byte(g.Token + g.Password + asked.repository + asked.ref + asked.path))
	return hex.EncodeToString(sum[:8])
}

func (g *GitHub) accepts(r *http.Request) bool {
	if g.Token == "" && g.Username == "" {
		return true
	}
	if user, password, ok := r.BasicAuth(); ok && g.Username != "" {
		return user == g.Username && password == g.Password
	}
	header := r.Header.Get("Authorization")
	return g.Token != "" && (header == "token "+g.Token || header == "Bearer "+g.Token)
}

func (g *GitHub) get(asked file) ([]byte, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	content, ok := g.files[asked]
	return content, ok
}

func (g *GitHub) isDirectory(asked file) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for known := range g.files {
		if known.repository == asked.repository && known.ref == asked.ref && strings.HasPrefix(known.path, asked.path+"/") {
			return true
		}
	}
	return false
}

func fail(w http.ResponseWriter, status int, message string) {
	writeJSON(w, status, map[string]any{"message": message, "documentation_url": "https://docs.github.com/rest"})
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	text, err := json.Marshal(value)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	write(w, text)
}

// write sends a body. A client that is gone is no concern of a test server.
func write(w http.ResponseWriter, body []byte) {
	_, _ = w.Write(body)
}
