package fetch_test

import (
	"strings"
	"testing"

	"github.com/gennaker/gennaker/agent/internal/config"
	"github.com/gennaker/gennaker/agent/internal/fetch"
	"github.com/gennaker/gennaker/agent/internal/fetch/fetchtest"
	"github.com/gennaker/gennaker/api/spinnaker"
)

func TestMavenFiles(t *testing.T) {
	repository := &fetchtest.Files{Header: "Authorization", Value: "Basic dTpw", Content: map[string]string{
		"/m2/com/acme/shop/maven-metadata.xml": `<metadata><versioning><latest>1.3-SNAPSHOT</latest><release>1.2</release>
			<versions><version>1.0</version><version>1.10</version><version>1.2</version><version>1.3-SNAPSHOT</version></versions></versioning></metadata>`,
		"/m2/com/acme/shop/1.3-SNAPSHOT/maven-metadata.xml": `<metadata><versioning><snapshotVersions>
			<snapshotVersion><classifier>conf</classifier><extension>jar</extension><value>1.3-20260801.100000-7</value></snapshotVersion>
			<snapshotVersion><extension>jar</extension><value>1.3-20260801.100000-7</value></snapshotVersion></snapshotVersions></versioning></metadata>`,
		"/m2/com/acme/shop/1.0/shop-1.0.jar":                                 "one",
		"/m2/com/acme/shop/1.2/shop-1.2.jar":                                 "two",
		"/m2/com/acme/shop/1.2/shop-1.2-conf.zip":                            "configuration",
		"/m2/com/acme/shop/1.10/shop-1.10.jar":                               "ten",
		"/m2/com/acme/shop/1.3-SNAPSHOT/shop-1.3-20260801.100000-7.jar":      "snapshot",
		"/m2/com/acme/shop/1.3-SNAPSHOT/shop-1.3-20260801.100000-7-conf.jar": "snapshot's configuration",
		"/m2/com/acme/broken/maven-metadata.xml":                             "<html></html>",
	}}
	server := serve(t, repository)
	host := strings.TrimPrefix(server.URL, "http://")
	set := newSet(t, fetch.Options{Accounts: config.Artifacts{Maven: accounts(config.Maven{Name: "m2", RepositoryURL: server.URL + "/m2",
		BasicAuth: basic("u", "p"), Reach: anywhere})}})
	for _, test := range []struct{ reference, want, wantErr string }{
		{reference: "com.acme:shop:1.0", want: "one"},
		{reference: "com.acme:shop:zip:conf:1.2", want: "configuration"},
		{reference: "com.acme:shop:RELEASE", want: "two"},
		{reference: "com.acme:shop:latest.release", want: "two"},
		{reference: "com.acme:shop:LATEST", want: "snapshot"},
		{reference: "com.acme:shop:1.3-SNAPSHOT", want: "snapshot"},
		{reference: "com.acme:shop:1.3-SNAPSHOT:conf", want: "snapshot's configuration"},
		{reference: "com.acme:shop:[1.0,2)", want: "ten"},
		{reference: "com.acme:shop:[1.0,1.2]", want: "two"},
		{reference: "com.acme:shop:[5,)", wantErr: "GET " + host + "/m2/com/acme/shop/maven-metadata.xml: No versions matching constraint '[5,)' for 'com.acme:shop'"},
		{reference: "com.acme:shop:9", wantErr: "GET " + host + "/m2/com/acme/shop/9/shop-9.jar: 404 Not Found: 404 File Not Found. Check the artifact's reference and version, and that artifact account \"m2\" may read it"},
		{reference: "com.acme:broken:RELEASE", wantErr: "GET " + host + "/m2/com/acme/broken/maven-metadata.xml: found <html>, expected <metadata>. Check the account's repositoryUrl"},
		{reference: "com.acme:../../x:1", wantErr: `reference "com.acme:../../x:1" is not of the form group:artifact:version[:classifier]`},
	} {
		content, err := read(t, set, spinnaker.Artifact{Type: "maven/file", Name: "shop", ArtifactAccount: "m2", Reference: test.reference})
		if test.wantErr != "" {
			wantError(t, err, `artifact maven/file "shop": `+test.wantErr, false)
		} else if err != nil || content != test.want {
			t.Errorf("%s: got %q, %v, want %q", test.reference, content, err, test.want)
		}
	}
}
