package registry

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// maxManifest is the largest manifest accepted, in bytes, as in most registries.
const maxManifest = 4 << 20

// access is the rule set of one registry address.
type access int

const (
	anonymous access = iota // no credentials; a push makes its repository
	private                 // ECR's rules
)

// ociHandler serves the OCI distribution API (opencontainers/distribution-spec
// spec.md) under the rules of a.
func (s *Server) ociHandler(a access) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f := s.faults.take(targetRegistry, r.Method); f != nil && !f.hold(r) {
			f.answerRegistry(w)
			return
		}
		if a == private && !s.authorized(r) {
			w.Header().Set("WWW-Authenticate", `Basic realm="ecr"`)
			ociError(w, http.StatusUnauthorized, "UNAUTHORIZED", "no valid token: the token may have expired")
			return
		}
		repo, _ := splitPath(r.URL.Path)
		if a == private && repo != "" && !s.store.exists(repo) {
			ociError(w, http.StatusNotFound, "NAME_UNKNOWN", fmt.Sprintf(
				"The repository with name '%s' does not exist in the registry with id '%s'", repo, accountID))
			return
		}
		switch {
		case r.Method == http.MethodDelete:
			ociError(w, http.StatusMethodNotAllowed, "UNSUPPORTED", "images cannot be deleted here")
		case r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/manifests/"):
			s.putManifest(w, r)
		default:
			s.oci.ServeHTTP(w, r)
		}
	})
}

func (s *Server) authorized(r *http.Request) bool {
	user, password, ok := r.BasicAuth()
	return ok && user == "AWS" && s.tokens.valid(password)
}

// splitPath takes the repository and the tag or digest from /v2/REPO/KIND/REF.
func splitPath(path string) (repo, ref string) {
	path = strings.TrimPrefix(path, "/v2/")
	for _, kind := range []string{"/manifests/", "/blobs/", "/tags/", "/referrers/"} {
		if repo, ref, ok := strings.Cut(path, kind); ok {
			return repo, ref
		}
	}
	return "", ""
}

func (s *Server) putManifest(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxManifest))
	if err != nil {
		ociError(w, http.StatusRequestEntityTooLarge, "SIZE_INVALID", err.Error())
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	s.pushing.Lock()
	defer s.pushing.Unlock()
	answer := &recorder{header: http.Header{}}
	s.oci.ServeHTTP(answer, r)
	if answer.status == http.StatusCreated {
		repo, ref := splitPath(r.URL.Path)
		e := entry{Repository: repo, Reference: ref, MediaType: r.Header.Get("Content-Type"), Manifest: body}
		if err := s.store.push(e); err != nil {
			s.log.Error("push", "repository", repo, "error", err)
			ociError(w, http.StatusInternalServerError, "UNKNOWN", err.Error())
			return
		}
	}
	answer.copyTo(w)
}

// restore gives a manifest from the journal back to the OCI handler.
func (s *Server) restore(e entry) error {
	r, err := http.NewRequest(http.MethodPut, "/v2/"+e.Repository+"/manifests/"+e.Reference, bytes.NewReader(e.Manifest))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", e.MediaType)
	answer := &recorder{header: http.Header{}}
	s.oci.ServeHTTP(answer, r)
	if answer.status != http.StatusCreated {
		return fmt.Errorf("%d %s", answer.status, answer.body.String())
	}
	return nil
}

// recorder keeps an answer until it is known whether it may be given.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header { return r.header }

func (r *recorder) WriteHeader(status int) { r.status = status }

func (r *recorder) Write(p []byte) (int, error) { return r.body.Write(p) }

func (r *recorder) copyTo(w http.ResponseWriter) {
	for k, v := range r.header {
		w.Header()[k] = v
	}
	w.WriteHeader(r.status)
	_, _ = w.Write(r.body.Bytes()) // the client is gone: nobody to tell
}

// ociError answers with the error body of the distribution specification.
func ociError(w http.ResponseWriter, status int, code, message string) {
	type detail struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	writeJSON(w, "application/json", status, map[string][]detail{"errors": {{code, message}}})
}

func writeJSON(w http.ResponseWriter, contentType string, status int, body any) {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client is gone: nobody to tell
}
