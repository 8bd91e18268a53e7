package registry

import (
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	ociregistry "github.com/google/go-containerregistry/pkg/registry"
)

// Config says where a Server keeps its data and listens.
type Config struct {
	// Dir keeps blobs, manifests and the signing key of tokens. It is made if
	// missing; a Server that starts in a used folder serves what is there.
	Dir string
	// RegistryAddr is the host:port of the anonymous registry and of the admin
	// endpoint; port 0 takes a free one.
	RegistryAddr string
	// ECRAddr is the host:port of the ECR API and its registry.
	ECRAddr string
	// Log receives one record for each refused or failed request.
	Log *slog.Logger
}

// Server is a running registry. Its admin endpoint, below /admin/ at the
// anonymous address, takes:
//
//	POST   /admin/push    {"images":["NAME:TAG", ...]}  push one new image under all names
//	POST   /admin/token                                 issue an ECR password
//	POST   /admin/clock   {"advance":"13h"}             move the clock that tokens and dates use
//	GET    /admin/faults                                list the faults with their hit counts
//	POST   /admin/faults  a Fault                       add a fault
//	DELETE /admin/faults                                forget all faults
type Server struct {
	store    *store
	oci      http.Handler
	tokens   *tokens
	clock    *clock
	faults   *faults
	log      *slog.Logger
	registry net.Listener
	ecr      net.Listener
	servers  []*http.Server
	running  sync.WaitGroup
	pushing  sync.Mutex // keeps the store and the OCI handler in the same order
}

// Start opens both addresses and serves them until Close.
func Start(cfg Config) (*Server, error) {
	blobs := filepath.Join(cfg.Dir, "blobs")
	if err := os.MkdirAll(blobs, 0o700); err != nil {
		return nil, fmt.Errorf("registry: make its folder: %w", err)
	}
	s := &Server{
		clock:  &clock{},
		faults: &faults{},
		log:    cfg.Log,
		oci: ociregistry.New(
			ociregistry.Logger(log.New(io.Discard, "", 0)),
			ociregistry.WithBlobHandler(ociregistry.NewDiskBlobHandler(blobs)),
			ociregistry.WithReferrersSupport(true)),
	}
	var err error
	if s.tokens, err = loadTokens(filepath.Join(cfg.Dir, "token.key"), s.clock); err != nil {
		return nil, err
	}
	if s.store, err = openStore(filepath.Join(cfg.Dir, "journal.jsonl"), s.clock, s.restore); err != nil {
		return nil, err
	}
	if err := s.listen(cfg); err != nil {
		return nil, errors.Join(err, s.store.close())
	}
	s.serve(s.registry, s.publicHandler())
	s.serve(s.ecr, s.ecrHandler())
	return s, nil
}

func (s *Server) listen(cfg Config) error {
	var err error
	if s.registry, err = net.Listen("tcp", cfg.RegistryAddr); err != nil {
		return fmt.Errorf("registry: listen: %w", err)
	}
	if s.ecr, err = net.Listen("tcp", cfg.ECRAddr); err != nil {
		return errors.Join(fmt.Errorf("ecr: listen: %w", err), s.registry.Close())
	}
	return nil
}

func (s *Server) serve(l net.Listener, h http.Handler) {
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	s.servers = append(s.servers, server)
	s.running.Go(func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("registry stopped", "address", l.Addr().String(), "error", err)
		}
	})
}

// Registry is the host:port of the anonymous registry.
func (s *Server) Registry() string { return s.registry.Addr().String() }

// ECR is the endpoint URL of the ECR API, for AWS_ENDPOINT_URL_ECR. Its host
// is also the registry host in repositoryUri and proxyEndpoint.
func (s *Server) ECR() string { return "http://" + s.ecr.Addr().String() }

// Admin is the URL of the admin endpoint.
func (s *Server) Admin() string { return "http://" + s.Registry() + "/admin" }

// Close stops both servers, cutting the requests under way.
func (s *Server) Close() error {
	var errs []error
	for _, server := range s.servers {
		errs = append(errs, server.Close())
	}
	s.running.Wait()
	return errors.Join(append(errs, s.store.close())...)
}

func (s *Server) publicHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/v2/", s.ociHandler(anonymous))
	s.registerAdmin(mux)
	return mux
}

func (s *Server) ecrHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/v2/", s.ociHandler(private))
	mux.HandleFunc("POST /{$}", s.serveECR)
	return mux
}
