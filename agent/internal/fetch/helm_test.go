package fetch_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gennaker/gennaker/agent/internal/config"
	"github.com/gennaker/gennaker/agent/internal/fetch"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// chartRepository serves an index, and charts whose body is their path and who asked. HOST in the index is its address.
func chartRepository(t testing.TB, index string) (address string) {
	t.Helper()
	mux := http.NewServeMux()
	server := serve(t, mux)
	mux.HandleFunc("/charts/index.yaml", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, strings.ReplaceAll(index, "HOST", server.URL))
	})
	mux.HandleFunc("/charts/files/", func(w http.ResponseWriter, r *http.Request) {
		user, _, _ := r.BasicAuth()
		fmt.Fprint(w, r.URL.Path, " ", user)
	})
	return server.URL + "/charts"
}

func helmSet(t testing.TB, repository string) *fetch.Set {
	t.Helper()
	return newSet(t, fetch.Options{Accounts: config.Artifacts{Helm: accounts(config.Helm{Name: "charts", Repository: repository,
		BasicAuth: basic("u", "p"), Reach: anywhere})}})
}

func TestHelmCharts(t *testing.T) {
	elsewhere := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "elsewhere %q", r.Header.Get("Authorization"))
	}))
	// The digests of shop-1.2.0 are those of "/charts/files/shop-1.2.0.tgz u" and of something else.
	repository := chartRepository(t, `
entries:
  shop:
    - {version: 1.10.0, urls: [files/shop-1.10.0.tgz]}
    - {version: 1.2.0, digest: 8c9a3ad7a0b4b1c1c8a1bd0e2a4e6d27b9cc7f4ab5ea1bd2d36a2ff3f0f6a8de, urls: [files/shop-1.2.0.tgz]}
    - {version: 1.1.0, urls: ["`+elsewhere.URL+`/shop.tgz"]}
    - {version: 1.0.0, urls: ["HOST/charts/gone.tgz", "HOST/charts/files/second.tgz"]}
    - {version: 0.9.0, urls: ["oci://registry.example/shop"]}
    - {version: 0.8.0}
  cart: [{version: 2.0.0, urls: [files/cart.tgz]}, {urls: [x]}]
`)
	set := helmSet(t, repository)
	host := strings.TrimPrefix(repository, "http://")
	for _, test := range []struct{ name, version, want, wantErr string }{
		{name: "shop", want: "/charts/files/shop-1.10.0.tgz u"},
		{name: "shop", version: "1.1.0", want: `elsewhere ""`},
		{name: "shop", version: "1.0.0", want: "/charts/files/second.tgz u"},
		{name: "shop", version: "1.2.0", wantErr: "GET " + host + "/files/shop-1.2.0.tgz: the file's SHA-256 is "},
		{name: "shop", version: "0.9.0", wantErr: `chart shop 0.9.0: the index names a URL of scheme "oci". Charts in an image registry are artifacts of type helm/image`},
		{name: "shop", version: "0.8.0", wantErr: "GET " + host + "/index.yaml: chart shop 0.8.0: the index names no url of it"},
		{name: "shop", version: "7", wantErr: "Could not find correct entry with artifact version 7. The newest version of chart shop at " + host + "/index.yaml is 1.10.0"},
		{name: "cart", version: "1.0.0", wantErr: "The newest version of chart cart at " + host + "/index.yaml is 2.0.0. 1 of its entries cannot be read: entries.cart[1]: line 10: version: is missing"},
		{name: "none", wantErr: "Could not find correct entry with artifact name none. " + host + "/index.yaml has 2 charts"},
		{name: "", wantErr: "Artifact name field should not be empty"},
	} {
		content, err := read(t, set, spinnaker.Artifact{Type: "helm/chart", Name: test.name, Version: test.version, ArtifactAccount: "charts"})
		if test.wantErr == "" && (err != nil || content != test.want) {
			t.Errorf("%s %s: got %q, %v, want %q", test.name, test.version, content, err, test.want)
		}
		if test.wantErr != "" && (err == nil || !strings.Contains(err.Error(), test.wantErr)) {
			t.Errorf("%s %s: error\n%v\nwant\n%s", test.name, test.version, err, test.wantErr)
		}
	}
	index, err := read(t, set, spinnaker.Artifact{Type: "helm/index", ArtifactAccount: "charts"})
	if err != nil || !strings.Contains(index, "entries:") {
		t.Errorf("index %q, %v", index, err)
	}
}

func TestHelmListings(t *testing.T) {
	set := helmSet(t, chartRepository(t, `{entries: {shop: [{version: 1.2.0}, {version: 1.10.0}], cart: [{version: 1.0.0}]}}`))
	names, err := set.Names(t.Context(), "charts", "helm/chart")
	if diff := cmp.Diff([]string{"cart", "shop"}, names); diff != "" || err != nil {
		t.Errorf("names %v (-want +got):\n%s", err, diff)
	}
	versions, err := set.Versions(t.Context(), "charts", "helm/chart", "shop")
	if diff := cmp.Diff([]string{"1.10.0", "1.2.0"}, versions); diff != "" || err != nil {
		t.Errorf("versions %v (-want +got):\n%s", err, diff)
	}
	if _, err := set.Versions(t.Context(), "charts", "helm/chart", "none"); err == nil || !strings.Contains(err.Error(), "artifact name none") {
		t.Errorf("versions of a chart that is not there: %v", err)
	}
	_, err = httpSet(t, web("", ""), fetch.Limits{}).Names(t.Context(), "web", "http/file")
	wantError(t, err, `artifact http/file "": Artifact names are not supported for artifact types that 'web' account handles`, false)
	_, err = set.Names(t.Context(), "other", "helm/chart")
	wantError(t, err, `artifact helm/chart "": Credentials 'other' supporting artifact type 'helm/chart' cannot be found. Accounts for its type: charts`, false)
}

func TestHelmRepositoriesThatAreNone(t *testing.T) {
	for index, want := range map[string]string{
		"<html>Sign in</html>":     "the index has no `entries`: it is not the index of a chart repository. Check the account's repository",
		"a: [":                     "the index is not YAML: line 1: did not find expected node content. Check the account's repository",
		strings.Repeat("#", 2<<20): "the file is larger than the limit of 1048576 bytes",
	} {
		repository := chartRepository(t, index)
		_, err := read(t, helmSet(t, repository), spinnaker.Artifact{Type: "helm/chart", Name: "shop", ArtifactAccount: "charts"})
		wantError(t, err, `artifact helm/chart "shop": GET `+strings.TrimPrefix(repository, "http://")+"/index.yaml: "+want, false)
	}
}
