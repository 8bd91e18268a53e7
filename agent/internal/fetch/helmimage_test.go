package fetch_test

import (
	"bytes"
	"io"
	"log"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/gennaker/gennaker/agent/internal/config"
	"github.com/gennaker/gennaker/agent/internal/fetch"
	"github.com/gennaker/gennaker/api/spinnaker"
)

const (
	chartConfig  types.MediaType = "application/vnd.cncf.helm.config.v1+json"
	chartContent types.MediaType = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
)

// chartRegistry is a registry with the given tags of a chart, whose content names the tag. It asks for a password.
func chartRegistry(t testing.TB, config types.MediaType, tags ...string) (host string) {
	t.Helper()
	open := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	server := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); r.Header.Get("X-Push") == "" && (user != "u" || password != "p") {
			w.Header().Set("WWW-Authenticate", `Basic realm="charts"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		open.ServeHTTP(w, r)
	}))
	host = strings.TrimPrefix(server.URL, "http://")
	for _, tag := range tags {
		push(t, host+"/charts/shop:"+tag, config, "chart "+tag)
	}
	return host
}

type pushing struct{}

func (pushing) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("X-Push", "1")
	return http.DefaultTransport.RoundTrip(r)
}

func push(t testing.TB, reference string, config types.MediaType, content string) {
	t.Helper()
	tag, err := name.ParseReference(reference, name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	var image v1.Image = mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), config)
	image, err = mutate.Append(image, mutate.Addendum{Layer: static.NewLayer([]byte(content), chartContent), MediaType: chartContent})
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(tag, image, remote.WithTransport(pushing{})); err != nil {
		t.Fatal(err)
	}
}

func helmImageSet(t testing.TB, host, password string) *fetch.Set {
	t.Helper()
	return newSet(t, fetch.Options{Accounts: config.Artifacts{HelmOCI: accounts(config.HelmOCI{Name: "oci", Address: host, Insecure: true,
		BasicAuth: basic("u", password), Reach: anywhere, Repositories: []string{"charts/shop", "charts/cart"}})}})
}

func TestHelmImages(t *testing.T) {
	host := chartRegistry(t, chartConfig, "1.9.0", "1.10.0", "1.10.0_b1")
	push(t, host+"/images/web:1", types.OCIConfigJSON, "an image")
	set := helmImageSet(t, host, "p")
	for _, test := range []struct{ name, version, want, wantErr string }{
		{name: "charts/shop", version: "1.9.0", want: "chart 1.9.0"},
		{name: host + "/charts/shop", version: "1.9.0", want: "chart 1.9.0"},
		{name: "oci://" + host + "/charts/shop", version: "1.10.0+b1", want: "chart 1.10.0_b1"},
		{name: "charts/shop", want: "chart 1.10.0_b1"},
		{name: "charts/shop", version: "2", wantErr: host + "/charts/shop:2: " + host + " answered 404 Not Found. Check the artifact's name and version"},
		{name: "charts/none", wantErr: host + "/charts/none: " + host + " answered 404 Not Found. Check the artifact's name and version"},
		{name: "images/web", version: "1", wantErr: host + `/images/web:1 is no chart: its manifest's config is "application/vnd.oci.image.config.v1+json". Check the artifact's name and version`},
		{name: "", wantErr: `name "" is no repository of registry ` + host},
		{name: "Charts", wantErr: `name "Charts" is no repository of registry ` + host},
		{name: "charts/shop", version: "a b", wantErr: `version "a b" is no tag of an image registry`},
	} {
		content, err := read(t, set, spinnaker.Artifact{Type: "helm/image", Name: test.name, Version: test.version, ArtifactAccount: "oci"})
		if test.wantErr == "" && (err != nil || content != test.want) {
			t.Errorf("%s %s: got %q, %v, want %q", test.name, test.version, content, err, test.want)
		}
		if test.wantErr != "" && (err == nil || !strings.HasSuffix(err.Error(), test.wantErr)) {
			t.Errorf("%s %s: error\n%v\nwant\n%s", test.name, test.version, err, test.wantErr)
		}
	}
	_, err := read(t, helmImageSet(t, host, "wrong"), spinnaker.Artifact{Type: "helm/image", Name: "charts/shop", Version: "1.9.0", ArtifactAccount: "oci"})
	wantError(t, err, `artifact helm/image "charts/shop": `+host+"/charts/shop:1.9.0: "+host+` answered 401 Unauthorized. Check the credentials of artifact account "oci" and what they may read`, false)
}

func TestHelmImageListings(t *testing.T) {
	set := helmImageSet(t, chartRegistry(t, chartConfig, "1.9.0", "1.10.0"), "p")
	names, err := set.Names(t.Context(), "oci", "helm/image")
	if diff := cmp.Diff([]string{"charts/cart", "charts/shop"}, names); diff != "" || err != nil {
		t.Errorf("names %v (-want +got):\n%s", err, diff)
	}
	versions, err := set.Versions(t.Context(), "oci", "helm/image", "charts/shop")
	if diff := cmp.Diff([]string{"1.10.0", "1.9.0"}, versions); diff != "" || err != nil {
		t.Errorf("versions %v (-want +got):\n%s", err, diff)
	}
}

// A registry that gives another layer than its manifest says, or more of it.
func TestALyingRegistry(t *testing.T) {
	for _, lie := range []string{"xxxxx 1.9.0", "chart 1.9.0 and more", "chart"} {
		host := chartRegistry(t, chartConfig, "1.9.0")
		honest := "http://" + host
		server := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			request, err := http.NewRequestWithContext(r.Context(), r.Method, honest+r.URL.RequestURI(), nil)
			if err != nil {
				t.Error(err)
				return
			}
			request.Header = r.Header
			answer, err := http.DefaultTransport.RoundTrip(request)
			if err != nil {
				t.Error(err)
				return
			}
			defer answer.Body.Close()
			body, err := io.ReadAll(answer.Body)
			if err != nil {
				t.Error(err)
			}
			if bytes.Equal(body, []byte("chart 1.9.0")) {
				body = []byte(lie)
			}
			for key, values := range answer.Header {
				if key != "Content-Length" {
					w.Header()[key] = values
				}
			}
			w.WriteHeader(answer.StatusCode)
			w.(http.Flusher).Flush() // so that no length is said
			if _, err := w.Write(body); err != nil {
				t.Log(err) // the client has seen enough
			}
		}))
		content, err := read(t, helmImageSet(t, strings.TrimPrefix(server.URL, "http://"), "p"),
			spinnaker.Artifact{Type: "helm/image", Name: "charts/shop", Version: "1.9.0", ArtifactAccount: "oci"})
		if err == nil && content != "chart 1.9.0" {
			t.Errorf("%q: got %q, %v", lie, content, err)
		}
	}
}

// A registry at an address that is not public, and one that leads to such an address, are not asked unless that is allowed.
func TestHelmImagesInside(t *testing.T) {
	host := chartRegistry(t, chartConfig, "1.9.0")
	account := config.HelmOCI{Name: "oci", Address: host, Insecure: true, BasicAuth: basic("u", "p")}
	chart := spinnaker.Artifact{Type: "helm/image", Name: "charts/shop", Version: "1.9.0", ArtifactAccount: "oci"}
	_, err := read(t, newSet(t, fetch.Options{Accounts: config.Artifacts{HelmOCI: accounts(account)}}), chart)
	const refused = `its address 127.0.0.1 is not public. Set allowPrivateAddresses on the artifact account "oci" if that is meant`
	if err == nil || !strings.HasSuffix(err.Error(), refused) {
		t.Errorf("error %v, want %s", err, refused)
	}

	leading := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v2/" {
			return
		}
		http.Redirect(w, r, "http://"+host+r.URL.Path, http.StatusTemporaryRedirect)
	}))
	account.Address = strings.Replace(leading.URL, "127.0.0.1", "localhost", 1)
	account.AllowedHosts = []string{"localhost"}
	content, err := read(t, newSet(t, fetch.Options{Accounts: config.Artifacts{HelmOCI: accounts(account)}}), chart)
	if err == nil {
		t.Errorf("led inside, %q was read", content)
	}
}
