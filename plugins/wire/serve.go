package wire

import (
	"context"
	"errors"
	"fmt"
	"os"

	hclog "github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	stagev1 "github.com/gennaker/gennaker/plugins/proto/stage/v1"
)

// HostDialer connects a plugin to the Host service that the agent serves under an id of ConfigureRequest.
type HostDialer func(id uint32) (grpc.ClientConnInterface, error)

// Serve is the plugin's side: it answers the handshake on standard output, serves what newService returns, and comes
// back when the agent has asked the plugin to end. Nothing may have been printed to standard output before. When the
// agent is gone without a word, Serve ends the process and the processes it has started.
//
// A process that no agent started gets an explanation on standard error and exit status 1.
func Serve(newService func(HostDialer) stagev1.StageServer) {
	if os.Getenv(CookieKey) != CookieValue {
		fmt.Fprintf(os.Stderr, "%s is a stage plugin of Gennaker: the agent starts it. Name its path under `plugins` "+
			"in gennaker.yaml.\n", os.Args[0])
		os.Exit(1)
	}
	watchAgent()
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig: handshake(),
		Plugins:         goplugin.PluginSet{serviceName: &pluginSide{newService: newService}},
		GRPCServer: func(opts []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(append(opts, ServerOptions()...)...)
		},
		Logger: hclog.New(&hclog.LoggerOptions{Level: hclog.Warn, Output: os.Stderr, JSONFormat: true}),
	})
}

// pluginSide registers the Stage service with go-plugin's server.
type pluginSide struct {
	goplugin.NetRPCUnsupportedPlugin
	newService func(HostDialer) stagev1.StageServer
}

func (p *pluginSide) GRPCServer(broker *goplugin.GRPCBroker, server *grpc.Server) error {
	dial := func(id uint32) (grpc.ClientConnInterface, error) {
		conn, err := broker.DialWithOptions(id, DialOptions()...)
		if err != nil {
			return nil, fmt.Errorf("connect to the agent's Host service %d: %w", id, err)
		}
		return conn, nil
	}
	stagev1.RegisterStageServer(server, p.newService(dial))
	return nil
}

func (p *pluginSide) GRPCClient(context.Context, *goplugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, errors.New("this is the plugin's side")
}
