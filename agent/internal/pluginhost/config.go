package pluginhost

import "time"

// Config of the plugins and of their supervision. Zero durations and limits stand for the defaults.
type Config struct {
	// Plugins in the order of preference: when two provide one stage type, the first gets it.
	Plugins []Plugin
	// SocketDir is where sockets are made; empty means the system's temporary directory. A socket's path is limited to
	// 108 bytes, of which go-plugin needs 40.
	SocketDir string
	// StartTimeout is how long a plugin may take from its start until it is configured (15 s).
	StartTimeout time.Duration
	// DrainTimeout is how long running steps may take to end when the agent stops (12 s).
	DrainTimeout time.Duration
	// StepGrace is how long after its declared time a step may still answer before its plugin is killed (5 s).
	StepGrace time.Duration
	// MinBackoff and MaxBackoff bound the pause before a plugin that ended is started again (250 ms, 30 s). The pause
	// doubles each time, and starts over once the plugin has run for MaxBackoff.
	MinBackoff, MaxBackoff time.Duration
	Limits                 Limits
}

// Plugin is one executable.
type Plugin struct {
	// Name is how the configuration and messages call it.
	Name string
	Path string
	// SHA256 is the digest the executable must have, in hex; empty means any.
	SHA256 string
	// Config is handed to the plugin.
	Config map[string]any
	// Env names the variables of the agent's environment that the plugin gets; there are no others.
	Env []string
}

// Limits bound what one step may take from the agent.
type Limits struct {
	// ArtifactBytes and BlobBytes bound one body in bytes (256 MiB each).
	ArtifactBytes, BlobBytes int64
	// LogLines and LogBytes bound one step's log (2000, 1 MiB), LogLineBytes one line (16 KiB). What is over is dropped
	// and counted, or cut.
	LogLines, LogBytes, LogLineBytes int
	// MaxStep is the most that a stage type can declare for its steps (15 min).
	MaxStep time.Duration
}

// withDefaults fills in what is zero.
func (c Config) withDefaults() Config {
	fill(&c.StartTimeout, 15*time.Second)
	fill(&c.DrainTimeout, 12*time.Second)
	fill(&c.StepGrace, 5*time.Second)
	fill(&c.MinBackoff, 250*time.Millisecond)
	fill(&c.MaxBackoff, 30*time.Second)
	fill(&c.Limits.ArtifactBytes, 256<<20)
	fill(&c.Limits.BlobBytes, 256<<20)
	fill(&c.Limits.LogLines, 2000)
	fill(&c.Limits.LogBytes, 1<<20)
	fill(&c.Limits.LogLineBytes, 16<<10)
	fill(&c.Limits.MaxStep, 15*time.Minute)
	return c
}

func fill[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
