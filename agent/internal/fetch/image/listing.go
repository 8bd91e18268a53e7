package image

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sync/errgroup"
)

// ErrNoRepository says that an account has no repository of that name.
var ErrNoRepository = errors.New("no such repository")

const (
	// maxPage bounds one answer of a registry, maxManifest a manifest, both in bytes.
	maxPage     = 8 << 20
	maxManifest = 4 << 20
	// maxPages bounds how many answers a list may be spread over, maxTags and maxRepositories how long it may be.
	maxPages        = 1000
	maxTags         = 50_000
	maxRepositories = 10_000
	// defaultPage is how many names are asked for at a time.
	defaultPage = 1000
	// headsAtOnce is how many manifests of a repository are asked for at a time.
	headsAtOnce = 4
	// longestPause is the longest that a registry may ask to be left alone.
	longestPause = 10 * time.Minute
)

// Tag is a tag of a repository.
type Tag struct {
	Name string
	// Digest is "sha256:…"; empty where the list does not say.
	Digest string
	// Pushed is when the image came; zero where nobody says.
	Pushed time.Time
}

// validTag is a tag as the distribution specification allows it.
var validTag = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)

// Host is the registry's host, as image references name it.
func (r *Registry) Host(context.Context, string) (string, error) { return r.host, nil }

// Tags lists the tags of a repository; the registry's protocol does not say their digests. A repository that is not there
// is ErrNoRepository; other errors are *Error.
func (r *Registry) Tags(ctx context.Context, repository string) ([]Tag, error) {
	client, err := r.client(ctx, repository)
	if err != nil {
		return nil, r.failure(ctx, repository, "", err)
	}
	var tags []Tag
	read := func(body []byte) error {
		page, err := readTags(body)
		if err != nil {
			return err
		}
		if tags = append(tags, page...); len(tags) > maxTags {
			return fmt.Errorf("it has more than %d tags. Delete those that nobody needs", maxTags)
		}
		return nil
	}
	if err := r.pages(ctx, client, "/v2/"+repository+"/tags/list", read); err != nil {
		return nil, r.failure(ctx, repository, "", err)
	}
	return tags, nil
}

// readTags reads a page of a list of tags. What is no tag cannot be pulled, whoever put it there, and is left out.
func readTags(body []byte) ([]Tag, error) {
	var page struct {
		Tags []string `json:"tags"`
	}
	if err := json.Unmarshal(body, &page); err != nil {
		return nil, fmt.Errorf("the list of tags is not JSON: %w", err)
	}
	var tags []Tag
	for _, tag := range page.Tags {
		if validTag.MatchString(tag) {
			tags = append(tags, Tag{Name: tag})
		}
	}
	return tags, nil
}

// Catalog lists the registry's repositories. Its errors are *Error.
func (r *Registry) Catalog(ctx context.Context) ([]string, error) {
	client, err := r.client(ctx, "")
	if err != nil {
		return nil, r.failure(ctx, "_catalog", "", err)
	}
	var repositories []string
	read := func(body []byte) error {
		var page struct {
			Repositories []string `json:"repositories"`
		}
		if err := json.Unmarshal(body, &page); err != nil {
			return fmt.Errorf("the catalog is not JSON: %w", err)
		}
		if repositories = append(repositories, page.Repositories...); len(repositories) > maxRepositories {
			return fmt.Errorf("it has more than %d repositories. Name those you need in the account's repositories", maxRepositories)
		}
		return nil
	}
	if err := r.pages(ctx, client, "/v2/_catalog", read); err != nil {
		return nil, r.failure(ctx, "_catalog", "", err)
	}
	return repositories, nil
}

