package jenkins_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gennaker/gennaker/jenkins"
	"github.com/gennaker/gennaker/jenkins/jenkinstest"
)

// TestFailures goes through the failure catalogue: what arrives, and the kind
// and text that come of it.
func TestFailures(t *testing.T) {
	list := func(t *testing.T, c *jenkins.Client) error {
		_, err := c.ListJobs(t.Context(), "", 2)
		return err
	}
	build := func(t *testing.T, c *jenkins.Client) error {
		_, err := c.Build(t.Context(), "team/app", 1)
		return err
	}
	start := func(t *testing.T, c *jenkins.Client) error {
		return c.StopBuild(t.Context(), "team/app", 1, jenkins.Stop)
	}
	tests := []struct {
		name    string
		fault   jenkinstest.Fault
		options func(*jenkins.Options)
		do      func(*testing.T, *jenkins.Client) error
		kind    jenkins.Kind
		text    string // after `jenkins "ci": `
		asked   int    // requests that reach the master
	}{
		{"connection dropped", jenkinstest.Fault{Drop: true}, nil, list, jenkins.KindUnreachable,
			"list jobs: Cannot reach Jenkins ci at HOST: EOF", 0},
		{"hang", jenkinstest.Fault{Hang: true}, quick, list, jenkins.KindTimeout,
			"list jobs: Jenkins ci did not answer within 0.1 s (/api/json)", 0},
		{"slow headers", jenkinstest.Fault{SlowHeaders: time.Second}, quick, list, jenkins.KindTimeout,
			"list jobs: Jenkins ci did not answer within 0.1 s (/api/json)", 0},
		{"slow body", jenkinstest.Fault{SlowBody: 10}, quick, list, jenkins.KindTimeout,
			"list jobs: Jenkins ci did not answer within 0.1 s (/api/json)", 0},
		{"starting", jenkinstest.Fault{Starting: true}, nil, list, jenkins.KindStarting,
			"list jobs: 503 Service Unavailable: Jenkins ci is starting", 1},
		{"restarting", jenkinstest.Fault{Restarting: true}, nil, list, jenkins.KindStarting,
			"list jobs: 503 Service Unavailable: Jenkins ci is starting", 1},
		{"proxy", jenkinstest.Gateway(502), nil, list, jenkins.KindProxy,
			"list jobs: 502 Bad Gateway: Proxy in front of ci answered 502", 1},
		{"busy", jenkinstest.Fault{Status: 429, Header: http.Header{"Retry-After": {"30"}}}, nil, list, jenkins.KindBusy,
			"list jobs: 429 Too Many Requests: ci limits our requests; next try in 30 s", 1},
		{"busy without a time", jenkinstest.Fault{Status: 429}, nil, list, jenkins.KindBusy,
			"list jobs: 429 Too Many Requests: ci limits our requests; next try in 60 s", 1},
		{"login page", jenkinstest.Fault{LoginPage: true}, nil, list, jenkins.KindLogin,
			"list jobs: ci answered a login page, not the API: use an API token, or exempt /api from single sign-on", 1},
		{"login redirect", jenkinstest.Fault{Redirect: jenkinstest.LoginRedirect}, nil, list, jenkins.KindLogin,
			"list jobs: 302 Found: ci redirects to HOST: check address (http/https, path prefix) and token", 1},
		{"redirect to another host", jenkinstest.Fault{Redirect: "https://sso.example/x"}, nil, list, jenkins.KindLogin,
			"list jobs: 302 Found: ci redirects to sso.example: check address (http/https, path prefix) and token", 1},
		{"wrong token", jenkinstest.Fault{}, func(o *jenkins.Options) { o.Token = "wrong" }, build, jenkins.KindUnauthorized,
			`read build "team/app" #1: 401 Unauthorized: ci refuses user admin: token wrong or revoked`, 1},
		{"no credentials", jenkinstest.Fault{}, func(o *jenkins.Options) { o.User = "" }, build, jenkins.KindUnauthorized,
			`read build "team/app" #1: 403 Forbidden: ci needs a user and an API token`, 1},
		{"plain 403", jenkinstest.Fault{Status: 403, Body: "<html><title>Blocked</title>"}, nil, build, jenkins.KindForbidden,
			`read build "team/app" #1: 403 Forbidden: admin may not read /job/team/job/app/1/api/json on ci ("Blocked")`, 1},
		{"no such build", jenkinstest.Fault{Status: 404}, nil, build, jenkins.KindNotFound,
			`read build "team/app" #1: 404 Not Found: Build team/app #1 not found on ci`, 1},
		{"wrong prefix", jenkinstest.Fault{Status: 404}, nil, list, jenkins.KindWrongAddress,
			"list jobs: 404 Not Found: No Jenkins at URL (is a path such as /jenkins missing?)", 1},
		{"truncated, chunked", jenkinstest.Fault{Truncate: 20}, nil, list, jenkins.KindTruncated,
			"list jobs: Answer of ci was cut off after 20 bytes", 2},
		{"truncated, with length", jenkinstest.Fault{Truncate: 20, Announced: true}, nil, list, jenkins.KindTruncated,
			"list jobs: Answer of ci was cut off after 20 bytes", 2},
		{"bad JSON", jenkinstest.Fault{BadJSON: true}, nil, list, jenkins.KindTruncated,
			"list jobs: Answer of ci was cut off in the middle", 2},
		{"no JSON", jenkinstest.Fault{Status: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: "hello"}, nil, list, jenkins.KindBadAnswer,
			"list jobs: ci sent no valid JSON (invalid character 'h' looking for beginning of value at byte 1)", 2},
		{"wrong types", jenkinstest.Fault{WrongTypes: true}, nil, build, jenkins.KindBadAnswer,
			`read build "team/app" #1: ci sent string for "number"`, 2},
		{"text", jenkinstest.Fault{Status: 200, Header: http.Header{"Content-Type": {"text/plain"}}, Body: "hello"}, nil, list, jenkins.KindBadAnswer,
			`list jobs: ci answered "text/plain", not JSON`, 2},
		{"empty", jenkinstest.Fault{Empty: true}, nil, list, jenkins.KindEmpty,
			"list jobs: ci sent an empty answer", 1},
		{"huge", jenkinstest.Fault{Huge: 2}, func(o *jenkins.Options) { o.MaxAnswer = 1 << 20 }, list, jenkins.KindTooLarge,
			"list jobs: Job list of ci exceeds 1 MiB; name folders in the configuration", 1},
		{"414", jenkinstest.Fault{Status: 414}, nil, list, jenkins.KindLongQuery,
			"list jobs: 414 Request URI Too Long: The query is too long for ci; name fewer or less deep folders", 1},
		{"500 with a log entry", jenkinstest.Fault{Status: 500, Header: http.Header{"X-Jenkins": {"2.372"}}, Body: "<p>Logging ID=1-2-3</p>"}, nil, build, jenkins.KindInternal,
			`read build "team/app" #1: 500 Internal Server Error: Jenkins ci failed internally, see its log for ID 1-2-3`, 2},
		{"500 to a change is not repeated", jenkinstest.Fault{Status: 500, Header: http.Header{"X-Jenkins": {"2.372"}}}, nil, start, jenkins.KindInternal,
			`stop build "team/app" #1: 500 Internal Server Error: Jenkins ci failed internally, see its log`, 1},
		{"X-Error header", jenkinstest.Fault{Status: 400, Header: http.Header{"X-Error": {"boo"}}}, nil, list, jenkins.KindBadAnswer,
			"list jobs: 400 Bad Request: ci answered unexpectedly", 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server := serve(t, jenkinstest.Options{})
			server.Job("team/app", jenkinstest.Freestyle).Finished("SUCCESS")
			if test.kind != jenkins.KindUnauthorized {
				server.Faults.Add(test.fault)
			}
			client := connect(t, server, test.options)
			err := test.do(t, client)
			host := strings.TrimPrefix(server.URL, "http://")
			want := `jenkins "ci": ` + strings.NewReplacer("HOST", host, "URL)", server.URL+")", "URL ", server.URL+" ").Replace(test.text)
			if strings.Contains(test.text, "Request URI") {
				want = `jenkins "ci": ` + test.text
			}
			if jenkins.KindOf(err) != test.kind || err.Error() != want {
				t.Errorf("kind %s, want %s\ngot  %v\nwant %s", jenkins.KindOf(err), test.kind, err, want)
			}
			if strings.Contains(err.Error(), server.Admin.Token) {
				t.Errorf("the token shows in %v", err)
			}
			if n := len(server.Log.All()); test.asked > 0 && n != test.asked {
				t.Errorf("%d requests, want %d", n, test.asked)
			}
		})
	}
}

