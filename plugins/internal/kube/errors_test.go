package kube

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// What to make of an error is tried on what a client really gets.
func TestJudge(t *testing.T) {
	status := func(code int, reason string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(code)
			fmt.Fprintf(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","message":"the server's words","reason":%q,"code":%d}`, reason, code)
		}
	}
	for name, test := range map[string]struct {
		handler http.HandlerFunc
		want    Trouble
		text    string
	}{
		"forbidden":    {status(403, "Forbidden"), Refused, "the server's words"},
		"unauthorized": {status(401, "Unauthorized"), Refused, `does not accept the credentials of account "a" (401 Unauthorized): renew them`},
		"invalid":      {status(422, "Invalid"), Refused, "the server's words"},
		"conflict":     {status(409, "Conflict"), Conflicting, "the server's words"},
		"internal":     {status(500, "InternalError"), Broken, "the server's words"},
		"unavailable":  {status(503, "ServiceUnavailable"), Away, "the server's words"},
		"gateway":      {status(504, "Timeout"), Away, "the server's words"},
		"proxy":        {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(502) }, Away, "has prevented the request from succeeding"},
		"cut":          {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, Away, `of account "a"`},
		"slow": {func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
		}, Away, `of account "a"`},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(test.handler)
			defer server.Close()
			checkJudge(t, server.URL, "", test.want, test.text)
		})
	}
	t.Run("refused connection", func(t *testing.T) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		address := listener.Addr().String()
		if err := listener.Close(); err != nil {
			t.Fatal(err)
		}
		checkJudge(t, "http://"+address, "", Away, "connection refused")
	})
	t.Run("foreign certificate", func(t *testing.T) {
		server := httptest.NewTLSServer(status(200, ""))
		defer server.Close()
		checkJudge(t, server.URL, "", Refused, "certificate")
	})
	t.Run("credentials that cannot be had", func(t *testing.T) {
		server := httptest.NewTLSServer(status(200, ""))
		defer server.Close()
		user := `exec: {apiVersion: client.authentication.k8s.io/v1, command: /no/such/program, interactiveMode: Never}`
		checkJudge(t, server.URL, user, Refused, "getting credentials")
	})
}

func checkJudge(t *testing.T, server, user string, want Trouble, text string) {
	t.Helper()
	if user == "" {
		user = "token: t"
	}
	cluster, err := Connect("a", Settings{AllowExec: true, KubeconfigContents: fmt.Sprintf(`
apiVersion: v1
kind: Config
current-context: c
clusters: [{name: c, cluster: {server: %q, insecure-skip-tls-verify: %t}}]
users: [{name: u, user: {%s}}]
contexts: [{name: c, context: {cluster: c, user: u}}]
`, server, strings.HasPrefix(user, "exec"), user)})
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	cluster.catalog.loaded = time.Now()
	cluster.catalog.resources = map[schema.GroupVersionKind]resource{
		podKind: {GroupVersionResource: schema.GroupVersionResource{Version: "v1", Resource: "pods"}, namespaced: true},
	}
	_, err = cluster.Get(ctx, object(t, `{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: b}}`))
	if err == nil {
		t.Fatal("no error")
	}
	if got := Judge(err); got != want {
		t.Errorf("%v is judged %d, want %d", err, got, want)
	}
	if got := cluster.Explain(err); !strings.Contains(got, text) {
		t.Errorf("explained as %q, want …%s…", got, text)
	}
}
