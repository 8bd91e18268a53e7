package gate

import (
	"maps"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/gennaker/gennaker/api/spinnaker"
)

func (a *API) applications(c *gin.Context) (any, error) {
	all, err := a.Catalog.Applications(c)
	if err != nil {
		return nil, err
	}
	out := make([]spinnaker.Application, 0, len(all))
	for _, application := range all {
		if owner := c.Query("owner"); owner != "" && !strings.EqualFold(owner, spinnaker.Trigger(application).Text("email")) {
			continue
		}
		out = append(out, application)
	}
	return out, nil
}

// hidden are the tabs of Deck for what this server keeps nothing of.
var hidden = []string{"serverGroups", "loadBalancers", "securityGroups"}

// application serves GET /applications/{app}. An application that does not say which tabs it wants has those hidden that
// would be empty.
func (a *API) application(c *gin.Context) (any, error) {
	application, err := a.Catalog.Application(c, app(c))
	if err != nil {
		return nil, err
	}
	if application["dataSources"] == nil {
		application = maps.Clone(application)
		application["dataSources"] = object{"enabled": []string{}, "disabled": hidden}
	}
	return object{"name": application.Name(), "attributes": application, "clusters": object{}}, nil
}
