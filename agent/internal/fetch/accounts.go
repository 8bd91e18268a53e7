package fetch

import (
	"github.com/gennaker/gennaker/agent/internal/config"
)

// Accounts are the configured artifact accounts, by provider.
type Accounts struct {
	GitHub []GitHub
	HTTP   []HTTP
}

// Access is how an account's requests are sent, and where to.
type Access struct {
	// Token wins over Username and Password.
	Token    config.Secret
	Username string
	Password config.Secret
	// AllowPrivateAddresses lets references lead to loopback, link-local and private addresses.
	AllowPrivateAddresses bool
	// AllowedHosts are hosts that may be reached although their addresses are private.
	AllowedHosts []string
}

// GitHub is an account for github/file (Clouddriver's artifacts.github.accounts).
type GitHub struct {
	Name string
	Access
	// BaseURL is where references that are no whole URL belong, the public API when empty.
	BaseURL string
	// UseContentAPI reads a file with one request of the contents API, in place of asking for its download URL first.
	UseContentAPI bool
}

// HTTP is an account for http/file (Clouddriver's artifacts.http.accounts).
type HTTP struct {
	Name string
	Access
}

// FromConfig takes the accounts of the agent's configuration.
func FromConfig(c config.Artifacts) Accounts {
	var out Accounts
	for _, a := range c.GitHub.Accounts {
		out.GitHub = append(out.GitHub, GitHub{
			Name: a.Name, BaseURL: a.BaseURL, UseContentAPI: a.UseContentAPI,
			Access: Access{Token: a.Token, Username: a.Username, Password: a.Password,
				AllowPrivateAddresses: a.AllowPrivateAddresses, AllowedHosts: a.AllowedHosts},
		})
	}
	for _, a := range c.HTTP.Accounts {
		out.HTTP = append(out.HTTP, HTTP{
			Name: a.Name,
			Access: Access{Username: a.Username, Password: a.Password,
				AllowPrivateAddresses: a.AllowPrivateAddresses, AllowedHosts: a.AllowedHosts},
		})
	}
	return out
}
