package sdk

import (
	"context"
	"errors"
	"fmt"
	"io"

	"google.golang.org/grpc"

	stagev1 "github.com/gennaker/gennaker/plugins/proto/stage/v1"
	"github.com/gennaker/gennaker/plugins/wire"
)

// bodyReader reads a body that the agent streams.
type bodyReader struct {
	what   string
	stream grpc.ServerStreamingClient[stagev1.Chunk]
	cancel context.CancelFunc
	chunk  []byte
	err    error
}

// openStream receives the first chunk, so that a missing body is an error of opening and not of the first Read.
func openStream(what string, stream grpc.ServerStreamingClient[stagev1.Chunk], err error,
	cancel context.CancelFunc) (io.ReadCloser, error) {
	if err != nil {
		cancel()
		return nil, hostError(what, err)
	}
	body := &bodyReader{what: what, stream: stream, cancel: cancel}
	body.receive()
	if body.err != nil && body.err != io.EOF {
		cancel()
		return nil, body.err
	}
	return body, nil
}

func (b *bodyReader) receive() {
	chunk, err := b.stream.Recv()
	switch {
	case err == io.EOF:
		b.err = io.EOF
	case err != nil:
		b.err = hostError(b.what, err)
	default:
		b.chunk = chunk.GetData()
	}
}

func (b *bodyReader) Read(p []byte) (int, error) {
	for len(b.chunk) == 0 {
		if b.err != nil {
			return 0, b.err
		}
		b.receive()
	}
	n := copy(p, b.chunk)
	b.chunk = b.chunk[n:]
	return n, nil
}

// Close ends the stream; the agent stops sending.
func (b *bodyReader) Close() error {
	b.cancel()
	b.chunk, b.err = nil, errors.New(b.what+": read after Close")
	return nil
}

// sendBlob sends the header and then r in chunks.
func sendBlob(stream grpc.ClientStreamingClient[stagev1.WriteBlobRequest, stagev1.WriteBlobResponse],
	call, mediaType string, r io.Reader) error {
	if err := stream.Send(&stagev1.WriteBlobRequest{Call: call, MediaType: mediaType}); err != nil {
		return blobSendError(stream, err)
	}
	buffer := make([]byte, wire.MaxChunk)
	for {
		n, err := io.ReadFull(r, buffer)
		if n > 0 {
			if err := stream.Send(&stagev1.WriteBlobRequest{Data: buffer[:n]}); err != nil {
				return blobSendError(stream, err)
			}
		}
		switch err {
		case nil:
		case io.EOF, io.ErrUnexpectedEOF:
			return nil
		default:
			return fmt.Errorf("write blob: read its body: %w", err)
		}
	}
}

// blobSendError finds the agent's reason: a failed Send says only io.EOF.
func blobSendError(stream grpc.ClientStreamingClient[stagev1.WriteBlobRequest, stagev1.WriteBlobResponse],
	err error) error {
	if err == io.EOF {
		_, err = stream.CloseAndRecv()
	}
	return hostError("write blob", err)
}
