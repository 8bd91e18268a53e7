package access

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gennaker/gennaker/agent/internal/config"
)

func TestTokens(t *testing.T) {
	const secret = "0123456789abcdef"
	tokens := NewTokens([]config.Token{
		{Name: "ci", Secret: config.NewSecret(secret), Scopes: []string{"trigger"}},
		{Name: "hashed", SHA256: "087A41999DE09EA818362617C43CD1E1D8A64122E8586CE920634956D215BBA2", Scopes: []string{"read"}},
		{Name: "admin", Secret: config.NewSecret("fedcba9876543210"), Scopes: []string{"write"}},
	})
	for given, want := range map[string]string{secret: "ci", "the token of a dashboard": "hashed", "087A41999DE09EA818362617C43CD1E1D8A64122E8586CE920634956D215BBA2": "", "fedcba9876543210": "admin", "": "", "0123456789abcdeF": "", secret + "0": ""} {
		caller, ok := tokens.Authenticate(given)
		if caller.Name != want || ok != (want != "") {
			t.Errorf("Authenticate(%q) = %q, %v; want %q", given, caller.Name, ok, want)
		}
	}
	if shown := fmt.Sprintf("%v %+v", tokens, tokens); strings.Contains(shown, secret) {
		t.Errorf("the secret is kept in the clear: %s", shown)
	}
}
