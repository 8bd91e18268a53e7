// Command github serves a folder as the files of one GitHub repository, for the demo. It prints its address and runs
// until it is interrupted.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/gennaker/gennaker/agent/internal/fetch/fetchtest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	listen := flag.String("listen", "127.0.0.1:0", "address to listen on")
	repository := flag.String("repository", "gennaker/demo", "the repository, OWNER/NAME")
	ref := flag.String("ref", "master", "the branch")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: github [flags] FOLDER; the token is read from GITHUB_TOKEN")
		os.Exit(2)
	}
	if err := serve(ctx, *listen, *repository, *ref, flag.Arg(0)); err != nil {
		fmt.Fprintln(os.Stderr, "github:", err)
		os.Exit(1)
	}
}

func serve(ctx context.Context, listen, repository, ref, folder string) error {
	github := &fetchtest.GitHub{Token: os.Getenv("GITHUB_TOKEN")}
	if err := load(github, repository, ref, os.DirFS(folder)); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	fmt.Printf("http://%s\n", listener.Addr())
	server := &http.Server{Handler: github, ReadHeaderTimeout: 10 * time.Second}
	stopped := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stopped()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// load reads all files of the folder.
func load(github *fetchtest.GitHub, repository, ref string, folder fs.FS) error {
	return fs.WalkDir(folder, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		content, err := fs.ReadFile(folder, name)
		if err != nil {
			return err
		}
		github.Put(repository, ref, name, content)
		return nil
	})
}
