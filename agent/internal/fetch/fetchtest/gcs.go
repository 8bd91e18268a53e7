package fetchtest

import (
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

// GCS serves objects as Google's JSON API does, and tokens as its sign-in and its machines do.
type GCS struct {
	// Objects are the contents by "BUCKET/PATH" or "BUCKET/PATH#GENERATION".
	Objects map[string]string
	// Email and Key are of the service account that gets a token.
	Email string
	Key   *rsa.PublicKey
	Token string

	log
}

// ServeHTTP implements http.Handler.
func (g *GCS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	status, body := g.answer(r)
	g.note(r, status)
	if text, ok := body.(string); ok {
		w.WriteHeader(status)
		write(w, []byte(text))
		return
	}
	writeJSON(w, status, body)
}

func (g *GCS) answer(r *http.Request) (int, any) {
	granted := map[string]any{"access_token": g.Token, "expires_in": 3600, "token_type": "Bearer"}
	switch {
	case r.URL.Path == "/token" && r.Method == http.MethodPost:
		if !g.isAccount(r) {
			return http.StatusBadRequest, map[string]any{"error": "invalid_grant"}
		}
		return http.StatusOK, granted
	case strings.HasPrefix(r.URL.Path, "/computeMetadata/"):
		if r.Header.Get("Metadata-Flavor") != "Google" {
			return http.StatusForbidden, map[string]any{}
		}
		return http.StatusOK, granted
	}
	parts := strings.SplitN(strings.TrimPrefix(r.URL.Path, "/storage/v1/b/"), "/", 3)
	if len(parts) < 3 || parts[1] != "o" || r.URL.Query().Get("alt") != "media" {
		return http.StatusNotFound, map[string]any{}
	}
	if g.Token != "" && r.Header.Get("Authorization") != "Bearer "+g.Token {
		return http.StatusUnauthorized, map[string]any{"error": map[string]any{"message": "Anonymous caller does not have storage.objects.get access"}}
	}
	name := parts[0] + "/" + parts[2]
	if generation := r.URL.Query().Get("generation"); generation != "" {
		name += "#" + generation
	}
	content, ok := g.Objects[name]
	if !ok {
		return http.StatusNotFound, "No such object: " + name
	}
	return http.StatusOK, content
}

func (g *GCS) isAccount(r *http.Request) bool {
	claims := struct {
		jwt.RegisteredClaims
		Scope string `json:"scope"`
	}{}
	_, err := jwt.ParseWithClaims(r.FormValue("assertion"), &claims, func(*jwt.Token) (any, error) { return g.Key, nil },
		jwt.WithValidMethods([]string{"RS256"}), jwt.WithIssuer(g.Email), jwt.WithAudience("http://"+r.Host+"/token"), jwt.WithExpirationRequired())
	return err == nil && r.FormValue("grant_type") == "urn:ietf:params:oauth:grant-type:jwt-bearer" && strings.Contains(claims.Scope, "read_only")
}

// ServiceAccount is the key file of a service account of the GCS at an address.
func (g *GCS) ServiceAccount(address string, key *rsa.PrivateKey) ([]byte, error) {
	return json.Marshal(map[string]string{"type": "service_account", "client_email": g.Email, "private_key_id": "k1",
		"private_key": PrivateKey(key), "token_uri": address + "/token"})
}
