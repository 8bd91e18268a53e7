package git

import (
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/transport"
)

var (
	fullCommit = regexp.MustCompile(`^[0-9a-f]{40}$`)
	someCommit = regexp.MustCompile(`^[0-9a-f]{7,40}$`)
)

// want is what to ask a server for.
type want struct {
	version string
	hash    plumbing.Hash
	// all asks for everything: the server does not give single commits.
	all bool
}

// choose finds what a version means: a branch, a tag, or a commit, in that order.
func choose(advertised *packp.AdvRefs, version string) (*want, error) {
	for _, name := range []string{"refs/heads/" + version, "refs/tags/" + version, version} {
		if hash, ok := advertised.References[name]; ok {
			return &want{version: version, hash: hash}, nil
		}
	}
	if version == "HEAD" && advertised.Head != nil {
		return &want{version: version, hash: *advertised.Head}, nil
	}
	if !someCommit.MatchString(version) {
		return nil, missing(advertised, version)
	}
	if fullCommit.MatchString(version) && (isTip(advertised, version) || givesCommits(advertised.Capabilities)) {
		return &want{version: version, hash: plumbing.NewHash(version)}, nil
	}
	return &want{version: version, all: true}, nil
}

func isTip(advertised *packp.AdvRefs, version string) bool {
	for _, hash := range advertised.References {
		if hash.String() == version {
			return true
		}
	}
	return false
}

// givesCommits says whether a server lets clients ask for commits that no branch ends with.
func givesCommits(capabilities *capability.List) bool {
	return slices.ContainsFunc([]capability.Capability{capability.AllowReachableSHA1InWant, "allow-any-sha1-in-want"}, capabilities.Supports)
}

func missing(advertised *packp.AdvRefs, version string) error {
	e := &MissingError{text: fmt.Sprintf("the repository has no branch or tag %q", version)}
	for _, link := range advertised.Capabilities.Get(capability.SymRef) {
		if branch, ok := strings.CutPrefix(link, "HEAD:refs/heads/"); ok {
			e.advice = fmt.Sprintf("Its default branch is %q: set the artifact's version", branch)
		}
	}
	return e
}

// request asks for the version's files alone where the server can do that.
func (w *want) request(advertised *packp.AdvRefs) (*packp.UploadPackRequest, error) {
	transport.FilterUnsupportedCapabilities(advertised.Capabilities)
	request := packp.NewUploadPackRequestFromCapabilities(advertised.Capabilities)
	if w.all {
		request.Wants = tips(advertised)
		return request, nil
	}
	request.Wants = []plumbing.Hash{w.hash}
	if !advertised.Capabilities.Supports(capability.Shallow) {
		return request, nil
	}
	request.Depth = packp.DepthCommits(1)
	return request, request.Capabilities.Set(capability.Shallow)
}

// tips are what all branches and tags end with.
func tips(advertised *packp.AdvRefs) []plumbing.Hash {
	var hashes []plumbing.Hash
	for name, hash := range advertised.References {
		if strings.HasPrefix(name, "refs/heads/") || strings.HasPrefix(name, "refs/tags/") {
			hashes = append(hashes, hash)
		}
	}
	plumbing.HashesSort(hashes)
	return slices.Compact(hashes)
}

// prefix is the whole bytes of an abbreviated commit.
func (w *want) prefix() []byte {
	prefix, err := hex.DecodeString(w.version[:len(w.version)/2*2])
	if err != nil {
		return nil
	}
	return prefix
}

func (w *want) matches(hash plumbing.Hash) bool { return strings.HasPrefix(hash.String(), w.version) }
