package access

import (
	"fmt"
	"testing"

	"github.com/gennaker/gennaker/agent/internal/config"
)

func TestRoles(t *testing.T) {
	roles := NewRoles(config.Server{Roles: map[string][]string{"testers": {"ann", "ben"}, "operators": {"ann"}}, Admins: []string{"root"}})
	for user, want := range map[string]string{
		"ann": "[operators testers] false true", "ben": "[testers] false true", "root": "[] true true", "Ann": "[] false true", "": "[] false true",
	} {
		if held, admin, known := roles.Of(user); fmt.Sprint(held, admin, known) != want {
			t.Errorf("Of(%q) = %v %v %v, want %s", user, held, admin, known, want)
		}
	}
	if held, admin, known := NewRoles(config.Server{}).Of("ann"); held != nil || admin || known {
		t.Errorf("without roles in the configuration, ann's are %v %v %v", held, admin, known)
	}
}
