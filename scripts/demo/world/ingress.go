package world

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"time"
)

// StandIn serves the application in place of its Ingress: the stand-in kubelet runs no containers, so it answers with the
// image that it reads from the Deployment in the API server. It returns its address.
func (w *World) StandIn() (url string, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	server := &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		image, err := w.Cluster.Image(r.Context())
		if err != nil {
			http.Error(rw, err.Error(), http.StatusBadGateway)
			return
		}
		answer, err := json.Marshal(map[string]string{"image": image})
		if err != nil {
			http.Error(rw, err.Error(), http.StatusInternalServerError)
			return
		}
		rw.Header().Set("Content-Type", "application/json")
		http.ServeContent(rw, r, "", time.Time{}, bytes.NewReader(answer))
	})}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	w.closers = append(w.closers, func() error {
		err := server.Close()
		<-served
		return err
	})
	return "http://" + listener.Addr().String() + "/", nil
}
