package wire

import (
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// processAttributes make the process the leader of its own group. The parent-death signal is one that Serve can catch,
// so that the processes the plugin has started end with it.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}

// reap waits for the process and calls killRemains before the process' number, which is also its group's, can be given
// to another.
func reap(cmd *exec.Cmd, killRemains func()) error {
	for unix.Waitid(unix.P_PID, cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
		continue
	}
	killRemains()
	return cmd.Wait()
}
