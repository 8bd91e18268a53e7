package fetch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	awscredentials "github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"github.com/gennaker/gennaker/agent/internal/config"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// maxBackoff is the longest time between two tries, in units of the first.
const maxBackoff = 8

// s3Object fetches s3/object: s3://BUCKET/KEY.
//
// Source: spinnaker/spinnaker clouddriver/clouddriver-artifacts-s3 S3ArtifactCredentials.java.
type s3Object struct {
	account string
	client  *s3.Client
	limits  Limits
	cache   *cache
}

// newS3 takes credentials of the AWS environment (AWS_…, shared files, instance role) unless the account has keys.
func newS3(ctx context.Context, account config.S3, transport http.RoundTripper, limits Limits, cache *cache) (*s3Object, error) {
	options := []func(*awsconfig.LoadOptions) error{awsconfig.WithAppID(userAgent)}
	if account.AccessKeyID != "" {
		options = append(options, awsconfig.WithCredentialsProvider(
			awscredentials.NewStaticCredentialsProvider(account.AccessKeyID, account.SecretAccessKey.Reveal(), "")))
	}
	if region := regionOf(account); region != "" {
		options = append(options, awsconfig.WithRegion(region))
	}
	loaded, err := awsconfig.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("read the AWS environment: %w", err)
	}
	if loaded.Region == "" {
		return nil, errors.New("found no region: set region (or apiRegion beside apiEndpoint), or AWS_REGION in the agent's environment")
	}
	client := s3.NewFromConfig(loaded, func(o *s3.Options) {
		o.HTTPClient = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		o.Retryer = retry.NewStandard(func(r *retry.StandardOptions) {
			r.MaxAttempts, r.MaxBackoff = limits.Tries, maxBackoff*limits.RetryPause
		})
		o.DisableLogOutputChecksumValidationSkipped = true
		o.UsePathStyle = account.APIEndpoint != ""
		if account.APIEndpoint != "" {
			o.BaseEndpoint = aws.String(account.APIEndpoint)
		}
	})
	return &s3Object{account: account.Name, client: client, limits: limits, cache: cache}, nil
}

func regionOf(account config.S3) string {
	if account.APIEndpoint != "" && account.APIRegion != "" {
		return account.APIRegion
	}
	return account.Region
}

// Open implements Fetcher. The SDK checks the object's checksum where the server has one. An object that has not changed since
// it was read is not sent again.
func (s *s3Object) Open(ctx context.Context, a spinnaker.Artifact) (io.ReadCloser, error) {
	bucket, key, ok := strings.Cut(strings.TrimPrefix(a.Reference, "s3://"), "/")
	if !ok || bucket == "" || key == "" {
		return nil, &Error{Problem: fmt.Sprintf("S3 references must be of the format s3://<bucket>/<file-path>, got: %s", a.Reference), Status: http.StatusBadRequest}
	}
	where := "s3://" + bucket + "/" + key
	ctx, cancel := context.WithTimeoutCause(ctx, s.limits.Timeout, errTooSlow)
	input := &s3.GetObjectInput{Bucket: &bucket, Key: &key}
	known := s.cache.find(cacheKey(s.account, "", where))
	if known != nil {
		input.IfNoneMatch = &known.etag
	}
	object, err := s.client.GetObject(ctx, input)
	if known != nil && unchanged(err) {
		cancel()
		return io.NopCloser(bytes.NewReader(known.body)), nil
	}
	if err != nil {
		defer cancel()
		return nil, s.failure(ctx, where, err)
	}
	content := object.Body
	if etag := aws.ToString(object.ETag); etag != "" && aws.ToInt64(object.ContentLength) <= maxCachedBody {
		content = s.cache.recorded(content, &cached{key: cacheKey(s.account, "", where), etag: etag})
	}
	body := &stream{ReadCloser: content, cancel: cancel, from: where, left: s.limits.MaxBytes, limit: s.limits.MaxBytes,
		failure: func(err error) error { return networkError(ctx, where, err) }}
	if aws.ToInt64(object.ContentLength) > s.limits.MaxBytes {
		err := tooLarge(where, s.limits.MaxBytes)
		err.Err = body.Close()
		return nil, err
	}
	return body, nil
}

// unchanged says whether an error is the answer that the object is the one that was read before.
func unchanged(err error) bool {
	var answer *awshttp.ResponseError
	return errors.As(err, &answer) && answer.HTTPStatusCode() == http.StatusNotModified
}

// failure says what came back, without the SDK's request ids.
func (s *s3Object) failure(ctx context.Context, where string, err error) error {
	var api smithy.APIError
	var answer *awshttp.ResponseError
	if !errors.As(err, &answer) || answer.HTTPStatusCode() == 0 {
		return networkError(ctx, where, err)
	}
	code := answer.HTTPStatusCode()
	failed := &Error{Problem: fmt.Sprintf("%s: %d %s", where, code, http.StatusText(code)), Status: code, Err: err,
		Retryable: code == http.StatusTooManyRequests || code >= http.StatusInternalServerError}
	if errors.As(err, &api) {
		failed.Problem += " " + api.ErrorCode()
	}
	switch code {
	case http.StatusNotFound:
		failed.Problem = where + " not found"
		failed.Advice = fmt.Sprintf("Check the artifact's reference and the region of artifact account %q", s.account)
	case http.StatusUnauthorized, http.StatusForbidden:
		failed.Advice = fmt.Sprintf("Check the credentials of artifact account %q and what they may read", s.account)
	case http.StatusMovedPermanently, http.StatusTemporaryRedirect, http.StatusBadRequest:
		failed.Advice = fmt.Sprintf("Check the region of artifact account %q", s.account)
	}
	return failed
}
