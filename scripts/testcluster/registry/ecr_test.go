package registry_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/crane"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/gennaker/gennaker/scripts/testcluster/registry"
)

// sdk is the client that the product uses, pointed at the stub as
// AWS_ENDPOINT_URL_ECR would. It retries as by default, only faster.
func sdk(s *registry.Server) *ecr.Client {
	return ecr.New(ecr.Options{
		Region:       "eu-central-1",
		BaseEndpoint: aws.String(s.ECR()),
		Credentials:  credentials.NewStaticCredentialsProvider("AKIATEST", "secret", ""),
		Retryer:      retry.NewStandard(func(o *retry.StandardOptions) { o.MaxBackoff = time.Millisecond }),
	})
}

func TestECRTokenOpensTheRegistry(t *testing.T) {
	s := start(t, t.TempDir())
	digest := push(t, s, "app:1")
	out, err := sdk(s).GetAuthorizationToken(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	data := out.AuthorizationData[0]
	if left := time.Until(*data.ExpiresAt); left < 11*time.Hour || left > 12*time.Hour {
		t.Errorf("the token is valid for %s, want 12h", left)
	}
	raw, err := base64.StdEncoding.DecodeString(*data.AuthorizationToken)
	if err != nil {
		t.Fatal(err)
	}
	user, password, _ := strings.Cut(string(raw), ":")
	host := strings.TrimPrefix(*data.ProxyEndpoint, "http://")
	got, err := crane.Digest(host+"/app:1", crane.WithAuth(&authn.Basic{Username: user, Password: password}))
	if err != nil || got != digest {
		t.Errorf("digest %q, %v; want %q", got, err, digest)
	}
}

func TestECRRepositories(t *testing.T) {
	s := start(t, t.TempDir())
	client := sdk(s)
	created, err := client.CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String("team/app")})
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.TrimPrefix(s.ECR(), "http://") + "/team/app"; *created.Repository.RepositoryUri != want {
		t.Errorf("uri %s, want %s", *created.Repository.RepositoryUri, want)
	}
	if want := "arn:aws:ecr:eu-central-1:123456789012:repository/team/app"; *created.Repository.RepositoryArn != want {
		t.Errorf("arn %s, want %s", *created.Repository.RepositoryArn, want)
	}
	_, err = client.CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String("team/app")})
	if exists := (*types.RepositoryAlreadyExistsException)(nil); !errors.As(err, &exists) {
		t.Errorf("made twice: %v", err)
	}
	all, err := client.DescribeRepositories(t.Context(), nil)
	if err != nil || len(all.Repositories) != 1 {
		t.Errorf("repositories %v, %v; want one", all, err)
	}
	_, err = client.DescribeRepositories(t.Context(), &ecr.DescribeRepositoriesInput{RepositoryNames: []string{"team/app", "other"}})
	var missing *types.RepositoryNotFoundException
	if !errors.As(err, &missing) || missing.ErrorMessage() != "The repository with name 'other' does not exist in the registry with id '123456789012'" {
		t.Errorf("one unknown name: %v", err)
	}
}

// filled pushes five images; the second has two tags, and the first lost its
// tag "latest" to the last.
func filled(t *testing.T, s *registry.Server) (digests []string) {
	t.Helper()
	for _, names := range [][]string{{"app:latest"}, {"app:2", "app:two"}, {"app:3"}, {"app:4"}, {"app:latest"}} {
		digests = append(digests, push(t, s, names...))
	}
	return digests
}

func TestECRDescribeImagesInPages(t *testing.T) {
	s := start(t, t.TempDir())
	digests := filled(t, s)
	pages := ecr.NewDescribeImagesPaginator(sdk(s), &ecr.DescribeImagesInput{
		RepositoryName: aws.String("app"), MaxResults: aws.Int32(2)})
	tags := map[string][]string{}
	count := 0
	for ; pages.HasMorePages(); count++ {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, image := range page.ImageDetails {
			tags[*image.ImageDigest] = image.ImageTags
			if *image.ImageSizeInBytes == 0 || time.Since(*image.ImagePushedAt).Abs() > time.Minute {
				t.Errorf("size %d, pushed at %s", *image.ImageSizeInBytes, image.ImagePushedAt)
			}
		}
	}
	want := map[string][]string{
		digests[0]: nil, digests[1]: {"2", "two"}, digests[2]: {"3"}, digests[3]: {"4"}, digests[4]: {"latest"},
	}
	if count != 3 || !reflect.DeepEqual(tags, want) {
		t.Errorf("%d pages with %v, want 3 with %v", count, tags, want)
	}
}