// Describe returns the tags of a repository with their digests. Tags that are not there are left out; the others are
// returned even if there is an error for some, which is an *Error.
func (r *Registry) Describe(ctx context.Context, repository string, tags []string) ([]Tag, error) {
	client, err := r.client(ctx, repository)
	if err != nil {
		return nil, r.failure(ctx, repository, "", err)
	}
	found, errs := make([]Tag, len(tags)), make([]error, len(tags))
	var group errgroup.Group
	group.SetLimit(headsAtOnce)
	for i, tag := range tags {
		group.Go(func() error {
			digest, err := r.digest(ctx, client, repository, tag)
			var answer *transport.Error
			switch {
			case errors.As(err, &answer) && answer.StatusCode == http.StatusNotFound:
			case err != nil:
				errs[i] = r.failure(ctx, repository, tag, err)
			default:
				found[i] = Tag{Name: tag, Digest: digest}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var out []Tag
	for i := range found {
		if found[i].Name != "" {
			out = append(out, found[i])
		}
		err = firstOf(err, errs[i])
	}
	return out, err
}

// firstOf keeps the first error: a registry in trouble gives the same one for every tag.
func firstOf(first, next error) error {
	if first != nil {
		return first
	}
	return next
}

// digest asks for a tag's digest with a HEAD request, which registries do not count as a pull; one that does not say it is
// asked for the manifest itself.
func (r *Registry) digest(ctx context.Context, client *http.Client, repository, tag string) (string, error) {
	address := r.address("/v2/" + repository + "/manifests/" + tag)
	header, _, err := get(ctx, client, http.MethodHead, address, 0)
	if err != nil {
		return "", err
	}
	if said := header.Get("Docker-Content-Digest"); said != "" {
		digest, err := v1.NewHash(said)
		if err != nil {
			return "", fmt.Errorf("it says that the digest is %q, which is none", clipped(said))
		}
		return digest.String(), nil
	}
	header, manifest, err := get(ctx, client, http.MethodGet, address, maxManifest)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(manifest)
	digest := "sha256:" + hex.EncodeToString(sum[:])
	if said := header.Get("Docker-Content-Digest"); said != "" && said != digest {
		return "", fmt.Errorf("it says that the digest is %q, and sends a manifest of digest %s", clipped(said), digest)
	}
	if parsed, err := v1.ParseManifest(bytes.NewReader(manifest)); err != nil || parsed.SchemaVersion == 0 {
		return "", errors.New("what it sends is no manifest")
	}
	return digest, nil
}

// pages reads a list page by page, following Link headers on the same host.
func (r *Registry) pages(ctx context.Context, client *http.Client, path string, read func(body []byte) error) error {
	next := r.address(path)
	next.RawQuery = url.Values{"n": {strconv.Itoa(r.page())}}.Encode()
	seen := map[string]bool{}
	for range maxPages {
		seen[next.String()] = true
		header, body, err := get(ctx, client, http.MethodGet, next, maxPage)
		if err != nil {
			return err
		}
		if err := read(body); err != nil {
			return err
		}
		following, err := nextPage(next, header.Get("Link"))
		if err != nil || following == nil {
			return err
		}
		if seen[following.String()] {
			return errors.New("its pages lead back to one that was read already")
		}
		next = following
	}
	return fmt.Errorf("its list has more than %d pages", maxPages)
}

func (r *Registry) page() int {
	if r.account.PaginateSize > 0 {
		return r.account.PaginateSize
	}
	return defaultPage
}

// nextPage reads the Link header of a list: `</v2/…?n=…&last=…>; rel="next"`. No link is nil.
func nextPage(page *url.URL, link string) (*url.URL, error) {
	for part := range strings.SplitSeq(link, ",") {
		target, parameters, ok := strings.Cut(strings.TrimSpace(part), ";")
		if !ok || !strings.Contains(strings.ReplaceAll(parameters, " ", ""), `rel="next"`) && !strings.Contains(parameters, "rel=next") {
			continue
		}
		target = strings.TrimSpace(target)
		if !strings.HasPrefix(target, "<") || !strings.HasSuffix(target, ">") {
			return nil, fmt.Errorf("its next page is %q, which is no link", clipped(target))
		}
		parsed, err := page.Parse(target[1 : len(target)-1])
		if err != nil {
			return nil, fmt.Errorf("its next page is %q, which is no link", clipped(target))
		}
		if parsed.Host != page.Host || parsed.Scheme != page.Scheme {
			return nil, fmt.Errorf("its next page is on another host, %s", parsed.Host)
		}
		return parsed, nil
	}
	return nil, nil
}

func (r *Registry) address(path string) *url.URL {
	scheme := "https"
	if r.insecure {
		scheme = "http"
	}
	return &url.URL{Scheme: scheme, Host: r.host, Path: path}
}

// client returns an HTTP client that signs in for pulling from a repository, and remembers the token of that repository.
func (r *Registry) client(ctx context.Context, repository string) (*http.Client, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.clients == nil || time.Since(r.asked) > pullerAge {
		var options []name.Option
		if r.insecure {
			options = append(options, name.Insecure)
		}
		registry, err := name.NewRegistry(r.host, options...)
		if err != nil {
			return nil, err
		}
		challenge, err := transport.Ping(ctx, registry, r.transport)
		if err != nil {
			return nil, err
		}
		r.registry, r.challenge, r.asked, r.clients = registry, challenge, time.Now(), map[string]*http.Client{}
	}
	if client := r.clients[repository]; client != nil {
		return client, nil
	}
	retrying := transport.NewRetry(transport.NewUserAgent(r.transport, "gennaker"), transport.WithRetryBackoff(backoff),
		transport.WithRetryStatusCodes(http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout))
	// Without a token the first request is refused, and the refusal says which scope to ask for.
	signed, err := transport.FromToken(r.registry, r.auth(), retrying, r.challenge, &transport.Token{})
	if err != nil {
		return nil, err
	}
	r.clients[repository] = &http.Client{Transport: signed}
	return r.clients[repository], nil
}

func (r *Registry) auth() authn.Authenticator {
	if r.account.Username == "" {
		return authn.Anonymous
	}
	return &authn.Basic{Username: r.account.Username, Password: r.account.Password.Reveal()}
}

// get asks for an address and reads up to limit bytes of the answer, whatever length it claims to have.
func get(ctx context.Context, client *http.Client, method string, address *url.URL, limit int64) (http.Header, []byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, address.String(), nil)
	if err != nil {
		return nil, nil, err
	}
	request.Header.Set("Accept", accepted)
	answer, err := client.Do(request)
	if err != nil {
		return nil, nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusTooManyRequests {
		return nil, nil, &busyError{retryAfter(answer.Header)}
	}
	if err := transport.CheckError(answer, http.StatusOK); err != nil {
		return nil, nil, err
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, limit+1))
	if err != nil {
		return nil, nil, err
	}
	if int64(len(body)) > limit {
		return nil, nil, fmt.Errorf("its answer has more than %d bytes", limit)
	}
	return answer.Header, body, nil
}

// accepted are the kinds of manifests that a tag may stand for. Lists are asked for with the same header: nobody minds.
var accepted = strings.Join([]string{string(types.OCIManifestSchema1), string(types.OCIImageIndex), string(types.DockerManifestSchema2),
	string(types.DockerManifestList), "application/json"}, ", ")

// busyError is a registry that asks to be left alone.
type busyError struct{ after time.Duration }

func (e *busyError) Error() string { return "429 Too Many Requests" }

// retryAfter reads the header, in seconds or as a date; 0 when there is none.
func retryAfter(header http.Header) time.Duration {
	text := header.Get("Retry-After")
	pause := time.Duration(0)
	if seconds, err := strconv.Atoi(text); err == nil {
		pause = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		pause = time.Until(at)
	}
	return min(max(pause, 0), longestPause)
}

// failure says what came back for a repository or one of its tags.
func (r *Registry) failure(ctx context.Context, repository, tag string, err error) error {
	var answer *transport.Error
	if errors.As(err, &answer) && answer.StatusCode == http.StatusNotFound && tag == "" {
		return fmt.Errorf("registry account %q: %s has no repository %s: %w", r.account.Name, r.host, repository, ErrNoRepository)
	}
	image := r.host + "/" + repository
	if tag != "" {
		image += ":" + tag
	}
	failed := &Error{Image: image, Problem: fmt.Sprintf("registry account %q: %s", r.account.Name, reason(ctx, r.host, err)),
		Retryable: passes(err), Err: err}
	if busy := (*busyError)(nil); errors.As(err, &busy) {
		failed.Busy, failed.Pause, failed.Retryable = true, busy.after, true
	}
	return failed
}

// clipped is the beginning of a text that somebody else wrote.
func clipped(text string) string {
	const longest = 100
	if len(text) > longest {
		return text[:longest] + "…"
	}
	return text
}
