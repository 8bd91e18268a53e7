package wire

import goplugin "github.com/hashicorp/go-plugin"

// ProtocolVersion is the version of the transport itself. It changes only when an old agent and a new plugin could not
// talk at all; what a plugin can do is in GetInfo.
const ProtocolVersion = 1

// CookieKey and CookieValue are the environment variable by which a plugin knows that an agent started it. It is a
// courtesy to people who start a plugin by hand, not a secret.
const (
	CookieKey   = "GENNAKER_PLUGIN"
	CookieValue = "stage-3c1f64d0a5b94f0e9a3f"
)

// LifelineEnv names the environment variable that holds the number of the lifeline's file descriptor.
const LifelineEnv = "GENNAKER_LIFELINE_FD"

// serviceName is the name of the one service in go-plugin's plugin set.
const serviceName = "stage"

func handshake() goplugin.HandshakeConfig {
	return goplugin.HandshakeConfig{
		ProtocolVersion:  ProtocolVersion,
		MagicCookieKey:   CookieKey,
		MagicCookieValue: CookieValue,
	}
}
