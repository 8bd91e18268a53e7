package serving

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/gennaker/gennaker/scripts/testcluster/registry"
)

// DirVariable names the environment variable with the folder of a running
// server, the default of --dir.
const DirVariable = "TEST_CLUSTER"

// Flags are the flags that both servers have.
type Flags struct {
	// Dir is the server's folder.
	Dir string
	// RegistryPort and ECRPort are ports on 127.0.0.1; 0 takes a free one.
	RegistryPort, ECRPort int
	// StdinEOF says to stop at the end of standard input.
	StdinEOF bool
}

// Register adds the flags to a command.
func (f *Flags) Register(cmd *cobra.Command) {
	DirFlag(cmd, &f.Dir)
	cmd.Flags().IntVar(&f.RegistryPort, "registry-port", 0, "port of the anonymous registry (0: a free one)")
	cmd.Flags().IntVar(&f.ECRPort, "ecr-port", 0, "port of the ECR API and its registry (0: a free one)")
	cmd.Flags().BoolVar(&f.StdinEOF, "stdin-eof", false, "stop when standard input ends, as it does with the parent process")
}

// DirFlag adds --dir to a command.
func DirFlag(cmd *cobra.Command, dir *string) {
	cmd.Flags().StringVar(dir, "dir", os.Getenv(DirVariable), "folder of the server ($"+DirVariable+")")
}

// Prepare makes the folder and opens NAME.log in it. From then on nothing but
// what the command says goes to standard output or error.
func (f *Flags) Prepare(name string) (*slog.Logger, error) {
	if f.Dir == "" {
		return nil, fmt.Errorf("no folder: give --dir or set %s", DirVariable)
	}
	var err error
	if f.Dir, err = filepath.Abs(f.Dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(f.Dir, 0o700); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(filepath.Join(f.Dir, name+".log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	logger := slog.New(slog.NewTextHandler(file, nil))
	slog.SetDefault(logger) // takes package log along
	return logger, nil
}

// StartRegistry starts the registry that the flags describe.
func (f *Flags) StartRegistry(log *slog.Logger) (*registry.Server, error) {
	return registry.Start(registry.Config{
		Dir:          filepath.Join(f.Dir, "registry"),
		RegistryAddr: Address(f.RegistryPort),
		ECRAddr:      Address(f.ECRPort),
		Log:          log,
	})
}

// Address is a port on the loopback interface.
func Address(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }

// Lifetime returns a context that ends at an interrupt, at SIGTERM and, if
// asked for, when stdin ends.
func (f *Flags) Lifetime(ctx context.Context, stdin io.Reader) (context.Context, context.CancelFunc) {
	ctx, cancel := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	if f.StdinEOF {
		// It ends with the process: a read of standard input cannot be interrupted.
		go func() {
			defer cancel()
			_, _ = io.Copy(io.Discard, stdin) // an error is an end, too
		}()
	}
	return ctx, cancel
}
