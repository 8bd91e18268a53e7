package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"io"

	"google.golang.org/grpc"

	stagev1 "github.com/gennaker/gennaker/plugins/proto/stage/v1"
	"github.com/gennaker/gennaker/plugins/wire"
)

func (s *hostServer) OpenArtifact(in *stagev1.OpenArtifactRequest, stream grpc.ServerStreamingServer[stagev1.Chunk]) error {
	artifact := in.GetArtifact()
	if artifact.GetBlob() != nil {
		return s.sendBlob(in.GetCall(), artifact.GetBlob(), stream)
	}
	return s.exchange(stream.Context(), in.GetCall(), func(ctx context.Context, call *openCall) error {
		if account := artifact.GetArtifactAccount(); account != "" && !call.names.Mention(account) {
			return Refused(fmt.Errorf("neither the stage nor an artifact it sees names the account %q", account))
		}
		body, err := s.services.OpenArtifact(ctx, call.Call, artifact)
		if err != nil {
			return err
		}
		return send(stream, body, s.limits.ArtifactBytes)
	})
}

func (s *hostServer) ReadBlob(in *stagev1.ReadBlobRequest, stream grpc.ServerStreamingServer[stagev1.Chunk]) error {
	return s.sendBlob(in.GetCall(), in.GetBlob(), stream)
}

func (s *hostServer) sendBlob(token string, blob *stagev1.Blob, stream grpc.ServerStreamingServer[stagev1.Chunk]) error {
	return s.exchange(stream.Context(), token, func(ctx context.Context, call *openCall) error {
		body, err := s.services.ReadBlob(ctx, call.Call, blob)
		if err != nil {
			return err
		}
		return send(stream, body, s.limits.BlobBytes)
	})
}

func (s *hostServer) WriteBlob(stream grpc.ClientStreamingServer[stagev1.WriteBlobRequest, stagev1.WriteBlobResponse]) error {
	header, err := stream.Recv()
	if err != nil {
		return err
	}
	return s.exchange(stream.Context(), header.GetCall(), func(ctx context.Context, call *openCall) error {
		body := &uploadReader{stream: stream, chunk: header.GetData(), left: s.limits.BlobBytes, limit: s.limits.BlobBytes}
		blob, err := s.services.WriteBlob(ctx, call.Call, header.GetMediaType(), body)
		if err != nil {
			return err
		}
		return stream.SendAndClose(&stagev1.WriteBlobResponse{Blob: blob})
	})
}

// exchange answers a question that streams. Sending and receiving wait for the plugin, who may never go on, and end only
// when the gRPC handler returns: so the handler returns when the call ends, and the call waits for the work.
func (s *hostServer) exchange(question context.Context, token string,
	work func(ctx context.Context, call *openCall) error) error {
	call, ctx, done, err := s.calls.enter(question, token)
	if err != nil {
		return err
	}
	result := make(chan error, 1)
	go func() {
		defer done()
		result <- work(ctx, call)
	}()
	select {
	case err := <-result:
		return statusOf(err)
	case <-ctx.Done():
	}
	select {
	case err := <-result: // the end of the work is what ended the context
		return statusOf(err)
	default:
		return statusOf(ctx.Err())
	}
}

// send streams a body and closes it. An empty body is one empty chunk: the plugin learns that it is there.
func send(stream grpc.ServerStreamingServer[stagev1.Chunk], body io.ReadCloser, limit int64) (err error) {
	defer func() { err = errors.Join(err, body.Close()) }()
	buffer := make([]byte, wire.MaxChunk)
	for total, first := int64(0), true; ; first = false {
		n, err := io.ReadFull(body, buffer)
		if total += int64(n); total > limit {
			return Refused(fmt.Errorf("it is larger than the limit of %d bytes", limit))
		}
		if n > 0 || first {
			if err := stream.Send(&stagev1.Chunk{Data: buffer[:n]}); err != nil {
				return err
			}
		}
		switch err {
		case nil:
		case io.EOF, io.ErrUnexpectedEOF:
			return nil
		default:
			return err
		}
	}
}

// uploadReader reads what a plugin streams, up to a limit.
type uploadReader struct {
	stream      grpc.ClientStreamingServer[stagev1.WriteBlobRequest, stagev1.WriteBlobResponse]
	chunk       []byte
	left, limit int64
}

func (r *uploadReader) Read(p []byte) (int, error) {
	for len(r.chunk) == 0 {
		in, err := r.stream.Recv()
		if err != nil {
			return 0, err // io.EOF when all has come
		}
		r.chunk = in.GetData()
	}
	n := copy(p, r.chunk)
	r.chunk = r.chunk[n:]
	if r.left -= int64(n); r.left < 0 {
		return 0, Refused(fmt.Errorf("it is larger than the limit of %d bytes", r.limit))
	}
	return n, nil
}
