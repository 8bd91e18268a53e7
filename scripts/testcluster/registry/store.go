package registry

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// store records repositories and pushed manifests, in memory and as a journal.
type store struct {
	clock   *clock
	journal *os.File

	mu    sync.Mutex
	repos map[string]*repository
}

type repository struct {
	name    string
	created time.Time
	images  map[string]*image // by digest
}

// image is one manifest with what ECR reports of it.
type image struct {
	digest       string
	tags         []string
	mediaType    string
	artifactType string
	size         int64
	pushed       time.Time
	manifest     []byte
}

// entry is one line of the journal: a repository made (Manifest nil) or a
// manifest pushed.
type entry struct {
	Time       time.Time `json:"time"`
	Repository string    `json:"repository"`
	Reference  string    `json:"reference,omitempty"`
	MediaType  string    `json:"mediaType,omitempty"`
	Manifest   []byte    `json:"manifest,omitempty"`
}

// openStore replays the journal at path, handing every pushed manifest to
// restore, and opens it for appending.
func openStore(path string, c *clock, restore func(entry) error) (*store, error) {
	s := &store{clock: c, repos: map[string]*repository{}}
	old, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("registry: read journal: %w", err)
	}
	lines := bufio.NewReader(bytes.NewReader(old))
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			break // a line cut short by a kill was never acknowledged
		}
		var e entry
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("registry: journal %s: %w", path, err)
		}
		if e.Manifest != nil {
			if err := restore(e); err != nil {
				return nil, fmt.Errorf("registry: restore %s:%s: %w", e.Repository, e.Reference, err)
			}
		}
		s.apply(e)
	}
	s.journal, err = os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("registry: open journal: %w", err)
	}
	return s, nil
}

func (s *store) close() error { return s.journal.Close() }

// create makes a repository and reports whether it is new.
func (s *store) create(name string) (repo repository, isNew bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if isNew = s.repos[name] == nil; isNew {
		if err := s.commit(entry{Repository: name}); err != nil {
			return repository{}, false, err
		}
	}
	return repository{name: name, created: s.repos[name].created}, isNew, nil
}

// push records a manifest under a tag or its digest.
func (s *store) push(e entry) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.commit(e)
}

func (s *store) commit(e entry) error {
	e.Time = s.clock.now().UTC()
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if _, err := s.journal.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("registry: write journal: %w", err)
	}
	s.apply(e)
	return nil
}

func (s *store) apply(e entry) {
	repo := s.repos[e.Repository]
	if repo == nil {
		repo = &repository{name: e.Repository, created: e.Time, images: map[string]*image{}}
		s.repos[e.Repository] = repo
	}
	if e.Manifest == nil {
		return
	}
	img := newImage(e, repo)
	if known := repo.images[img.digest]; known != nil {
		img = known
	}
	repo.images[img.digest] = img
	if strings.HasPrefix(e.Reference, "sha256:") {
		return
	}
	for _, other := range repo.images {
		other.tags = slices.DeleteFunc(other.tags, func(tag string) bool { return tag == e.Reference })
	}
	img.tags = append(img.tags, e.Reference)
}

// newImage works out what ECR would report of a manifest. The size is that of
// the layers; an index has the size of its largest member.
func newImage(e entry, repo *repository) *image {
	sum := sha256.Sum256(e.Manifest)
	img := &image{
		digest:    "sha256:" + hex.EncodeToString(sum[:]),
		mediaType: e.MediaType,
		pushed:    e.Time,
		manifest:  e.Manifest,
	}
	if types.MediaType(e.MediaType).IsIndex() {
		index, err := v1.ParseIndexManifest(bytes.NewReader(e.Manifest))
		if err != nil {
			return img // the OCI handler accepted it; only the size is unknown
		}
		for _, member := range index.Manifests {
			if m := repo.images[member.Digest.String()]; m != nil {
				img.size = max(img.size, m.size)
			}
		}
		return img
	}
	manifest, err := v1.ParseManifest(bytes.NewReader(e.Manifest))
	if err != nil {
		return img
	}
	img.artifactType = string(manifest.Config.MediaType)
	for _, layer := range manifest.Layers {
		img.size += layer.Size
	}
	return img
}

// exists reports whether the repository is there.
func (s *store) exists(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.repos[name] != nil
}

// repositories returns copies of all repositories, by name, without images.
func (s *store) repositories() []repository {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []repository
	for _, name := range slices.Sorted(maps.Keys(s.repos)) {
		all = append(all, repository{name: name, created: s.repos[name].created})
	}
	return all
}

// images returns copies of a repository's images by digest, which is as
// unrelated to their age as the order of the real service.
func (s *store) images(name string) (all []image, found bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	repo := s.repos[name]
	if repo == nil {
		return nil, false
	}
	for _, digest := range slices.Sorted(maps.Keys(repo.images)) {
		img := *repo.images[digest]
		img.tags = slices.Clone(img.tags)
		all = append(all, img)
	}
	return all, true
}
