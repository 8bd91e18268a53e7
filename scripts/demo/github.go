package main

import (
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"time"
)

// github is a server with files, in the shape of GitHub's contents API.
type github struct {
	URL    string
	server *http.Server
	served chan error
}

// newGitHub serves files by name.
func newGitHub(files map[string][]byte) (*github, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	g := &github{URL: "http://" + listener.Addr().String(), served: make(chan error, 1)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /repos/gennaker/charts/contents/{name}", func(w http.ResponseWriter, r *http.Request) {
		name := r.PathValue("name")
		if _, ok := files[name]; !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(map[string]string{"name": name, "download_url": g.URL + "/raw/" + name}); err != nil {
			say("GitHub-shaped server: %v", err)
		}
	})
	mux.HandleFunc("GET /raw/{name}", func(w http.ResponseWriter, r *http.Request) {
		data, ok := files[r.PathValue("name")]
		if !ok {
			http.NotFound(w, r)
			return
		}
		if _, err := w.Write(data); err != nil {
			say("GitHub-shaped server: %v", err)
		}
	})
	g.server = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() { g.served <- g.server.Serve(listener) }()
	return g, nil
}

// Reference is what an artifact of type github/file calls a file.
func (g *github) Reference(name string) string {
	return strings.Join([]string{g.URL, "repos/gennaker/charts/contents", name}, "/")
}

// Close ends the server.
func (g *github) Close() error {
	err := g.server.Close()
	<-g.served
	return err
}
