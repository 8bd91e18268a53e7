package image

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/smithy-go"
)

const (
	// ecrPage is the most entries that a page may hold, ecrBatch the most images that one question may be about.
	ecrPage  = 1000
	ecrBatch = 100
)

// staleCredentials are the errors after which credentials are read anew.
var staleCredentials = []string{"ExpiredTokenException", "ExpiredToken", "UnrecognizedClientException", "InvalidSignatureException"}

// ask asks the API, once more with new credentials when the old ones are refused: those of a role live for hours only.
func ask[Out any](ctx context.Context, e *ECR, operation string, call func(context.Context) (Out, error)) (Out, error) {
	out, err := call(ctx)
	var api smithy.APIError
	if cache, ok := e.credentials.(*aws.CredentialsCache); ok && errors.As(err, &api) && slices.Contains(staleCredentials, api.ErrorCode()) {
		cache.Invalidate()
		out, err = call(ctx)
	}
	var noRepository *types.RepositoryNotFoundException
	switch {
	case err == nil:
		return out, nil
	case errors.As(err, &noRepository):
		return out, fmt.Errorf("ecr account %q: %s: %w", e.account.Name, noRepository.ErrorMessage(), ErrNoRepository)
	default:
		return out, e.problem(ctx, operation, err)
	}
}

func (e *ECR) registryID() *string {
	if e.account.RegistryID == "" {
		return nil
	}
	return aws.String(e.account.RegistryID)
}

// Tags lists the tags of a repository with their digests: a third of the bytes of the images' descriptions. A repository
// that is not there is ErrNoRepository; other errors are *Error.
func (e *ECR) Tags(ctx context.Context, repository string) ([]Tag, error) {
	input := &ecr.ListImagesInput{RepositoryName: aws.String(repository), RegistryId: e.registryID(),
		MaxResults: aws.Int32(ecrPage), Filter: &types.ListImagesFilter{TagStatus: types.TagStatusTagged}}
	var tags []Tag
	seen := map[string]bool{}
	for range maxPages {
		page, err := ask(ctx, e, "ListImages", func(ctx context.Context) (*ecr.ListImagesOutput, error) { return e.client.ListImages(ctx, input) })
		if err != nil {
			return nil, about(repository, err)
		}
		for _, id := range page.ImageIds {
			if tag := aws.ToString(id.ImageTag); tag != "" {
				tags = append(tags, Tag{Name: tag, Digest: aws.ToString(id.ImageDigest)})
			}
		}
		token := aws.ToString(page.NextToken)
		switch {
		case token == "":
			return tags, nil
		case seen[token]:
			return nil, e.odd(repository, "its pages lead back to one that was read already")
		case len(tags) > maxTags:
			return nil, e.odd(repository, fmt.Sprintf("it has more than %d tags. Delete those that nobody needs", maxTags))
		}
		seen[token] = true
		input.NextToken = page.NextToken
	}
	return nil, e.odd(repository, fmt.Sprintf("its list has more than %d pages", maxPages))
}

func (e *ECR) odd(repository, problem string) error {
	return &Error{Image: repository, Problem: fmt.Sprintf("ecr account %q: ListImages: %s", e.account.Name, problem)}
}

// about names the repository in an error.
func about(repository string, err error) error {
	if failed := (*Error)(nil); errors.As(err, &failed) {
		return named(repository, err)
	}
	return err
}

// Describe returns tags of a repository with their digests and the times of their pushes. Tags that are not there are left
// out. Errors are *Error.
func (e *ECR) Describe(ctx context.Context, repository string, tags []string) ([]Tag, error) {
	var out []Tag
	for batch := range slices.Chunk(tags, ecrBatch) {
		found, err := e.describe(ctx, repository, batch)
		if err != nil {
			return out, about(repository, err)
		}
		out = append(out, found...)
	}
	return out, nil
}

// describe asks about tags at once. One that is not there fails the question: then each half is asked about.
func (e *ECR) describe(ctx context.Context, repository string, tags []string) ([]Tag, error) {
	input := &ecr.DescribeImagesInput{RepositoryName: aws.String(repository), RegistryId: e.registryID()}
	for _, tag := range tags {
		input.ImageIds = append(input.ImageIds, types.ImageIdentifier{ImageTag: aws.String(tag)})
	}
	out, err := ask(ctx, e, "DescribeImages", func(ctx context.Context) (*ecr.DescribeImagesOutput, error) {
		return e.client.DescribeImages(ctx, input)
	})
	var missing *types.ImageNotFoundException
	if errors.As(err, &missing) {
		if len(tags) == 1 {
			return nil, nil
		}
		first, err := e.describe(ctx, repository, tags[:len(tags)/2])
		if err != nil {
			return nil, err
		}
		second, err := e.describe(ctx, repository, tags[len(tags)/2:])
		return append(first, second...), err
	}
	if err != nil {
		return nil, err
	}
	var found []Tag
	for _, image := range out.ImageDetails {
		for _, tag := range image.ImageTags {
			if slices.Contains(tags, tag) {
				found = append(found, Tag{Name: tag, Digest: aws.ToString(image.ImageDigest), Pushed: aws.ToTime(image.ImagePushedAt)})
			}
		}
	}
	return found, nil
}

// Host is the host of a repository, as image references name it: what the service says, not what the name of a region
// would suggest.
func (e *ECR) Host(ctx context.Context, repository string) (string, error) {
	e.mu.Lock()
	host := e.hosts[repository]
	e.mu.Unlock()
	if host != "" {
		return host, nil
	}
	input := &ecr.DescribeRepositoriesInput{RepositoryNames: []string{repository}, RegistryId: e.registryID()}
	out, err := ask(ctx, e, "DescribeRepositories", func(ctx context.Context) (*ecr.DescribeRepositoriesOutput, error) {
		return e.client.DescribeRepositories(ctx, input)
	})
	if err != nil {
		return "", about(repository, err)
	}
	for _, described := range out.Repositories {
		if host, ok := strings.CutSuffix(aws.ToString(described.RepositoryUri), "/"+repository); ok && host != "" {
			e.mu.Lock()
			e.hosts[repository] = host
			e.mu.Unlock()
			return host, nil
		}
	}
	return "", &Error{Image: repository, Problem: fmt.Sprintf("ecr account %q: DescribeRepositories: the answer names no address of it", e.account.Name)}
}
