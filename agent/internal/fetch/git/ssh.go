package git

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/go-git/go-git/v5/plumbing/format/pktline"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/skeema/knownhosts"
	"golang.org/x/crypto/ssh"
)

// Keys are what SSH connections are made with.
type Keys struct {
	signer ssh.Signer
	// servers are the servers' keys; nil takes any server for the right one.
	servers *knownhosts.HostKeyDB
}

// ReadKeys reads a private key, with its passphrase if it has one, and the servers' keys. Without a file of those any
// server is taken for the right one.
func ReadKeys(privateKey, passphrase, knownHosts string) (*Keys, error) {
	pem, err := os.ReadFile(privateKey)
	if err != nil {
		return nil, fmt.Errorf("read the private key: %w", err)
	}
	keys := &Keys{}
	if passphrase == "" {
		keys.signer, err = ssh.ParsePrivateKey(pem)
	} else {
		keys.signer, err = ssh.ParsePrivateKeyWithPassphrase(pem, []byte(passphrase))
	}
	if err != nil {
		return nil, fmt.Errorf("private key %s: %w", privateKey, err)
	}
	if knownHosts != "" {
		if keys.servers, err = knownhosts.NewDB(knownHosts); err != nil {
			return nil, fmt.Errorf("known hosts %s: %w", knownHosts, err)
		}
	}
	return keys, nil
}

// config is how a connection to a host is made.
func (k *Keys) config(user, host string) *ssh.ClientConfig {
	c := &ssh.ClientConfig{User: user, Auth: []ssh.AuthMethod{ssh.PublicKeys(k.signer)}, HostKeyCallback: ssh.InsecureIgnoreHostKey()}
	if k.servers != nil {
		c.HostKeyCallback, c.HostKeyAlgorithms = k.servers.HostKeyCallback(), k.servers.HostKeyAlgorithms(host)
	}
	return c
}

// SSH is a repository that is reached over SSH. It is for one archive.
type SSH struct {
	// Dial opens connections.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	Keys *Keys
	// User, Host with its port, and Path of the repository.
	User, Host, Path string

	stdin  io.WriteCloser
	stdout io.Reader
	stderr said
	// ended is closed when git has ended on the server, and all that it wrote for people is in stderr.
	ended chan struct{}
	close func() error
}

// Advertised implements Remote.
func (s *SSH) Advertised(ctx context.Context) (*packp.AdvRefs, error) {
	if err := s.connect(ctx); err != nil {
		return nil, err
	}
	advertised := packp.NewAdvRefs()
	if err := advertised.Decode(io.LimitReader(s.stdout, maxRefs)); err != nil {
		return nil, s.failure(ctx, err)
	}
	return advertised, nil
}

// Pack implements Remote.
func (s *SSH) Pack(ctx context.Context, request *packp.UploadPackRequest) (io.ReadCloser, error) {
	text, err := EncodeRequest(request)
	if err != nil {
		return nil, err
	}
	if _, err := s.stdin.Write(text); err != nil {
		return nil, s.failure(ctx, err)
	}
	pack, err := DecodeResponse(request, io.NopCloser(s.stdout))
	if err != nil {
		return nil, s.failure(ctx, err)
	}
	return pack, nil
}

// Close ends the connection.
func (s *SSH) Close() error {
	if s.close == nil {
		return nil
	}
	return s.close()
}

// connect starts git on the server. The connection ends with ctx at the latest.
func (s *SSH) connect(ctx context.Context) error {
	connection, err := s.Dial(ctx, "tcp", s.Host)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = connection.Close() }) // ends all that waits for it
	shaken, channels, requests, err := ssh.NewClientConn(connection, s.Host, s.Keys.config(s.User, s.Host))
	if err != nil {
		stop()
		return errors.Join(s.failure(ctx, readable(err)), closed(connection.Close()))
	}
	client := ssh.NewClient(shaken, channels, requests)
	s.close = sync.OnceValue(func() error {
		stop()
		err := closed(client.Close())
		_ = client.Wait() // says how the connection ended, which we know
		if s.ended != nil {
			<-s.ended
		}
		return err
	})
	if err := s.start(client); err != nil {
		return s.failure(ctx, err)
	}
	return nil
}

// closed is the error of closing a connection that may be closed already.
func closed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

func (s *SSH) start(client *ssh.Client) error {
	session, err := client.NewSession()
	if err != nil {
		return err
	}
	session.Stderr = &s.stderr
	if s.stdin, err = session.StdinPipe(); err != nil {
		return err
	}
	if s.stdout, err = session.StdoutPipe(); err != nil {
		return err
	}
	if err := session.Start("git-upload-pack " + quote(s.Path)); err != nil {
		return err
	}
	s.ended = make(chan struct{})
	go func() {
		defer close(s.ended)
		_ = session.Wait() // what comes of its end is read from stdout
	}()
	return nil
}

// readable says what to do about a server that is not who it should be.
func readable(err error) error {
	switch {
	case knownhosts.IsHostUnknown(err):
		return errors.New("the server's key is not in the account's sshKnownHostsFilePath")
	case knownhosts.IsHostKeyChanged(err):
		return errors.New("the server's key is another one than in the account's sshKnownHostsFilePath: it was changed, or this is not the server")
	default:
		return err
	}
}

// lastWords is how long git may take to end on the server, after it has failed, for what it says of that to be heard.
const lastWords = time.Second

// failure prefers what the server said, and a context's end, to what came of it.
func (s *SSH) failure(ctx context.Context, err error) error {
	if s.ended != nil {
		select {
		case <-s.ended:
		case <-time.After(lastWords):
		case <-ctx.Done():
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if text := s.stderr.text(); text != "" {
		return fmt.Errorf("the server says: %s", text)
	}
	return err
}

// quote makes a text one word of a shell.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// said keeps the beginning of what a server writes for people.
type said struct {
	mu    sync.Mutex
	bytes []byte
}

const maxSaid = 500

// maxRefs bounds what a server says of its branches and tags, in bytes.
const maxRefs = 16 << 20

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if room := maxSaid - len(s.bytes); room > 0 {
		s.bytes = append(s.bytes, p[:min(room, len(p))]...)
	}
	return len(p), nil
}

func (s *said) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return oneLine(string(s.bytes))
}

// oneLine is a server's text fit for an error: short, without what moves a cursor.
func oneLine(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text[:min(len(text), maxSaid)], ""))
	return strings.Join(strings.Fields(text), " ")
}

// EncodeRequest writes a request as upload-pack reads it.
func EncodeRequest(request *packp.UploadPackRequest) ([]byte, error) {
	var out strings.Builder
	if err := request.UploadRequest.Encode(&out); err != nil {
		return nil, fmt.Errorf("encode the request: %w", err)
	}
	if err := pktline.NewEncoder(&out).EncodeString("done\n"); err != nil {
		return nil, fmt.Errorf("encode the request: %w", err)
	}
	return []byte(out.String()), nil
}
