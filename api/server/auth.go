package server

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/gennaker/gennaker/api/spinnaker"
)

// Scope is what a caller may do; each scope includes the ones before.
type Scope string

// The scopes.
const (
	Read    Scope = "read"
	Trigger Scope = "trigger"
	Write   Scope = "write"
)

var order = [...]Scope{Read, Trigger, Write}

// Identity is a caller.
type Identity struct {
	User   string
	Scopes []Scope
}

// may says whether one of the identity's scopes includes the scope.
func (i Identity) may(scope Scope) bool {
	wanted := slices.Index(order[:], scope)
	return slices.ContainsFunc(i.Scopes, func(s Scope) bool { return slices.Index(order[:], s) >= wanted })
}

const (
	userKey = "gennaker.user"
	// anonymous is everybody where no sign-in is asked for.
	anonymous = "anonymous"
	// userHeader names the user for whom a trusted client acts.
	userHeader = "X-SPINNAKER-USER"
)

// User names the caller of a request. It is "" only on routes that are open, for callers who have not signed in.
func User(c *gin.Context) string { return c.GetString(userKey) }

// open are the routes that need no sign-in.
var open = [...]string{"/health", "/auth/user"}

// authenticated refuses callers without a valid token, or whose token may not do this.
func authenticated(authenticate func(token string) (Identity, bool)) gin.HandlerFunc {
	return func(c *gin.Context) {
		if authenticate == nil {
			c.Set(userKey, anonymous)
			return
		}
		identity, known := authenticate(token(c.Request))
		if known {
			c.Set(userKey, userOf(identity, c.Request))
		}
		if slices.Contains(open[:], c.FullPath()) {
			return
		}
		if !known && signed(c) {
			return
		}
		if !known {
			c.Header("WWW-Authenticate", `Bearer realm="gennaker"`)
			c.Error(&spinnaker.Error{Status: http.StatusUnauthorized,
				Message: "this address needs an API token: send it as `Authorization: Bearer TOKEN` (gennaker reads it from GENNAKER_TOKEN_FILE)"})
			c.Abort()
			return
		}
		if scope := needed(c); !identity.may(scope) {
			c.Error(&spinnaker.Error{Status: http.StatusForbidden, Message: "Access is denied: token \"" + identity.User +
				"\" lacks the scope \"" + string(scope) + "\"; add it to the token in server.tokens"})
			c.Abort()
		}
	}
}

// signatures are the routes whose requests may prove by a signature, instead of a token, where they come from: their
// handlers refuse callers who do neither.
var signatures = [...]string{"/webhooks/:type/:source", "/gennaker/pubsub/:system/:subscription"}

// signed says whether a request may do without a token. One that has a token, a wrong one, may not.
func signed(c *gin.Context) bool {
	return c.Request.Method == http.MethodPost && slices.Contains(signatures[:], c.FullPath()) && token(c.Request) == ""
}

// userOf names the caller: who the token stands for, or the user whom a client names that may do everything anyway.
func userOf(identity Identity, r *http.Request) string {
	const longest = 200
	named := strings.TrimSpace(r.Header.Get(userHeader))
	if named == "" || len(named) > longest || !identity.may(Write) {
		return identity.User
	}
	return named
}

// token reads the API token of a request, in any of the ways that clients send one.
func token(r *http.Request) string {
	if token := r.Header.Get("X-Spinnaker-Token"); token != "" {
		return token
	}
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return token
	}
	_, password, _ := r.BasicAuth()
	return password
}

// starts are the routes that start, judge, hold or stop a stored pipeline but change no configuration.
var starts = [...]string{
	"/pipelines/:id/:name", "/pipelines/v2/:app/:name", "/applications/:app/pipelineConfigs/:name",
	"/pipelines/:id/cancel", "/applications/:app/pipelines/:id/cancel", "/pipelines/:id/pause", "/pipelines/:id/resume",
	"/pipelines/:id/stages/:stage", "/pipelines/:id/stages/:stage/restart",
	"/webhooks/:type", "/webhooks/:type/:source", "/", "/gennaker/pubsub/:system/:subscription",
}

// reads are the routes that only read although they take a body.
var reads = [...]string{"/pipelines/:id/evaluateExpression", "/pipelines/:id/evaluateVariables"}

// needed is the scope that a request needs.
func needed(c *gin.Context) Scope {
	method, route := c.Request.Method, c.FullPath()
	switch {
	case method == http.MethodGet || slices.Contains(reads[:], route):
		return Read
	case method != http.MethodDelete && slices.Contains(starts[:], route):
		return Trigger
	default:
		return Write
	}
}
