package wire

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	hclog "github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
)

// DefaultStartTimeout is how long a plugin may take from its start until it serves.
const DefaultStartTimeout = 15 * time.Second

// Launcher starts plugin processes from one operating system thread, which lives until Close: the parent-death signal
// of a process is sent when the thread that started it ends, and the Go runtime ends other threads as it likes.
type Launcher struct {
	work chan func()
	done chan struct{}
}

// NewLauncher starts the thread.
func NewLauncher() *Launcher {
	l := &Launcher{work: make(chan func()), done: make(chan struct{})}
	go func() {
		defer close(l.done)
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		for f := range l.work {
			f()
		}
	}()
	return l
}

// Close ends the thread. Processes that still run get their parent-death signal.
func (l *Launcher) Close() {
	close(l.work)
	<-l.done
}

func (l *Launcher) do(f func()) {
	ran := make(chan struct{})
	l.work <- func() {
		defer close(ran)
		f()
	}
	<-ran
}

// Command says what to start and how.
type Command struct {
	Path string
	Args []string
	// Env are the only variables of the agent's environment that the plugin gets, as KEY=value.
	Env []string
	// SHA256 is the digest that the executable must have, in hex; empty means any.
	SHA256 string
	// SocketDir is where the directories for sockets are made; empty means the system's temporary directory.
	SocketDir string
	// StartTimeout is DefaultStartTimeout when zero.
	StartTimeout time.Duration
	// Output, when not nil, gets each line that the plugin prints, without its newline and cut at MaxOutputLine; it is
	// called from several goroutines.
	Output func(line string)
}

// Start starts a plugin, shakes hands and connects. The process is the leader of its own group, gets no environment but
// what is named and no standard input, and is told by a signal and by the end of its lifeline when the agent is gone.
// When ctx ends before the plugin serves, the process is killed.
func (l *Launcher) Start(ctx context.Context, command Command) (*Process, error) {
	path, err := filepath.Abs(command.Path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", command.Path, err)
	}
	if err := verify(path, command.SHA256); err != nil {
		return nil, err
	}
	timeout := command.StartTimeout
	if timeout <= 0 {
		timeout = DefaultStartTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()

	output := newOutput(command.Output)
	process, err := newProcessRunner(l, path, command)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	client := goplugin.NewClient(&goplugin.ClientConfig{
		HandshakeConfig:  handshake(),
		Plugins:          goplugin.PluginSet{serviceName: agentSide{}},
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		AutoMTLS:         true,
		SkipHostEnv:      true,
		RunnerFunc: func(_ hclog.Logger, spec *exec.Cmd, _ string) (runner.Runner, error) {
			process.cmd.Env = append(process.cmd.Env, spec.Env...)
			return process, nil
		},
		// The runner's own deadline is ctx; go-plugin's only has to be later.
		StartTimeout:     2 * timeout,
		UnixSocketConfig: &goplugin.UnixSocketConfig{TempDir: command.SocketDir},
		GRPCDialOptions:  DialOptions(),
		Stderr:           output.stderr,
		SyncStdout:       output.stdout,
		SyncStderr:       output.syncStderr,
		Logger:           hclog.NewNullLogger(),
	})
	stop := context.AfterFunc(ctx, process.killGroup)
	connection, err := connect(client)
	if !stop() || err != nil {
		process.killGroup()
		client.Kill()
		output.close()
		return nil, process.startError(ctx, err)
	}
	connection.client, connection.runner, connection.output = client, process, output
	return connection, nil
}

func connect(client *goplugin.Client) (*Process, error) {
	protocol, err := client.Client()
	if err != nil {
		return nil, err
	}
	raw, err := protocol.Dispense(serviceName)
	if err != nil {
		return nil, err
	}
	return raw.(*Process), nil
}

// verify compares the executable's digest with the wanted one.
func verify(path, want string) error {
	if want == "" {
		return nil
	}
	checksum, err := hex.DecodeString(want)
	if err != nil || len(checksum) != sha256.Size {
		return fmt.Errorf("%s: the configured sha256 %q is not a SHA-256 in hex", path, want)
	}
	// The hash inside SecureConfig keeps its sum: it must be a new one for every check.
	ok, err := (&goplugin.SecureConfig{Checksum: checksum, Hash: sha256.New()}).Check(path)
	if err != nil {
		return fmt.Errorf("%s: read the executable for its digest: %w", path, err)
	}
	if !ok {
		return fmt.Errorf("%s: the executable's digest is not the configured sha256 %s; it was changed, or the "+
			"configuration is of another build", path, want)
	}
	return nil
}