func quick(o *jenkins.Options) { o.Timeout = 100 * time.Millisecond }

func TestUnreachable(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	client, err := jenkins.New(jenkins.Options{Name: "ci", BaseURL: "http://" + address})
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.ListJobs(t.Context(), "", 1)
	want := `jenkins "ci": list jobs: Cannot reach Jenkins ci at ` + address + ": connect: connection refused"
	if jenkins.KindOf(err) != jenkins.KindUnreachable || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	err = client.CancelQueueItem(t.Context(), 1)
	var typed *jenkins.Error
	if !errors.As(err, &typed) || typed.Uncertain {
		t.Errorf("a refused connection leaves nothing uncertain: %#v", typed)
	}
}

func TestLostAnswerToAStartIsUncertain(t *testing.T) {
	server := serve(t, jenkinstest.Options{})
	server.Job("cart", jenkinstest.Freestyle)
	server.Faults.Add(jenkinstest.Fault{Method: http.MethodPost, Drop: true})
	_, err := connect(t, server, nil).StartBuild(t.Context(), "cart", nil)
	var typed *jenkins.Error
	if !errors.As(err, &typed) || !typed.Uncertain || typed.Kind != jenkins.KindUnreachable {
		t.Errorf("got %#v", err)
	}
	if n := server.Log.Count(http.MethodPost, "/build"); n != 1 {
		t.Errorf("%d posts, want 1: a start is never repeated", n)
	}
}

