//go:build unix && !linux

package wire

import (
	"os/exec"
	"syscall"
)

// processAttributes make the process the leader of its own group. There is no parent-death signal here: the lifeline
// alone tells the plugin that the agent is gone.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}

// reap waits for the process and calls killRemains.
func reap(cmd *exec.Cmd, killRemains func()) error {
	err := cmd.Wait()
	killRemains()
	return err
}
