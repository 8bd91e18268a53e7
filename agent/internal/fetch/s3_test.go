package fetch_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gennaker/gennaker/agent/internal/config"
	"github.com/gennaker/gennaker/agent/internal/fetch"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// s3 is a server as s3/object knows it: buckets are paths, and requests are signed.
func s3(t testing.TB, objects map[string]string) *httptest.Server {
	refuse := func(w http.ResponseWriter, status int, code string) {
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(status)
		if _, err := w.Write([]byte("<Error><Code>" + code + "</Code><Message>it is so</Message><RequestId>1</RequestId></Error>")); err != nil {
			t.Error(err)
		}
	}
	return serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		content, ok := objects[r.URL.Path]
		signature := r.Header.Get("Authorization")
		switch {
		case !strings.HasPrefix(signature, "AWS4-HMAC-SHA256 Credential=AKID/") || !strings.Contains(signature, "/eu-central-1/s3/aws4_request"):
			refuse(w, http.StatusForbidden, "AccessDenied")
		case strings.HasPrefix(r.URL.Path, "/busy/"):
			refuse(w, http.StatusServiceUnavailable, "SlowDown")
		case strings.HasPrefix(r.URL.Path, "/moved/"):
			w.Header().Set("Location", "http://127.0.0.1:1/")
			refuse(w, http.StatusMovedPermanently, "PermanentRedirect")
		case !ok:
			refuse(w, http.StatusNotFound, "NoSuchKey")
		default:
			if strings.HasPrefix(r.URL.Path, "/half/") {
				w.Header().Set("Content-Length", "1000")
			}
			if _, err := w.Write([]byte(content)); err != nil {
				t.Log(err) // the client has seen enough
			}
		}
	}))
}

func TestS3Objects(t *testing.T) {
	server := s3(t, map[string]string{"/b/dir/f.yaml": "body", "/b/large": strings.Repeat("x", 2<<20), "/half/f": "half"})
	account := config.S3{Name: "s3", APIEndpoint: server.URL, APIRegion: "eu-central-1", AccessKeyID: "AKID", SecretAccessKey: config.NewSecret("s3cret"), Reach: anywhere}
	stranger := account
	stranger.Name, stranger.AccessKeyID = "stranger", "OTHER"
	guarded := account
	guarded.Name, guarded.Reach = "guarded", config.Reach{}
	set := newSet(t, fetch.Options{Accounts: config.Artifacts{S3: accounts(account, stranger, guarded)}})
	for _, test := range []struct {
		account, reference, want, wantErr string
		retryable                         bool
	}{
		{account: "s3", reference: "s3://b/dir/f.yaml", want: "body"},
		{account: "s3", reference: "b/dir/f.yaml", want: "body"},
		{account: "s3", reference: "s3://b/none", wantErr: "s3://b/none not found. Check the artifact's reference and the region of artifact account \"s3\""},
		{account: "s3", reference: "s3://b", wantErr: "S3 references must be of the format s3://<bucket>/<file-path>, got: s3://b"},
		{account: "s3", reference: "s3://b/large", wantErr: "s3://b/large: the file is larger than the limit of 1048576 bytes"},
		{account: "s3", reference: "s3://busy/f", wantErr: "s3://busy/f: 503 Service Unavailable SlowDown", retryable: true},
		{account: "s3", reference: "s3://moved/f", wantErr: "s3://moved/f: 301 Moved Permanently PermanentRedirect. Check the region of artifact account \"s3\""},
		{account: "s3", reference: "s3://half/f", wantErr: "s3://half/f: unexpected EOF", retryable: true},
		{account: "stranger", reference: "s3://b/dir/f.yaml", wantErr: "s3://b/dir/f.yaml: 403 Forbidden AccessDenied. Check the credentials of artifact account \"stranger\" and what they may read"},
		{account: "guarded", reference: "s3://b/dir/f.yaml", wantErr: "s3://b/dir/f.yaml: its address 127.0.0.1 is not public. Set allowPrivateAddresses on the artifact account \"guarded\" if that is meant"},
	} {
		content, err := read(t, set, spinnaker.Artifact{Type: "s3/object", Name: "f", ArtifactAccount: test.account, Reference: test.reference})
		if test.wantErr != "" {
			wantError(t, err, `artifact s3/object "f": `+test.wantErr, test.retryable)
		} else if err != nil || content != test.want {
			t.Errorf("%s: got %q, %v, want %q", test.reference, content, err, test.want)
		}
	}
}

func TestS3NeedsARegion(t *testing.T) {
	t.Setenv("AWS_CONFIG_FILE", "/dev/null")
	for _, name := range []string{"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"} {
		t.Setenv(name, "")
	}
	_, err := fetch.New(t.Context(), fetch.Options{Accounts: config.Artifacts{S3: accounts(config.S3{Name: "a"})}})
	want := `s3 artifact account "a": found no region: set region (or apiRegion beside apiEndpoint), or AWS_REGION in the agent's environment`
	if err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}