func TestRights(t *testing.T) {
	server := serve(t, jenkinstest.Options{})
	job := server.Job("team/app", jenkinstest.Freestyle)
	job.Start(jenkinstest.StartOptions{})
	server.Job("team/hidden", jenkinstest.Freestyle)
	reader := server.AddUser("reader", "pw", jenkinstest.OverallRead, jenkinstest.JobRead)
	server.Deny("reader", "team/hidden")
	client := connect(t, server, func(o *jenkins.Options) { o.User, o.Token = reader.ID, reader.Token })

	_, startErr := client.StartBuild(t.Context(), "team/app", nil)
	_, hiddenErr := client.Builds(t.Context(), "team/hidden", 0, 1)
	for _, test := range []struct {
		err  error
		kind jenkins.Kind
		want string
	}{
		{startErr, jenkins.KindForbidden, `jenkins "ci": start "team/app": 403 Forbidden: reader lacks Job/Build on team/app`},
		{client.StopBuild(t.Context(), "team/app", 1, jenkins.Stop), jenkins.KindForbidden, `jenkins "ci": stop build "team/app" #1: 403 Forbidden: reader lacks Job/Cancel on team/app`},
		{client.Describe(t.Context(), "team/app", 1, "x"), jenkins.KindForbidden, `jenkins "ci": describe build "team/app" #1: 403 Forbidden: reader lacks Run/Update on team/app`},
		{hiddenErr, jenkins.KindNotFound, `jenkins "ci": list builds of "team/hidden": 404 Not Found: Job team/hidden not found on ci, or reader may not read it`},
	} {
		if jenkins.KindOf(test.err) != test.kind || test.err.Error() != test.want {
			t.Errorf("got  %v\nwant %s", test.err, test.want)
		}
	}
	listing, err := client.ListJobs(t.Context(), "", 2)
	if err != nil || len(listing.Jobs) != 1 {
		t.Errorf("%v %v", listing.Jobs, err)
	}
}

