package fetchtest

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cgi"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"
)

// Git is a repository in a directory, served by the git program over HTTP and SSH.
type Git struct {
	// Directory holds the repository "shop.git".
	Directory string
	// Username and Password are what HTTP asks for; nothing when empty.
	Username, Password string

	log
}

// NewGit makes an empty repository with branch main below a directory.
func NewGit(directory string) (*Git, error) {
	g := &Git{Directory: directory}
	_, err := g.run("", "init", "--quiet", "--bare", "--initial-branch=main", "shop.git")
	return g, err
}

// run runs git where repositories are, with the given input, and returns its output.
func (g *Git) run(input string, arguments ...string) (string, error) {
	cmd := exec.Command("git", arguments...)
	cmd.Dir = g.Directory
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com",
		"GIT_AUTHOR_DATE=2026-08-01T10:00:00Z", "GIT_COMMITTER_DATE=2026-08-01T10:00:00Z")
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("git %s: %w: %s", strings.Join(arguments, " "), err, out)
	}
	return strings.TrimSpace(string(out)), nil
}

// Commit adds a commit with the given files to a branch and returns its hash. A file whose content begins with "-> " is
// a symbolic link, one whose name ends with ".sh" may be executed.
func (g *Git) Commit(branch string, files map[string]string) (string, error) {
	var in strings.Builder
	fmt.Fprintf(&in, "commit refs/heads/%s\ncommitter a <a@example.com> 1785578400 +0000\ndata 1\nx\n", branch)
	if parent, err := g.Run("rev-parse", "--verify", "--quiet", "refs/heads/"+branch); err == nil {
		fmt.Fprintf(&in, "from %s\n", parent)
	}
	for name, content := range files {
		mode := "100644"
		if target, ok := strings.CutPrefix(content, "-> "); ok {
			mode, content = "120000", target
		} else if strings.HasSuffix(name, ".sh") {
			mode = "100755"
		}
		fmt.Fprintf(&in, "M %s inline %s\ndata %d\n%s\n", mode, name, len(content), content)
	}
	if _, err := g.run(in.String(), "-C", "shop.git", "fast-import", "--quiet"); err != nil {
		return "", err
	}
	return g.Run("rev-parse", "refs/heads/"+branch)
}

// Tree makes a tree that names an object several times, and returns its hash.
func (g *Git) Tree(kind, object string, times int) (string, error) {
	var entries strings.Builder
	for i := range times {
		fmt.Fprintf(&entries, "%s %s\t%d\n", kind, object, i)
	}
	return g.run(entries.String(), "-C", "shop.git", "mktree")
}

// Run runs git in the repository.
func (g *Git) Run(arguments ...string) (string, error) {
	return g.run("", append([]string{"-C", "shop.git"}, arguments...)...)
}

// ServeHTTP implements http.Handler with git's own HTTP server.
func (g *Git) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if user, password, _ := r.BasicAuth(); user != g.Username || password != g.Password {
		g.note(r, http.StatusUnauthorized)
		w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	g.note(r, http.StatusOK)
	(&cgi.Handler{Path: gitProgram(), Args: []string{"http-backend"}, Stderr: io.Discard, Env: []string{
		"GIT_PROJECT_ROOT=" + g.Directory, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*"}}).ServeHTTP(w, r)
}

func gitProgram() string {
	path, err := exec.LookPath("git")
	if err != nil {
		return "git"
	}
	return path
}

// SSH serves the repository over SSH until the listener is closed, to whoever has the key.
type SSH struct {
	Git *Git
	// Host is the server's own key, Client the one that may connect.
	Host   ssh.Signer
	Client ssh.PublicKey

	connections sync.WaitGroup
}

// Serve accepts connections until the listener is closed, and waits for those that are open.
func (s *SSH) Serve(listener net.Listener) error {
	config := &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		if string(key.Marshal()) != string(s.Client.Marshal()) {
			return nil, errors.New("unknown key")
		}
		return nil, nil
	}}
	config.AddHostKey(s.Host)
	defer s.connections.Wait()
	for {
		connection, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		s.connections.Go(func() { s.connection(connection, config) })
	}
}

// connection serves one client. One that goes away is no concern of a test server.
func (s *SSH) connection(connection net.Conn, config *ssh.ServerConfig) {
	defer connection.Close()
	_, channels, requests, err := ssh.NewServerConn(connection, config)
	if err != nil {
		return
	}
	s.connections.Go(func() { ssh.DiscardRequests(requests) })
	for offered := range channels {
		channel, requests, err := offered.Accept()
		if err != nil {
			return
		}
		s.connections.Go(func() { s.session(channel, requests) })
	}
}

func (s *SSH) session(channel ssh.Channel, requests <-chan *ssh.Request) {
	defer channel.Close()
	for request := range requests {
		var command struct{ Text string }
		if request.Type != "exec" || ssh.Unmarshal(request.Payload, &command) != nil {
			_ = request.Reply(false, nil)
			continue
		}
		_ = request.Reply(true, nil)
		path := strings.Trim(strings.TrimPrefix(command.Text, "git-upload-pack "), "'")
		cmd := exec.Command("git", "upload-pack", filepath.Join(s.Git.Directory, filepath.Base(path)))
		cmd.Env = []string{"GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*"}
		cmd.Stdout, cmd.Stderr = channel, channel.Stderr()
		in, err := cmd.StdinPipe()
		if err != nil {
			return
		}
		s.connections.Go(func() {
			_, _ = io.Copy(in, channel)
			_ = in.Close()
		})
		_ = cmd.Run()
		return
	}
}
