package registry

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// The shapes below are those of aws/aws-sdk-go-v2 service/ecr/types/types.go
// as awsJson 1.1 puts them on the wire.

const (
	ecrContentType = "application/x-amz-json-1.1"
	// A page has 1 to maxPage entries, defaultPage if the caller does not say.
	defaultPage, maxPage = 100, 1000
	// tokenPrefix marks a page token, so that any other is refused.
	tokenPrefix = "after:"
)

type authorizationData struct {
	AuthorizationToken string  `json:"authorizationToken"`
	ExpiresAt          float64 `json:"expiresAt"`
	ProxyEndpoint      string  `json:"proxyEndpoint"`
}

type wireRepository struct {
	RegistryID                 string            `json:"registryId"`
	RepositoryName             string            `json:"repositoryName"`
	RepositoryArn              string            `json:"repositoryArn"`
	RepositoryURI              string            `json:"repositoryUri"`
	CreatedAt                  float64           `json:"createdAt"`
	ImageTagMutability         string            `json:"imageTagMutability"`
	ImageScanningConfiguration map[string]bool   `json:"imageScanningConfiguration"`
	EncryptionConfiguration    map[string]string `json:"encryptionConfiguration"`
}

func (c *call) wireRepository(r repository) wireRepository {
	return wireRepository{
		RegistryID:                 accountID,
		RepositoryName:             r.name,
		RepositoryArn:              fmt.Sprintf("arn:aws:ecr:%s:%s:repository/%s", c.region, accountID, r.name),
		RepositoryURI:              c.host + "/" + r.name,
		CreatedAt:                  epoch(r.created),
		ImageTagMutability:         "MUTABLE",
		ImageScanningConfiguration: map[string]bool{"scanOnPush": false},
		EncryptionConfiguration:    map[string]string{"encryptionType": "AES256"},
	}
}

type describeRepositoriesOutput struct {
	Repositories []wireRepository `json:"repositories"`
	NextToken    string           `json:"nextToken,omitempty"`
}

type imageID struct {
	ImageDigest string `json:"imageDigest,omitempty"`
	ImageTag    string `json:"imageTag,omitempty"`
}

type imageDetail struct {
	RegistryID             string   `json:"registryId"`
	RepositoryName         string   `json:"repositoryName"`
	ImageDigest            string   `json:"imageDigest"`
	ImageTags              []string `json:"imageTags,omitempty"`
	ImageSizeInBytes       int64    `json:"imageSizeInBytes"`
	ImagePushedAt          float64  `json:"imagePushedAt"`
	ImageManifestMediaType string   `json:"imageManifestMediaType"`
	ArtifactMediaType      string   `json:"artifactMediaType,omitempty"`
	ImageStatus            string   `json:"imageStatus"`
}

type describeImagesOutput struct {
	ImageDetails []imageDetail `json:"imageDetails"`
	NextToken    string        `json:"nextToken,omitempty"`
}

type listImagesOutput struct {
	ImageIDs  []imageID `json:"imageIds"`
	NextToken string    `json:"nextToken,omitempty"`
}

type wireImage struct {
	RegistryID             string  `json:"registryId"`
	RepositoryName         string  `json:"repositoryName"`
	ImageID                imageID `json:"imageId"`
	ImageManifest          string  `json:"imageManifest"`
	ImageManifestMediaType string  `json:"imageManifestMediaType"`
}

type imageFailure struct {
	ImageID       imageID `json:"imageId"`
	FailureCode   string  `json:"failureCode"`
	FailureReason string  `json:"failureReason"`
}

type batchGetImageOutput struct {
	Images   []wireImage    `json:"images"`
	Failures []imageFailure `json:"failures"`
}

// epoch is how awsJson writes a time: seconds with a fraction.
func epoch(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// apiError is a failure as ECR reports it.
type apiError struct {
	status  int    // 0 means 400, which ECR uses even for what is not found
	Type    string `json:"__type"`
	Message string `json:"message"`
}

func (e *apiError) write(w http.ResponseWriter) {
	status := e.status
	if status == 0 {
		status = http.StatusBadRequest
	}
	w.Header().Set("X-Amzn-RequestId", rand.Text())
	writeJSON(w, ecrContentType, status, e)
}

func invalidParameter(message string) *apiError {
	return &apiError{Type: "InvalidParameterException", Message: "Invalid parameter: " + message}
}

func repositoryNotFound(name string) *apiError {
	return &apiError{Type: "RepositoryNotFoundException", Message: fmt.Sprintf(
		"The repository with name '%s' does not exist in the registry with id '%s'", name, accountID)}
}

// pageInput is the paging part of a list call.
type pageInput struct {
	MaxResults *int
	NextToken  string
}

// paginate cuts one page from items, which are in the order of their keys, and
// returns the token of the next. Paging and an explicit list exclude each other.
func paginate[T any](c *call, items []T, key func(T) string, in pageInput, explicit bool) ([]T, string, *apiError) {
	if explicit {
		if in.MaxResults != nil || in.NextToken != "" {
			return nil, "", invalidParameter("maxResults and nextToken cannot be used with an explicit list")
		}
		return items, "", nil
	}
	size := defaultPage
	if in.MaxResults != nil {
		size = *in.MaxResults
	}
	if size < 1 || size > maxPage {
		return nil, "", invalidParameter(fmt.Sprintf("maxResults: want 1 to %d", maxPage))
	}
	after, failure := in.after()
	if failure != nil {
		return nil, "", failure
	}
	if c.fault != nil && c.fault.Kind == kindEmptyPage {
		return nil, pageToken(after), nil
	}
	for len(items) > 0 && after != "" && key(items[0]) <= after {
		items = items[1:]
	}
	if len(items) <= size {
		return items, "", nil
	}
	return items[:size], pageToken(key(items[size-1])), nil
}

func pageToken(after string) string {
	return base64.StdEncoding.EncodeToString([]byte(tokenPrefix + after))
}

func (in pageInput) after() (string, *apiError) {
	if in.NextToken == "" {
		return "", nil
	}
	raw, err := base64.StdEncoding.DecodeString(in.NextToken)
	after, ok := strings.CutPrefix(string(raw), tokenPrefix)
	if err != nil || !ok {
		return "", invalidParameter("nextToken is not one that was given out")
	}
	return after, nil
}
