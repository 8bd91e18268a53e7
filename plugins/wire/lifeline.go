package wire

import (
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	goplugin "github.com/hashicorp/go-plugin"
)

// watchAgent ends this process at once when the agent is gone: when the lifeline reaches its end, or when the parent
// death signal comes. A new agent may already be repeating the running steps, so nothing is drained.
//
// Its goroutines live as long as the process.
func watchAgent() {
	terminate := make(chan os.Signal, 1)
	signal.Notify(terminate, syscall.SIGTERM)
	lifeline := openLifeline()
	go func() {
		<-terminate
		endProcessGroup()
	}()
	if lifeline == nil {
		return
	}
	go func() {
		// Nothing is ever written to a lifeline: any end of the copy means that its other end is closed.
		_, _ = io.Copy(io.Discard, lifeline)
		endProcessGroup()
	}()
}

// openLifeline returns nil when the starter gave none.
func openLifeline() *os.File {
	fd, err := strconv.Atoi(os.Getenv(LifelineEnv))
	if err != nil || fd <= 2 {
		return nil
	}
	syscall.CloseOnExec(fd)
	return os.NewFile(uintptr(fd), "lifeline")
}

// endProcessGroup does not return. The agent makes every plugin the leader of its own group, so the group is this
// process and what it has started.
func endProcessGroup() {
	removeSockets(os.Getenv(goplugin.EnvUnixSocketDir))
	if pid := os.Getpid(); syscall.Getpgrp() == pid {
		// The signal ends this process too; Exit covers the moment until it does.
		_ = syscall.Kill(-pid, syscall.SIGKILL)
	}
	os.Exit(1)
}

// removeSockets clears the directory that go-plugin made for this process' sockets; with the agent gone nobody else
// will.
func removeSockets(dir string) {
	if dir == "" {
		return
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, entry := range entries {
		if entry.Type()&os.ModeSocket != 0 && strings.HasPrefix(entry.Name(), "plugin") {
			_ = os.Remove(filepath.Join(dir, entry.Name()))
		}
	}
	_ = os.Remove(dir)
}
