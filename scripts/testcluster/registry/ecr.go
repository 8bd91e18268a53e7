package registry

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

const (
	// accountID is the registry id of every repository.
	accountID = "123456789012"
	// ecrTarget starts X-Amz-Target of every call (service/ecr api_op_*.go).
	ecrTarget = "AmazonEC2ContainerRegistry_V20150921."
	// maxECRBody bounds a call of the ECR API, in bytes.
	maxECRBody = 1 << 20
	// maxBatch is how many image ids BatchGetImage takes.
	maxBatch = 100
)

// credentialScope finds region and service in a SigV4 Authorization header.
var credentialScope = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=[^/]+/\d{8}/([^/]+)/([^/]+)/aws4_request,`)

// call is one request to the ECR API.
type call struct {
	server *Server
	host   string // as the client wrote it: repositoryUri and proxyEndpoint use it
	region string
	body   []byte
	fault  *Fault // of kind empty-page or delay, else nil
}

// serveECR answers awsJson 1.1 calls: the operation in X-Amz-Target, JSON both
// ways, errors as {"__type", "message"}.
func (s *Server) serveECR(w http.ResponseWriter, r *http.Request) {
	operation := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), ecrTarget)
	c := call{server: s, host: r.Host}
	if c.fault = s.faults.take(targetECR, operation); c.fault != nil && !c.fault.hold(r) {
		c.fault.ecrError(operation).write(w)
		return
	}
	answer, failure := c.run(operation, w, r)
	if failure != nil {
		s.log.Info("ecr call refused", "operation", operation, "type", failure.Type, "message", failure.Message)
		failure.write(w)
		return
	}
	writeJSON(w, ecrContentType, http.StatusOK, answer)
}

func (c *call) run(operation string, w http.ResponseWriter, r *http.Request) (any, *apiError) {
	scope := credentialScope.FindStringSubmatch(r.Header.Get("Authorization"))
	if scope == nil || scope[2] != "ecr" {
		return nil, &apiError{Type: "MissingAuthenticationTokenException", Message: "Missing Authentication Token"}
	}
	c.region = scope[1]
	var err error
	if c.body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, maxECRBody)); err != nil {
		return nil, &apiError{Type: "SerializationException", Message: err.Error()}
	}
	switch operation {
	case "GetAuthorizationToken":
		return c.getAuthorizationToken()
	case "CreateRepository":
		return c.createRepository()
	case "DescribeRepositories":
		return c.describeRepositories()
	case "DescribeImages":
		return c.describeImages()
	case "ListImages":
		return c.listImages()
	case "BatchGetImage":
		return c.batchGetImage()
	}
	return nil, &apiError{Type: "UnknownOperationException", Message: fmt.Sprintf("operation %q is not provided", operation)}
}

// decode reads the call's input.
func decode[T any](c *call) (in T, failure *apiError) {
	if err := json.Unmarshal(c.body, &in); err != nil {
		return in, &apiError{Type: "SerializationException", Message: err.Error()}
	}
	return in, nil
}

func (c *call) getAuthorizationToken() (any, *apiError) {
	password, expires := c.server.tokens.issue()
	data := authorizationData{
		AuthorizationToken: base64.StdEncoding.EncodeToString([]byte("AWS:" + password)),
		ExpiresAt:          epoch(expires),
		ProxyEndpoint:      "http://" + c.host,
	}
	return map[string][]authorizationData{"authorizationData": {data}}, nil
}

func (c *call) createRepository() (any, *apiError) {
	in, failure := decode[struct{ RepositoryName string }](c)
	if failure != nil {
		return nil, failure
	}
	if in.RepositoryName == "" {
		return nil, invalidParameter("repositoryName is required")
	}
	repo, isNew, err := c.server.store.create(in.RepositoryName)
	if err != nil {
		return nil, &apiError{status: http.StatusInternalServerError, Type: "ServerException", Message: err.Error()}
	}
	if !isNew {
		return nil, &apiError{Type: "RepositoryAlreadyExistsException", Message: fmt.Sprintf(
			"The repository with name '%s' already exists in the registry with id '%s'", in.RepositoryName, accountID)}
	}
	return map[string]wireRepository{"repository": c.wireRepository(repo)}, nil
}

func (c *call) describeRepositories() (any, *apiError) {
	in, failure := decode[struct {
		RepositoryNames []string
		pageInput
	}](c)
	if failure != nil {
		return nil, failure
	}
	all := c.server.store.repositories()
	if len(in.RepositoryNames) > 0 {
		byName := map[string]repository{}
		for _, repo := range all {
			byName[repo.name] = repo
		}
		all = nil
		for _, name := range in.RepositoryNames {
			repo, ok := byName[name]
			if !ok {
				return nil, repositoryNotFound(name)
			}
			all = append(all, repo)
		}
	}
	page, next, failure := paginate(c, all, func(r repository) string { return r.name }, in.pageInput, len(in.RepositoryNames) > 0)
	if failure != nil {
		return nil, failure
	}
	out := describeRepositoriesOutput{Repositories: []wireRepository{}, NextToken: next}
	for _, repo := range page {
		out.Repositories = append(out.Repositories, c.wireRepository(repo))
	}
	return out, nil
}

// imagesInput is the common part of DescribeImages, ListImages and BatchGetImage.
type imagesInput struct {
	RepositoryName string
	ImageIDs       []imageID `json:"imageIds"`
	Filter         struct{ TagStatus, ImageStatus string }
	pageInput
}

// images decodes the call and gets the images of its repository, filtered.
func (c *call) images() (in imagesInput, all []image, failure *apiError) {
	if in, failure = decode[imagesInput](c); failure != nil {
		return in, nil, failure
	}
	if in.RepositoryName == "" {
		return in, nil, invalidParameter("repositoryName is required")
	}
	all, ok := c.server.store.images(in.RepositoryName)
	if !ok {
		return in, nil, repositoryNotFound(in.RepositoryName)
	}
	return in, slices.DeleteFunc(all, func(img image) bool {
		status := in.Filter.ImageStatus
		return status != "" && status != "ANY" && status != "ACTIVE" ||
			in.Filter.TagStatus == "TAGGED" && len(img.tags) == 0 ||
			in.Filter.TagStatus == "UNTAGGED" && len(img.tags) > 0
	}), nil
}

func (c *call) describeImages() (any, *apiError) {
	in, all, failure := c.images()
	if failure != nil {
		return nil, failure
	}
	if len(in.ImageIDs) > 0 {
		wanted := map[string]bool{}
		for _, id := range in.ImageIDs {
			img, ok := find(all, id)
			if !ok {
				return nil, &apiError{Type: "ImageNotFoundException", Message: fmt.Sprintf(
					"The image with imageId {imageDigest:'%s', imageTag:'%s'} does not exist within the repository with name '%s' in the registry with id '%s'",
					cmp.Or(id.ImageDigest, "null"), cmp.Or(id.ImageTag, "null"), in.RepositoryName, accountID)}
			}
			wanted[img.digest] = true
		}
		all = slices.DeleteFunc(all, func(img image) bool { return !wanted[img.digest] })
	}
	page, next, failure := paginate(c, all, func(img image) string { return img.digest }, in.pageInput, len(in.ImageIDs) > 0)
	if failure != nil {
		return nil, failure
	}
	out := describeImagesOutput{ImageDetails: []imageDetail{}, NextToken: next}
	for _, img := range page {
		out.ImageDetails = append(out.ImageDetails, imageDetail{
			RegistryID: accountID, RepositoryName: in.RepositoryName,
			ImageDigest: img.digest, ImageTags: img.tags, ImagePushedAt: epoch(img.pushed),
			ImageSizeInBytes: img.size, ImageManifestMediaType: img.mediaType,
			ArtifactMediaType: img.artifactType, ImageStatus: "ACTIVE",
		})
	}
	return out, nil
}

func (c *call) listImages() (any, *apiError) {
	in, all, failure := c.images()
	if failure != nil {
		return nil, failure
	}
	var ids []imageID // one for each tag, and one for an image without
	for _, img := range all {
		for _, tag := range img.tags {
			ids = append(ids, imageID{ImageDigest: img.digest, ImageTag: tag})
		}
		if len(img.tags) == 0 {
			ids = append(ids, imageID{ImageDigest: img.digest})
		}
	}
	key := func(id imageID) string { return id.ImageDigest + " " + id.ImageTag }
	slices.SortFunc(ids, func(a, b imageID) int { return cmp.Compare(key(a), key(b)) })
	page, next, failure := paginate(c, ids, key, in.pageInput, false)
	if failure != nil {
		return nil, failure
	}
	return listImagesOutput{ImageIDs: append([]imageID{}, page...), NextToken: next}, nil
}

func (c *call) batchGetImage() (any, *apiError) {
	in, all, failure := c.images()
	if failure != nil {
		return nil, failure
	}
	if len(in.ImageIDs) == 0 || len(in.ImageIDs) > maxBatch {
		return nil, invalidParameter(fmt.Sprintf("imageIds: want 1 to %d", maxBatch))
	}
	out := batchGetImageOutput{Images: []wireImage{}, Failures: []imageFailure{}}
	for _, id := range in.ImageIDs {
		img, ok := find(all, id)
		switch {
		case id == imageID{}:
			out.Failures = append(out.Failures, imageFailure{id, "MissingDigestAndTag", "Invalid request parameters: both tag and digest cannot be null"})
		case !ok:
			out.Failures = append(out.Failures, imageFailure{id, "ImageNotFound", "Requested image not found"})
		default:
			id.ImageDigest = img.digest
			out.Images = append(out.Images, wireImage{
				RegistryID: accountID, RepositoryName: in.RepositoryName, ImageID: id,
				ImageManifest: string(img.manifest), ImageManifestMediaType: img.mediaType,
			})
		}
	}
	return out, nil
}

// find looks for the image that id names by tag, by digest or by both.
func find(all []image, id imageID) (image, bool) {
	i := slices.IndexFunc(all, func(img image) bool {
		return id != imageID{} &&
			(id.ImageDigest == "" || id.ImageDigest == img.digest) &&
			(id.ImageTag == "" || slices.Contains(img.tags, id.ImageTag))
	})
	if i < 0 {
		return image{}, false
	}
	return all[i], true
}
