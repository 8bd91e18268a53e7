package sqlite

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
)

// lockFile holds an advisory lock on a file beside the database until it is closed or the process is gone.
type lockFile struct{ file *os.File }

// lock takes the lock of the database at path and leaves this process' id in the file, for whoever comes second. Child
// processes do not inherit it: Go opens files close-on-exec.
func lock(path string) (*lockFile, error) {
	name := path + ".lock"
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("in use by another agent (process %s): stop it first, or give this one its own file",
				holder(file))
		}
		return nil, fmt.Errorf("lock %q: %w", name, err)
	}
	if err := sign(file); err != nil {
		file.Close()
		return nil, fmt.Errorf("lock %q: %w", name, err)
	}
	return &lockFile{file}, nil
}

// holder reads who has the lock.
func holder(file *os.File) string {
	const longest = 32
	text, err := io.ReadAll(io.LimitReader(file, longest))
	if pid := strings.TrimSpace(string(text)); err == nil && pid != "" {
		return pid
	}
	return "unknown"
}

func sign(file *os.File) error {
	if err := file.Truncate(0); err != nil {
		return err
	}
	_, err := file.WriteAt(fmt.Appendf(nil, "%d\n", os.Getpid()), 0)
	return err
}

// release gives the lock up. The file stays: removing it would let two agents lock two files of one name.
func (l *lockFile) release() error { return l.file.Close() }
