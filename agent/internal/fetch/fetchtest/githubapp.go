package fetchtest

import (
	"crypto/rsa"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// GitHubApp gives tokens of a GitHub App's installations, as GitHub does:
//
//	GET  /repos/OWNER/REPOSITORY/installation     the installation that may read the repository
//	POST /app/installations/ID/access_tokens      a token
//
// Other requests go to Next.
type GitHubApp struct {
	ID  string
	Key *rsa.PublicKey
	// Installations are the installations' numbers by owner, Token what each of them gets.
	Installations map[string]int64
	Token         string
	Next          http.Handler

	log
}

// ServeHTTP implements http.Handler.
func (g *GitHubApp) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch {
	case len(parts) == 4 && parts[3] == "installation":
		g.answer(w, r, func() (int, any) {
			id, ok := g.Installations[parts[1]]
			if !ok {
				return http.StatusNotFound, map[string]any{"message": "Not Found"}
			}
			return http.StatusOK, map[string]any{"id": id, "account": map[string]any{"login": parts[1]}}
		})
	case len(parts) == 4 && parts[3] == "access_tokens" && r.Method == http.MethodPost:
		g.answer(w, r, func() (int, any) {
			for _, id := range g.Installations {
				if parts[2] == strconv.FormatInt(id, 10) {
					return http.StatusCreated, map[string]any{"token": g.Token, "expires_at": time.Now().Add(time.Hour).UTC()}
				}
			}
			return http.StatusNotFound, map[string]any{"message": "Not Found"}
		})
	default:
		g.Next.ServeHTTP(w, r)
	}
}

// answer answers the app itself only.
func (g *GitHubApp) answer(w http.ResponseWriter, r *http.Request, of func() (int, any)) {
	status, body := http.StatusUnauthorized, any(map[string]any{"message": "A JSON web token could not be decoded"})
	if g.isApp(r) {
		status, body = of()
	}
	g.note(r, status)
	writeJSON(w, status, body)
}

func (g *GitHubApp) isApp(r *http.Request) bool {
	assertion, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return false
	}
	claims := jwt.RegisteredClaims{}
	_, err := jwt.ParseWithClaims(assertion, &claims, func(*jwt.Token) (any, error) { return g.Key, nil },
		jwt.WithValidMethods([]string{"RS256"}), jwt.WithIssuer(g.ID), jwt.WithIssuedAt(), jwt.WithExpirationRequired())
	return err == nil && claims.ExpiresAt.Sub(claims.IssuedAt.Time) <= 10*time.Minute
}
