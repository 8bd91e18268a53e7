package jenkinstest

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// send writes an answer the way its kind and its faults ask for.
func (s *Server) send(w http.ResponseWriter, r *http.Request, a answer) {
	for name, values := range a.header {
		w.Header()[name] = values
	}
	if a.header.Get("Date") == "" {
		w.Header()["Date"] = nil // net/http would add one
	}
	if a.zip && len(a.body) > 0 && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		a.body, a.chunked = s.compressed(a.body), true
		w.Header().Set("Content-Encoding", "gzip")
	}
	isFile := w.Header().Get("Accept-Ranges") != ""
	if !a.chunked && (isFile || a.cut > 0 || len(a.body) < chunkedFrom) && a.status != http.StatusNoContent && a.status != http.StatusNotModified {
		w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	w.WriteHeader(a.status)
	if r.Method == http.MethodHead {
		return
	}
	if !s.writeBody(w, r, a) {
		panic(http.ErrAbortHandler) // ends the connection in the middle
	}
}

// writeBody reports whether the body is complete.
func (s *Server) writeBody(w http.ResponseWriter, r *http.Request, a answer) bool {
	body := a.body
	if a.cut > 0 && a.cut < len(body) {
		body = body[:a.cut]
	}
	complete := len(body) == len(a.body)
	if a.pace > 0 {
		return s.writeSlowly(w, r, body, a.pace) && complete
	}
	if _, err := w.Write(body); err != nil {
		return false
	}
	if a.chunked || !complete {
		flush(w)
	}
	return complete
}

// writeSlowly sends so many bytes per second, in tenths of a second.
func (s *Server) writeSlowly(w http.ResponseWriter, r *http.Request, body []byte, perSecond int) bool {
	step, pause := max(perSecond/10, 1), 100*time.Millisecond
	if perSecond < 10 {
		pause = time.Second / time.Duration(perSecond)
	}
	for chunk := range slices.Chunk(body, step) {
		if _, err := w.Write(chunk); err != nil {
			return false
		}
		flush(w)
		if !s.wait(r, pause) {
			return false
		}
	}
	return true
}

func flush(w http.ResponseWriter) {
	if f, ok := w.(http.Flusher); ok {
		f.Flush()
	}
}

// compressed packs a body. Writers are large, so a server keeps them.
func (s *Server) compressed(body []byte) []byte {
	var buffer bytes.Buffer
	z, ok := s.zippers.Get().(*gzip.Writer)
	if !ok {
		z = gzip.NewWriter(&buffer)
	}
	defer s.zippers.Put(z)
	z.Reset(&buffer)
	// A bytes.Buffer does not fail.
	_, _ = z.Write(body)
	_ = z.Close()
	return buffer.Bytes()
}
