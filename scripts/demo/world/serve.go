package world

import (
	"net"
	"net/http"
	"time"
)

// serve answers requests at a free port of the loopback interface until the world closes.
func (w *World) serve(handler http.Handler) (url string, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	w.closers = append(w.closers, func() error {
		err := server.Close()
		<-served
		return err
	})
	return "http://" + listener.Addr().String(), nil
}
