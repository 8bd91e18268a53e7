package postgrestest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// stopTimeout is how long the server has to end in good order.
const stopTimeout = 30 * time.Second

// programs is the folder with PostgreSQL's programs, of the newest version that is installed.
func programs() (string, error) {
	installed, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		return "", err
	}
	slices.SortFunc(installed, func(a, b string) int { return version(b) - version(a) })
	if len(installed) > 0 {
		return filepath.Dir(installed[0]), nil
	}
	initdb, err := exec.LookPath("initdb")
	if err != nil {
		return "", errMissing
	}
	return filepath.Dir(initdb), nil
}

// version is the number in /usr/lib/postgresql/15/bin/initdb.
func version(path string) int {
	number, err := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
	if err != nil {
		return 0
	}
	return number
}

// socketFolder is where a folder is made whose socket's path is not longer than sockets' may be.
func socketFolder() string {
	const longest = 60
	if folder := os.TempDir(); len(folder) <= longest {
		return folder
	}
	return "/tmp"
}

// account is who the server runs as; nil means who runs the test.
type account struct{ uid, gid int }

// accountForServer is an unprivileged account if the test runs as root: PostgreSQL refuses to.
func accountForServer() (*account, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		found, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.Atoi(found.Uid)
		gid, err2 := strconv.Atoi(found.Gid)
		return &account{uid, gid}, errors.Join(err1, err2)
	}
	return nil, errors.New("PostgreSQL does not run as root, and there is neither a user postgres nor nobody")
}

// own gives a path to the account.
func (a *account) own(path string) error {
	if a == nil {
		return nil
	}
	return os.Chown(path, a.uid, a.gid)
}

// write writes a file that belongs to the account.
func (a *account) write(path, text string) error {
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return err
	}
	return a.own(path)
}

// run has a command run as the account, in a folder and a process group of its own.
func (a *account) run(cmd *exec.Cmd, folder string) {
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "LC_ALL=C", "TZ=UTC")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if a != nil {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}
	}
}

// process is a server.
type process struct {
	cmd   *exec.Cmd
	file  string
	ended chan struct{}
	err   error // how it ended
}

// start starts a server that ends at the latest when this process does, however that ends.
func start(cmd *exec.Cmd, logFile string) (*process, error) {
	log, err := os.OpenFile(logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr.Pdeathsig = syscall.SIGQUIT
	p := &process{cmd: cmd, file: logFile, ended: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The signal is sent when the thread ends that started the server: this one waits for it.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		p.err = cmd.Wait()
		close(p.ended)
	}()
	return p, <-started
}

// log is the end of what the server has logged.
func (p *process) log() string {
	const most = 30
	text, err := os.ReadFile(p.file)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-most):], "\n")
}

// end ends the server in good order, without waiting for its clients.
func (p *process) end() error {
	select {
	case <-p.ended:
		return nil
	default:
	}
	if err := p.cmd.Process.Signal(syscall.SIGINT); err != nil {
		return err
	}
	select {
	case <-p.ended:
		return nil
	case <-time.After(stopTimeout):
		return errors.Join(fmt.Errorf("PostgreSQL did not end within %v:\n%s", stopTimeout, p.log()), p.crash())
	}
}

// crash ends the server at once.
func (p *process) crash() error {
	if err := p.cmd.Process.Signal(syscall.SIGQUIT); err != nil {
		return err
	}
	<-p.ended
	return nil
}