func TestTLS(t *testing.T) {
	for _, test := range []struct {
		name   string
		cert   tls.Certificate
		scheme string
		want   string
	}{
		{"unknown authority", certificate(t, "127.0.0.1", time.Hour), "https", "certificate signed by unknown authority (name its file in the master's ca)"},
		{"wrong host", certificate(t, "10.0.0.1", time.Hour), "https", "certificate is not for 127.0.0.1 (check the address)"},
		{"expired", certificate(t, "127.0.0.1", -time.Hour), "https", "certificate has expired or is not yet valid (renew it, check the clocks)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := serve(t, jenkinstest.Options{TLS: &tls.Config{Certificates: []tls.Certificate{test.cert}}})
			client := connect(t, server, func(o *jenkins.Options) {
				if test.name != "unknown authority" {
					pool := x509.NewCertPool()
					pool.AddCert(test.cert.Leaf)
					o.TLS = &tls.Config{RootCAs: pool}
				}
			})
			_, err := client.ListJobs(t.Context(), "", 1)
			if jenkins.KindOf(err) != jenkins.KindTLS || !strings.HasSuffix(err.Error(), "TLS to ci failed: "+test.want) {
				t.Errorf("%s: %v", jenkins.KindOf(err), err)
			}
		})
	}
	t.Run("plain HTTP behind https", func(t *testing.T) {
		server := serve(t, jenkinstest.Options{})
		client := connect(t, server, func(o *jenkins.Options) { o.BaseURL = strings.Replace(server.URL, "http:", "https:", 1) })
		_, err := client.ListJobs(t.Context(), "", 1)
		if jenkins.KindOf(err) != jenkins.KindTLS || !strings.Contains(err.Error(), "does not speak TLS") {
			t.Errorf("%s: %v", jenkins.KindOf(err), err)
		}
	})
	t.Run("trusted", func(t *testing.T) {
		cert := certificate(t, "127.0.0.1", time.Hour)
		server := serve(t, jenkinstest.Options{TLS: &tls.Config{Certificates: []tls.Certificate{cert}}})
		pool := x509.NewCertPool()
		pool.AddCert(cert.Leaf)
		client := connect(t, server, func(o *jenkins.Options) { o.TLS = &tls.Config{RootCAs: pool} })
		if _, err := client.ListJobs(t.Context(), "", 1); err != nil {
			t.Error(err)
		}
	})
}

func certificate(t *testing.T, ip string, lifetime time.Duration) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.ParseIP(ip)}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(lifetime),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func TestResourceRootRedirect(t *testing.T) {
	var auth []string
	resources := http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		auth = append(auth, r.Header.Get("Authorization"))
		if _, err := w.Write([]byte("content")); err != nil {
			t.Error(err)
		}
	})}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- resources.Serve(listener) }()
	defer func() {
		if err := resources.Close(); err != nil {
			t.Error(err)
		}
		<-done
	}()
	server := serve(t, jenkinstest.Options{})
	server.Faults.Add(jenkinstest.Fault{Path: "/artifact/", Redirect: "http://" + listener.Addr().String() + "/static-files/signed/build.properties"})
	file, err := connect(t, server, nil).Artifact(t.Context(), "cart", 1, "build.properties", 100)
	if err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Error(err)
	}
	if len(auth) != 1 || auth[0] != "" {
		t.Errorf("authorization sent to the other host: %q", auth)
	}
}
