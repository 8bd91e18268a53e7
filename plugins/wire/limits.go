package wire

import "google.golang.org/grpc"

const (
	// MaxMessage is the largest message either side sends or accepts, in bytes. Larger bodies travel as blobs.
	MaxMessage = 8 << 20
	// MaxState is the largest state of a stage, in bytes.
	MaxState = 64 << 10
	// MaxChunk is the largest piece of a streamed body, in bytes.
	MaxChunk = 256 << 10

	// maxStreams bounds the calls that one side has open at the other at a time.
	maxStreams = 256
)

// ServerOptions are the limits of a gRPC server of either side.
func ServerOptions() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.MaxRecvMsgSize(MaxMessage),
		grpc.MaxSendMsgSize(MaxMessage),
		grpc.MaxConcurrentStreams(maxStreams),
	}
}

// DialOptions are the limits of a gRPC client of either side.
func DialOptions() []grpc.DialOption {
	return []grpc.DialOption{grpc.WithDefaultCallOptions(
		grpc.MaxCallRecvMsgSize(MaxMessage),
		grpc.MaxCallSendMsgSize(MaxMessage),
	)}
}
