package cluster

import (
	"crypto/sha256"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"go.etcd.io/etcd/server/v3/embed"
)

type etcd struct {
	server *embed.Etcd
	url    string
}

// startEtcd serves etcd on unix sockets, so that no port can be taken.
func startEtcd(dir string) (*etcd, error) {
	sockets, err := socketDir(dir)
	if err != nil {
		return nil, err
	}
	client := url.URL{Scheme: "unix", Path: filepath.Join(sockets, "c")}
	peer := url.URL{Scheme: "unix", Path: filepath.Join(sockets, "p")}

	cfg := embed.NewConfig()
	cfg.Dir = filepath.Join(dir, "etcd")
	cfg.ListenClientUrls, cfg.AdvertiseClientUrls = []url.URL{client}, []url.URL{client}
	cfg.ListenPeerUrls, cfg.AdvertisePeerUrls = []url.URL{peer}, []url.URL{peer}
	cfg.InitialCluster = cfg.InitialClusterFromName(cfg.Name)
	cfg.LogLevel = "error"
	cfg.LogOutputs = []string{filepath.Join(dir, "etcd.log")}
	cfg.UnsafeNoFsync = true // data must outlive the process, not the machine

	server, err := embed.StartEtcd(cfg)
	if err != nil {
		return nil, err
	}
	select {
	case <-server.Server.ReadyNotify():
		return &etcd{server: server, url: client.String()}, nil
	case err := <-server.Err():
		server.Close()
		return nil, err
	}
}

func (e *etcd) stop() { e.server.Close() }

// maxSocketDir is the longest folder name, in bytes, in which sockets can be
// made everywhere: the path of a socket is limited to about 100.
const maxSocketDir = 80

// socketDir makes the folder for sockets, in dir if its name is short enough.
// Its name follows from dir, so that a start after a kill finds the old ones.
func socketDir(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	path := filepath.Join(abs, "sockets")
	if len(path) > maxSocketDir {
		sum := sha256.Sum256([]byte(abs))
		path = filepath.Join(os.TempDir(), fmt.Sprintf("testcluster-%x", sum[:6]))
	}
	return path, os.MkdirAll(path, 0o700)
}
