package registry

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// maxAdminBody bounds a request to the admin endpoint, in bytes.
const maxAdminBody = 64 << 10

// Pushed is the answer of POST /admin/push.
type Pushed struct {
	// Digest is the digest of the new image's manifest.
	Digest string `json:"digest"`
	// Images are the names pushed, with the host of the anonymous registry.
	Images []string `json:"images"`
}

// Token is the answer of POST /admin/token: what a node of the cluster would
// get from ECR for its own pulls.
type Token struct {
	User     string    `json:"user"`
	Password string    `json:"password"`
	Expires  time.Time `json:"expires"`
}

func (s *Server) registerAdmin(mux *http.ServeMux) {
	handle := func(pattern string, h func(*http.Request) (any, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(w, r.Body, maxAdminBody)
			answer, err := h(r)
			if err != nil {
				s.log.Error("admin", "request", pattern, "error", err)
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			writeJSON(w, "application/json", http.StatusOK, answer)
		})
	}
	handle("POST /admin/push", s.adminPush)
	handle("POST /admin/clock", s.adminClock)
	handle("POST /admin/token", func(*http.Request) (any, error) {
		password, expires := s.tokens.issue()
		return Token{User: "AWS", Password: password, Expires: expires}, nil
	})
	handle("GET /admin/faults", func(*http.Request) (any, error) { return s.faults.all(), nil })
	handle("DELETE /admin/faults", func(*http.Request) (any, error) {
		s.faults.clear()
		return s.faults.all(), nil
	})
	handle("POST /admin/faults", func(r *http.Request) (any, error) {
		f, err := decodeFault(r)
		if err != nil {
			return nil, err
		}
		s.faults.add(f)
		return s.faults.all(), nil
	})
}

func (s *Server) adminPush(r *http.Request) (any, error) {
	var request struct {
		Images []string `json:"images"`
	}
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		return nil, fmt.Errorf("push: %w", err)
	}
	if len(request.Images) == 0 {
		return nil, fmt.Errorf("push: no image named")
	}
	img, err := random.Image(64, 1)
	if err != nil {
		return nil, err
	}
	digest, err := img.Digest()
	if err != nil {
		return nil, err
	}
	answer := Pushed{Digest: digest.String()}
	for _, image := range request.Images {
		full, err := s.pushImage(r, image, img)
		if err != nil {
			return nil, err
		}
		answer.Images = append(answer.Images, full)
	}
	return answer, nil
}

// pushImage pushes as any client would, so that faults apply to it.
func (s *Server) pushImage(r *http.Request, image string, img v1.Image) (string, error) {
	tag, err := name.NewTag(s.Registry()+"/"+image, name.StrictValidation, name.Insecure)
	if err != nil {
		return "", fmt.Errorf("push %q: want NAME:TAG: %w", image, err)
	}
	if _, _, err := s.store.create(tag.RepositoryStr()); err != nil {
		return "", err
	}
	if err := remote.Write(tag, img, remote.WithContext(r.Context())); err != nil {
		return "", fmt.Errorf("push %q: %w", image, err)
	}
	return tag.String(), nil
}

func (s *Server) adminClock(r *http.Request) (any, error) {
	var request struct {
		Advance string `json:"advance"`
	}
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		return nil, fmt.Errorf("clock: %w", err)
	}
	d, err := time.ParseDuration(request.Advance)
	if err != nil {
		return nil, fmt.Errorf("clock: %w", err)
	}
	s.clock.advance(d)
	return map[string]time.Time{"now": s.clock.now()}, nil
}
