package world

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"time"
)

// GitHub is a server with files, in the shape of GitHub's contents API.
type GitHub struct {
	// URL is the server's address.
	URL    string
	server *http.Server
	served chan error
}

// newGitHub serves files by name.
func newGitHub(files map[string][]byte) (*GitHub, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	g := &GitHub{URL: "http://" + listener.Addr().String(), served: make(chan error, 1)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /repos/gennaker/charts/contents/{name}", func(w http.ResponseWriter, r *http.Request) {
		name := r.PathValue("name")
		if _, ok := files[name]; !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		answer, err := json.Marshal(map[string]string{"name": name, "download_url": g.URL + "/raw/" + name})
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(answer))
	})
	mux.HandleFunc("GET /raw/{name}", func(w http.ResponseWriter, r *http.Request) {
		data, ok := files[r.PathValue("name")]
		if !ok {
			http.NotFound(w, r)
			return
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
	})
	g.server = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() { g.served <- g.server.Serve(listener) }()
	return g, nil
}

// Reference is what an artifact of type github/file calls a file.
func (g *GitHub) Reference(name string) string {
	return strings.Join([]string{g.URL, "repos/gennaker/charts/contents", name}, "/")
}

// Close ends the server.
func (g *GitHub) Close() error {
	err := g.server.Close()
	<-g.served
	return err
}