func TestECRFindsImages(t *testing.T) {
	s := start(t, t.TempDir())
	digests := filled(t, s)
	tests := []struct {
		name string
		in   ecr.DescribeImagesInput
		want []string // digests, or nil and an error
		err  string
	}{
		{name: "by tag", in: ecr.DescribeImagesInput{ImageIds: []types.ImageIdentifier{{ImageTag: aws.String("two")}}}, want: digests[1:2]},
		{name: "by digest", in: ecr.DescribeImagesInput{ImageIds: []types.ImageIdentifier{{ImageDigest: &digests[0]}}}, want: digests[:1]},
		{name: "one image by two tags", in: ecr.DescribeImagesInput{ImageIds: []types.ImageIdentifier{{ImageTag: aws.String("2")}, {ImageTag: aws.String("two")}}}, want: digests[1:2]},
		{name: "untagged", in: ecr.DescribeImagesInput{Filter: &types.DescribeImagesFilter{TagStatus: types.TagStatusUntagged}}, want: digests[:1]},
		{name: "tagged", in: ecr.DescribeImagesInput{Filter: &types.DescribeImagesFilter{TagStatus: types.TagStatusTagged}}, want: digests[1:]},
		{name: "archived", in: ecr.DescribeImagesInput{Filter: &types.DescribeImagesFilter{ImageStatus: types.ImageStatusFilterArchived}}},
		{name: "missing tag", in: ecr.DescribeImagesInput{ImageIds: []types.ImageIdentifier{{ImageTag: aws.String("9")}}},
			err: "ImageNotFoundException: The image with imageId {imageDigest:'null', imageTag:'9'} does not exist within the repository with name 'app' in the registry with id '123456789012'"},
		{name: "missing repository", in: ecr.DescribeImagesInput{RepositoryName: aws.String("other")}, err: "RepositoryNotFoundException"},
		{name: "page of named images", in: ecr.DescribeImagesInput{MaxResults: aws.Int32(1), ImageIds: []types.ImageIdentifier{{ImageTag: aws.String("2")}}}, err: "InvalidParameterException"},
		{name: "page size 0", in: ecr.DescribeImagesInput{MaxResults: aws.Int32(0)}, err: "InvalidParameterException"},
		{name: "made-up page token", in: ecr.DescribeImagesInput{NextToken: aws.String("bm90aGluZw==")}, err: "InvalidParameterException"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.in.RepositoryName == nil {
				test.in.RepositoryName = aws.String("app")
			}
			out, err := sdk(s).DescribeImages(t.Context(), &test.in)
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Errorf("error %v, want %q", err, test.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, image := range out.ImageDetails {
				got = append(got, *image.ImageDigest)
			}
			want := slices.Clone(test.want)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

func TestECRListImagesHasOneEntryForEachTag(t *testing.T) {
	s := start(t, t.TempDir())
	digests := filled(t, s)
	pages := ecr.NewListImagesPaginator(sdk(s), &ecr.ListImagesInput{
		RepositoryName: aws.String("app"), MaxResults: aws.Int32(3)})
	got := map[string]string{}
	count := 0
	for ; pages.HasMorePages(); count++ {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range page.ImageIds {
			got[aws.ToString(id.ImageTag)] = *id.ImageDigest
		}
	}
	want := map[string]string{"": digests[0], "2": digests[1], "two": digests[1], "3": digests[2], "4": digests[3], "latest": digests[4]}
	if count != 2 || !reflect.DeepEqual(got, want) {
		t.Errorf("%d pages with %v, want 2 with %v", count, got, want)
	}
}

func TestECRBatchGetImage(t *testing.T) {
	s := start(t, t.TempDir())
	digests := filled(t, s)
	out, err := sdk(s).BatchGetImage(t.Context(), &ecr.BatchGetImageInput{
		RepositoryName: aws.String("app"),
		ImageIds:       []types.ImageIdentifier{{ImageTag: aws.String("3")}, {ImageTag: aws.String("9")}, {}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Images) != 1 || *out.Images[0].ImageId.ImageDigest != digests[2] {
		t.Fatalf("images %v, want the one with digest %s", out.Images, digests[2])
	}
	manifest, err := crane.Manifest(s.Registry() + "/app:3")
	if err != nil || string(manifest) != *out.Images[0].ImageManifest {
		t.Errorf("manifest %q, %v; the registry has %q", *out.Images[0].ImageManifest, err, manifest)
	}
	var codes []string
	for _, failure := range out.Failures {
		codes = append(codes, string(failure.FailureCode))
	}
	if want := []string{"ImageNotFound", "MissingDigestAndTag"}; !slices.Equal(codes, want) {
		t.Errorf("failures %q, want %q", codes, want)
	}
}

func TestECRIndexHasTheSizeOfItsLargestMember(t *testing.T) {
	s := start(t, t.TempDir())
	small, err := random.Image(100, 1)
	if err != nil {
		t.Fatal(err)
	}
	large, err := random.Image(5000, 1)
	if err != nil {
		t.Fatal(err)
	}
	index := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: small}, mutate.IndexAddendum{Add: large})
	ref, err := name.ParseReference(s.Registry() + "/multi:1")
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteIndex(ref, index); err != nil {
		t.Fatal(err)
	}
	out, err := sdk(s).DescribeImages(t.Context(), &ecr.DescribeImagesInput{
		RepositoryName: aws.String("multi"), ImageIds: []types.ImageIdentifier{{ImageTag: aws.String("1")}}})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := *out.ImageDetails[0].ImageSizeInBytes, layerSize(t, large); got != want {
		t.Errorf("size %d, want %d", got, want)
	}
}

func layerSize(t *testing.T, img v1.Image) int64 {
	t.Helper()
	manifest, err := img.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	return manifest.Layers[0].Size
}

func TestECRFaults(t *testing.T) {
	s := start(t, t.TempDir())
	push(t, s, "app:1")
	describe := func(t *testing.T) error {
		_, err := sdk(s).DescribeImages(t.Context(), &ecr.DescribeImagesInput{RepositoryName: aws.String("app")})
		return err
	}
	tests := []struct {
		kind  string
		times int
		code  string // of the error, empty for success
		hits  int
	}{
		{kind: "throttling", times: 2, hits: 2},                             // the SDK tries three times
		{kind: "throttling", code: "ThrottlingException", hits: 3},          // and then gives up
		{kind: "access-denied", code: "AccessDeniedException", hits: 1},     // not worth a retry
		{kind: "expired-token", code: "ExpiredTokenException", hits: 1},     // …
		{kind: "server-error", code: "ServerException", hits: 3},            // 500
		{kind: "unavailable", code: "ServiceUnavailableException", hits: 3}, // 503
		{kind: "drop", times: 1, hits: 1},                                   // a cut connection is retried
		{kind: "empty-page", times: 1, hits: 1},                             // no entries and a token is no error
	}
	for _, test := range tests {
		t.Run(fmt.Sprint(test.kind, test.times), func(t *testing.T) {
			fault := fmt.Sprintf(`{"target":"ecr","operation":"DescribeImages","kind":%q,"times":%d}`, test.kind, test.times)
			admin(t, s, http.MethodPost, "/faults", fault, nil)
			defer admin(t, s, http.MethodDelete, "/faults", "", nil)
			err := describe(t)
			var code string
			if failure := smithy.APIError(nil); errors.As(err, &failure) {
				code = failure.ErrorCode()
			}
			if code != test.code || (err == nil) != (test.code == "") {
				t.Errorf("error %v, want code %q", err, test.code)
			}
			var all []registry.Fault
			admin(t, s, http.MethodGet, "/faults", "", &all)
			if all[0].Hits != test.hits {
				t.Errorf("%d hits, want %d", all[0].Hits, test.hits)
			}
		})
	}
}

func TestECREmptyPageLeadsToTheNext(t *testing.T) {
	s := start(t, t.TempDir())
	digests := filled(t, s)
	admin(t, s, http.MethodPost, "/faults", `{"target":"ecr","kind":"empty-page","times":1}`, nil)
	pages := ecr.NewDescribeImagesPaginator(sdk(s), &ecr.DescribeImagesInput{RepositoryName: aws.String("app")})
	var sizes []int
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, len(page.ImageDetails))
	}
	if want := []int{0, len(digests)}; !slices.Equal(sizes, want) {
		t.Errorf("pages of %v images, want %v", sizes, want)
	}
}

func TestECRWantsSignedCalls(t *testing.T) {
	s := start(t, t.TempDir())
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.ECR(), strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Amz-Target", "AmazonEC2ContainerRegistry_V20150921.DescribeRepositories")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusBadRequest {
		t.Errorf("an unsigned call: %s, want 400", answer.Status)
	}
}
