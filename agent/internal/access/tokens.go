package access

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"slices"

	"github.com/gennaker/gennaker/agent/internal/config"
)

// Caller is who a token stands for.
type Caller struct {
	Name string
	// Scopes are "read", "trigger", "write".
	Scopes []string
}

// Tokens are the API tokens of the configuration. Only their hashes are kept.
type Tokens struct{ known []hashed }

type hashed struct {
	Caller
	sum [sha256.Size]byte
}

// NewTokens hashes the configured tokens.
func NewTokens(configured []config.Token) *Tokens {
	t := &Tokens{}
	for _, token := range configured {
		t.known = append(t.known, hashed{Caller{token.Name, slices.Clone(token.Scopes)}, digest(token)})
	}
	return t
}

// digest is what is kept of a token. One that is configured by its digest was validated.
func digest(token config.Token) (sum [sha256.Size]byte) {
	if token.SHA256 == "" {
		return sha256.Sum256([]byte(token.Secret.Reveal()))
	}
	if n, err := hex.Decode(sum[:], []byte(token.SHA256)); err != nil || n != len(sum) {
		panic("the digest of token " + token.Name + " was not validated")
	}
	return sum
}

// Empty says whether no token is configured.
func (t *Tokens) Empty() bool { return len(t.known) == 0 }

// Authenticate finds the caller of a token. Every known token is compared, so the time taken says nothing.
func (t *Tokens) Authenticate(secret string) (Caller, bool) {
	sum := sha256.Sum256([]byte(secret))
	var found *Caller
	for i := range t.known {
		if subtle.ConstantTimeCompare(sum[:], t.known[i].sum[:]) == 1 {
			found = &t.known[i].Caller
		}
	}
	if found == nil || secret == "" {
		return Caller{}, false
	}
	return *found, true
}
