package wire

import (
	"context"
	"errors"
	"fmt"
	"sync"

	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	stagev1 "github.com/gennaker/gennaker/plugins/proto/stage/v1"
)

// Process is a connected plugin process.
type Process struct {
	// Stage is the plugin's service.
	Stage stagev1.StageClient

	client *goplugin.Client
	broker *goplugin.GRPCBroker
	runner *processRunner
	output *output
	hosts  sync.WaitGroup
	calls  *Gate
}

// ServeHost serves the agent's Host service to this plugin until the process ends, and returns the id for Configure,
// which must follow within five seconds: that is how long go-plugin's broker keeps an address for the other side.
func (p *Process) ServeHost(host stagev1.HostServer) uint32 {
	id := p.broker.NextId()
	p.hosts.Go(func() {
		p.broker.AcceptAndServe(id, func(opts []grpc.ServerOption) *grpc.Server {
			server := grpc.NewServer(append(opts, ServerOptions()...)...)
			stagev1.RegisterHostServer(server, host)
			return server
		})
	})
	return id
}

// PID of the process.
func (p *Process) PID() int { return p.runner.cmd.Process.Pid }

// Exited is closed when the process has ended.
func (p *Process) Exited() <-chan struct{} { return p.runner.exited }

// ExitReason says how the process ended, for example "signal: killed"; only after Exited.
func (p *Process) ExitReason() string { return p.runner.reason }

// Stop asks the plugin to finish its running calls, waits for that and for their answers until ctx ends, and ends the
// process and all that it started. The error says that the plugin did not finish by itself.
func (p *Process) Stop(ctx context.Context) error {
	_, err := p.Stage.Shutdown(ctx, &stagev1.ShutdownRequest{})
	answered := p.calls.Close()
	if err == nil {
		// The answer to Shutdown may overtake those of the calls that it waited for.
		select {
		case <-answered:
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	if err != nil {
		err = fmt.Errorf("plugin did not finish its running calls: %w", err)
		p.runner.killGroup()
	}
	p.close()
	<-answered
	return err
}

// Abort ends the process and all that it started, without waiting: Stop or Kill has to follow.
func (p *Process) Abort() { p.runner.killGroup() }

// Kill ends the process and all that it started, at once.
func (p *Process) Kill() {
	p.runner.killGroup()
	p.close()
}

// close waits for the process, its output and the goroutines of the connection. go-plugin gives a process that was not
// killed two seconds to end by itself.
func (p *Process) close() {
	p.client.Kill()
	p.hosts.Wait()
	p.output.close()
}

// agentSide makes a Process of go-plugin's connection.
type agentSide struct {
	goplugin.NetRPCUnsupportedPlugin
}

func (agentSide) GRPCServer(*goplugin.GRPCBroker, *grpc.Server) error {
	return errors.New("this is the agent's side")
}

func (agentSide) GRPCClient(_ context.Context, broker *goplugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	stage := &gatedConn{ClientConnInterface: conn}
	return &Process{Stage: stagev1.NewStageClient(stage), broker: broker, calls: &stage.calls}, nil
}

// gatedConn knows which calls are running. The stage contract has no streams.
type gatedConn struct {
	grpc.ClientConnInterface
	calls Gate
}

// Invoke implements grpc.ClientConnInterface. It refuses when the process is being stopped.
func (c *gatedConn) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	if !c.calls.Enter() {
		return status.Error(codes.Unavailable, "the plugin is being stopped")
	}
	defer c.calls.Leave()
	return c.ClientConnInterface.Invoke(ctx, method, args, reply, opts...)
}
