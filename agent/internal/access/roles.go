package access

import (
	"maps"
	"slices"

	"github.com/gennaker/gennaker/agent/internal/config"
)

// Roles knows which roles users have.
type Roles struct {
	members map[string][]string
	admins  []string
}

// NewRoles returns the roles of the configuration.
func NewRoles(server config.Server) Roles { return Roles{server.Roles, server.Admins} }

// Of returns the roles of a user, sorted, and whether the user has all of them. known is false where no roles are
// configured.
func (r Roles) Of(user string) (held []string, admin, known bool) {
	for _, role := range slices.Sorted(maps.Keys(r.members)) {
		if slices.Contains(r.members[role], user) {
			held = append(held, role)
		}
	}
	return held, slices.Contains(r.admins, user), len(r.members)+len(r.admins) > 0
}
