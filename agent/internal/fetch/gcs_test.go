package fetch_test

import (
	"strings"
	"testing"

	"github.com/gennaker/gennaker/agent/internal/config"
	"github.com/gennaker/gennaker/agent/internal/fetch"
	"github.com/gennaker/gennaker/agent/internal/fetch/fetchtest"
	"github.com/gennaker/gennaker/api/spinnaker"
)

func TestGCSObjects(t *testing.T) {
	gcs := &fetchtest.GCS{Objects: map[string]string{"b/dir/f.yaml": "newest", "b/dir/f.yaml#7": "seventh"}, Email: "robot@project.example",
		Key: &privateKey(t).PublicKey, Token: "granted"}
	server := serve(t, gcs)
	host := strings.TrimPrefix(server.URL, "http://")
	key, err := gcs.ServiceAccount(server.URL, privateKey(t))
	if err != nil {
		t.Fatal(err)
	}
	jsonPath := writeFile(t, "key.json", string(key))
	t.Setenv("GCE_METADATA_HOST", host)
	account := func(a config.GCS) *fetch.Set {
		a.Name, a.APIEndpoint, a.Reach = "gcs", server.URL, anywhere
		return newSet(t, fetch.Options{Accounts: config.Artifacts{GCS: accounts(a)}})
	}
	withKey, ofMachine, anonymous := account(config.GCS{JSONPath: jsonPath}), account(config.GCS{}), account(config.GCS{Anonymous: true})
	for _, test := range []struct {
		name            string
		set             *fetch.Set
		reference, want string
		wantErr         string
	}{
		{name: "with a key", set: withKey, reference: "gs://b/dir/f.yaml", want: "newest"},
		{name: "a generation", set: withKey, reference: "gs://b/dir/f.yaml#7", want: "seventh"},
		{name: "with the machine's token", set: ofMachine, reference: "b/dir/f.yaml", want: "newest"},
		{name: "anonymous", set: anonymous, reference: "gs://b/dir/f.yaml",
			wantErr: "GET " + host + "/storage/v1/b/b/o/dir%2Ff.yaml: 401 Unauthorized. Check the credentials of artifact account \"gcs\" and what they may read"},
		{name: "missing", set: withKey, reference: "gs://b/none", wantErr: "gs://b/none not found. Check the artifact's reference and version, and that artifact account \"gcs\" may read it"},
		{name: "no path", set: withKey, reference: "gs://b", wantErr: "GCS references must be of the format gs://<bucket>/<file-path>, got: gs://b"},
		{name: "no generation", set: withKey, reference: "gs://b/f#x", wantErr: `generation "x" of the reference is not a number`},
	} {
		t.Run(test.name, func(t *testing.T) {
			content, err := read(t, test.set, spinnaker.Artifact{Type: "gcs/object", Name: "f", ArtifactAccount: "gcs", Reference: test.reference})
			if test.wantErr != "" {
				wantError(t, err, `artifact gcs/object "f": `+test.wantErr, false)
			} else if err != nil || content != test.want {
				t.Errorf("got %q, %v, want %q", content, err, test.want)
			}
		})
	}
}

func TestGCSOutsideOfGoogle(t *testing.T) {
	t.Setenv("GCE_METADATA_HOST", "127.0.0.1:1")
	set := newSet(t, fetch.Options{Accounts: config.Artifacts{GCS: accounts(config.GCS{Name: "gcs"})}})
	_, err := read(t, set, spinnaker.Artifact{Type: "gcs/object", Name: "f", ArtifactAccount: "gcs", Reference: "gs://b/f"})
	wantError(t, err, `artifact gcs/object "f": get a token of this machine: GET 127.0.0.1:1: connect: connection refused. `+
		`Outside of Google's cloud the account needs jsonPath, or anonymous: true for public buckets`, true)
}
