package kubelet

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// followEvery is how often a followed log looks whether its container is gone.
const followEvery = 200 * time.Millisecond

// newLogServer answers what the API server asks of kubelets: logs only.
func (k *kubelet) newLogServer(certificate tls.Certificate) *http.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /containerLogs/{namespace}/{pod}/{container}", k.serveLog)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "the stand-in kubelet runs no containers: only logs are served", http.StatusNotImplemented)
	})
	return &http.Server{
		Handler:           mux,
		ReadHeaderTimeout: 10 * time.Second,
		TLSConfig:         &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12},
	}
}

func serveTLS(server *http.Server, l net.Listener) error {
	if err := server.ServeTLS(l, "", ""); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve logs: %w", err)
	}
	return nil
}

func (k *kubelet) serveLog(w http.ResponseWriter, r *http.Request) {
	namespace, name, container := r.PathValue("namespace"), r.PathValue("pod"), r.PathValue("container")
	pod, err := k.pods.Pods(namespace).Get(name)
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	query := r.URL.Query()
	status := statusOf(pod, container)
	if waiting := status.State.Waiting; waiting != nil && waiting.Reason != "CrashLoopBackOff" {
		http.Error(w, fmt.Sprintf("container %q in pod %q is waiting to start: %s", container, name, waiting.Message), http.StatusBadRequest)
		return
	}
	if query.Get("previous") == "true" && status.RestartCount == 0 {
		http.Error(w, fmt.Sprintf("previous terminated container %q in pod %q not found", container, name), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, cut(pod.Annotations[logAnnotation], query.Get("tailLines"), query.Get("limitBytes")))
	if query.Get("follow") == "true" {
		k.follow(w, r, namespace, name)
	}
}

// follow keeps the answer open until the Pod has ended.
func (k *kubelet) follow(w http.ResponseWriter, r *http.Request, namespace, name string) {
	if err := http.NewResponseController(w).Flush(); err != nil {
		return
	}
	ticker := time.NewTicker(followEvery)
	defer ticker.Stop()
	for {
		pod, err := k.pods.Pods(namespace).Get(name)
		if err != nil || terminal(pod) || pod.DeletionTimestamp != nil {
			return
		}
		select {
		case <-ticker.C:
		case <-k.stopped:
			return
		case <-r.Context().Done():
			return
		}
	}
}

func statusOf(pod *corev1.Pod, container string) corev1.ContainerStatus {
	for _, c := range append(pod.Status.ContainerStatuses, pod.Status.InitContainerStatuses...) {
		if c.Name == container {
			return c
		}
	}
	return corev1.ContainerStatus{}
}

// cut keeps the last lines and then the first bytes of text, as kubectl logs
// --tail and --limit-bytes ask. Empty or unreadable limits do not limit.
func cut(text, tailLines, limitBytes string) string {
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	if n, err := strconv.Atoi(tailLines); err == nil && n >= 0 {
		lines := strings.SplitAfter(text, "\n")
		lines = lines[:len(lines)-1] // what follows the last newline is empty
		text = strings.Join(lines[max(0, len(lines)-n):], "")
	}
	if n, err := strconv.Atoi(limitBytes); err == nil && n >= 0 && n < len(text) {
		text = text[:n]
	}
	return text
}
