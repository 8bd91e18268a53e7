package world

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// GitHub is a server with files, in the shape of GitHub's contents API.
type GitHub struct {
	// URL is the server's address.
	URL string
}

// serveGitHub serves files by name.
func (w *World) serveGitHub(files map[string][]byte) (g GitHub, err error) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /repos/gennaker/charts/contents/{name}", func(w http.ResponseWriter, r *http.Request) {
		name := r.PathValue("name")
		if _, ok := files[name]; !ok {
			http.NotFound(w, r)
			return
		}
		writeJSON(w, r, map[string]string{"name": name, "download_url": "http://" + r.Host + "/raw/" + name})
	})
	mux.HandleFunc("GET /raw/{name}", func(w http.ResponseWriter, r *http.Request) {
		data, ok := files[r.PathValue("name")]
		if !ok {
			http.NotFound(w, r)
			return
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
	})
	g.URL, err = w.serve(mux)
	return g, err
}

// Reference is what an artifact of type github/file calls a file.
func (g GitHub) Reference(name string) string {
	return strings.Join([]string{g.URL, "repos/gennaker/charts/contents", name}, "/")
}

func writeJSON(w http.ResponseWriter, r *http.Request, value any) {
	text, err := json.Marshal(value)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(text))
}
