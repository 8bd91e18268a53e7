package world

import "net/http"

// StandIn serves the application in place of its Ingress: the stand-in kubelet runs no containers, so it answers with the
// image that it reads from the Deployment in the API server. It returns its address.
func (w *World) StandIn() (url string, err error) {
	url, err = w.serve(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		image, err := w.Cluster.Image(r.Context())
		if err != nil {
			http.Error(rw, err.Error(), http.StatusBadGateway)
			return
		}
		writeJSON(rw, r, map[string]string{"image": image})
	}))
	return url + "/", err
}
