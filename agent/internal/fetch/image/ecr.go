package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"
	"github.com/google/go-containerregistry/pkg/name"

	"github.com/gennaker/gennaker/agent/internal/config"
)

// ecrHost is the host of a private registry: ACCOUNT.dkr.ecr.REGION.amazonaws.com, with its variants.
var ecrHost = regexp.MustCompile(`^(\d{12})\.dkr[.-]ecr(?:-fips)?\.([a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|on\.aws)$`)

// ECR is a registry of the Elastic Container Registry, which is asked through the AWS API: that needs no token
// of the registry, and tells a missing repository from a missing image.
type ECR struct {
	account config.ECR
	client  *ecr.Client
	// credentials are dropped when the service says that they are no longer good.
	credentials aws.CredentialsProvider

	mu    sync.Mutex
	hosts map[string]string // by repository
}

// newECR takes credentials and endpoint from the AWS environment (AWS_…, shared files, instance role).
func newECR(ctx context.Context, account config.ECR) (*ECR, error) {
	var options []func(*awsconfig.LoadOptions) error
	if account.Region != "" {
		options = append(options, awsconfig.WithRegion(account.Region))
	}
	loaded, err := awsconfig.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("read the AWS environment: %w", err)
	}
	client := ecr.NewFromConfig(loaded, func(o *ecr.Options) {
		o.HTTPClient = whole{o.HTTPClient}
		// What the SDK would print is in its errors, too.
		o.Logger = logging.Nop{}
	})
	return &ECR{account: account, client: client, credentials: loaded.Credentials, hosts: map[string]string{}}, nil
}

// whole reads every answer to its end before the SDK looks at it, up to maxPage bytes. The SDK itself bounds nothing, and
// may give a connection up before it has read all.
type whole struct{ client ecr.HTTPClient }

// Do implements ecr.HTTPClient.
func (w whole) Do(request *http.Request) (*http.Response, error) {
	answer, err := w.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxPage+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxPage {
		return nil, fmt.Errorf("the answer has more than %d bytes", maxPage)
	}
	answer.Body = io.NopCloser(bytes.NewReader(body))
	return answer, nil
}

// covers says whether the host is that of the account's registry, or one that the account names. An account without
// registry id or region covers all of them.
func (e *ECR) covers(host string) bool {
	if slices.ContainsFunc(e.account.Hosts, func(h string) bool { return strings.EqualFold(h, host) }) {
		return true
	}
	id, region, ok := splitHost(host)
	return ok && (e.account.RegistryID == "" || e.account.RegistryID == id) && (e.account.Region == "" || e.account.Region == region)
}

func splitHost(host string) (id, region string, ok bool) {
	found := ecrHost.FindStringSubmatch(host)
	if found == nil {
		return "", "", false
	}
	return found[1], found[2], true
}

func (e *ECR) resolve(ctx context.Context, reference name.Reference) (Result, error) {
	id, region, _ := splitHost(reference.Context().RegistryStr())
	input := &ecr.DescribeImagesInput{
		RepositoryName: aws.String(reference.Context().RepositoryStr()),
		ImageIds:       []types.ImageIdentifier{identifier(reference)},
	}
	if e.account.RegistryID != "" {
		id = e.account.RegistryID
	}
	if id != "" {
		input.RegistryId = aws.String(id)
	}
	out, err := e.client.DescribeImages(ctx, input, func(o *ecr.Options) {
		if e.account.Region == "" && region != "" {
			o.Region = region
		}
	})
	if err != nil {
		return e.failure(ctx, err)
	}
	for _, image := range out.ImageDetails {
		if digest := aws.ToString(image.ImageDigest); digest != "" {
			return Result{Found: true, Digest: digest}, nil
		}
	}
	return Result{Detail: fmt.Sprintf("ecr account %q knows no %s", e.account.Name, path(reference))}, nil
}

func identifier(reference name.Reference) types.ImageIdentifier {
	if digest, ok := reference.(name.Digest); ok {
		return types.ImageIdentifier{ImageDigest: aws.String(digest.DigestStr())}
	}
	return types.ImageIdentifier{ImageTag: aws.String(reference.Identifier())}
}

// failure tells an image that is not there from a question that was not answered.
func (e *ECR) failure(ctx context.Context, err error) (Result, error) {
	var (
		noImage      *types.ImageNotFoundException
		noRepository *types.RepositoryNotFoundException
		api          smithy.APIError
	)
	if errors.As(err, &noImage) || errors.As(err, &noRepository) {
		errors.As(err, &api)
		return Result{Detail: fmt.Sprintf("ecr account %q: %s", e.account.Name, api.ErrorMessage())}, nil
	}
	return Result{}, e.problem(ctx, "DescribeImages", err)
}

// problem says what came of a question that was not answered.
func (e *ECR) problem(ctx context.Context, operation string, err error) *Error {
	failed := &Error{Err: err, Retryable: retry.IsErrorRetryables(retry.DefaultRetryables).IsErrorRetryable(err) == aws.TrueTernary}
	var api smithy.APIError
	switch {
	case errors.As(err, &api):
		failed.Problem = fmt.Sprintf("ecr account %q: %s: %s: %s", e.account.Name, operation, api.ErrorCode(), api.ErrorMessage())
		failed.Busy = retry.IsErrorThrottles(retry.DefaultThrottles).IsErrorThrottle(err) == aws.TrueTernary
	case ctx.Err() != nil:
		failed.Problem = fmt.Sprintf("ecr account %q: %s: no answer in time: %v", e.account.Name, operation, ctx.Err())
		failed.Retryable = true
	default:
		failed.Problem = fmt.Sprintf("ecr account %q: %s: %v. Check the AWS region and credentials in the agent's environment",
			e.account.Name, operation, innermost(err))
	}
	return failed
}

// innermost is the cause at the end of the chain: the SDK repeats operation and request id around it.
func innermost(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}
