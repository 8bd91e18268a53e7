package plugintest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	stagev1 "github.com/gennaker/gennaker/plugins/proto/stage/v1"
	"github.com/gennaker/gennaker/plugins/wire"
)

// hostServer answers a plugin from a Host, with the agent's rules: a call counts only while its step runs.
type hostServer struct {
	stagev1.UnimplementedHostServer
	host *Host
}

// names returns what the step of a call names.
func (s *hostServer) names(call string) (*wire.Names, error) {
	names, ok := s.host.call(call)
	if !ok {
		return nil, status.Errorf(codes.FailedPrecondition, "the step of call %q is not running", call)
	}
	return names, nil
}

func (s *hostServer) check(call string) error {
	_, err := s.names(call)
	return err
}

func (s *hostServer) Checkpoint(_ context.Context, in *stagev1.CheckpointRequest) (*stagev1.CheckpointResponse, error) {
	if err := s.check(in.GetCall()); err != nil {
		return nil, err
	}
	if len(in.GetState()) > wire.MaxState {
		return nil, status.Errorf(codes.InvalidArgument, "state of %d bytes, at most %d", len(in.GetState()), wire.MaxState)
	}
	if s.host.OnCheckpoint != nil {
		if err := s.host.OnCheckpoint(in.GetState()); err != nil {
			return nil, err
		}
	}
	s.host.mu.Lock()
	defer s.host.mu.Unlock()
	s.host.checkpoints = append(s.host.checkpoints, in.GetState())
	return &stagev1.CheckpointResponse{}, nil
}

func (s *hostServer) Log(_ context.Context, in *stagev1.LogRequest) (*stagev1.LogResponse, error) {
	if err := s.check(in.GetCall()); err != nil {
		return nil, err
	}
	s.host.mu.Lock()
	defer s.host.mu.Unlock()
	for _, line := range in.GetLines() {
		s.host.logs = append(s.host.logs,
			LogLine{Time: timeFromProto(line.GetTime()), Level: line.GetLevel(), Text: line.GetText()})
	}
	return &stagev1.LogResponse{}, nil
}

func (s *hostServer) OpenArtifact(in *stagev1.OpenArtifactRequest, stream grpc.ServerStreamingServer[stagev1.Chunk]) error {
	names, err := s.names(in.GetCall())
	if err != nil {
		return err
	}
	artifact := in.GetArtifact()
	if blob := artifact.GetBlob(); blob != nil {
		return s.sendBlob(blob.GetSha256(), stream)
	}
	if account := artifact.GetArtifactAccount(); account != "" && !names.Mention(account) {
		return status.Errorf(codes.FailedPrecondition, "neither the stage nor an artifact it sees names the account %q", account)
	}
	key := artifact.GetReference()
	if key == "" {
		key = artifact.GetName()
	}
	body, ok := s.host.Artifacts[key]
	if !ok {
		return status.Error(codes.NotFound, "not found; the test's Host.Artifacts does not have it")
	}
	return send(stream, body)
}

func (s *hostServer) ReadBlob(in *stagev1.ReadBlobRequest, stream grpc.ServerStreamingServer[stagev1.Chunk]) error {
	if err := s.check(in.GetCall()); err != nil {
		return err
	}
	return s.sendBlob(in.GetBlob().GetSha256(), stream)
}

func (s *hostServer) sendBlob(sha256 string, stream grpc.ServerStreamingServer[stagev1.Chunk]) error {
	body := s.host.Blob(sha256)
	if body == nil {
		return status.Error(codes.NotFound, "no such blob")
	}
	return send(stream, body)
}

// send sends at least one chunk, so that the reader knows that the body is there.
func send(stream grpc.ServerStreamingServer[stagev1.Chunk], body []byte) error {
	for first := true; first || len(body) > 0; first = false {
		n := min(len(body), wire.MaxChunk)
		if err := stream.Send(&stagev1.Chunk{Data: body[:n]}); err != nil {
			return err
		}
		body = body[n:]
	}
	return nil
}

func (s *hostServer) WriteBlob(stream grpc.ClientStreamingServer[stagev1.WriteBlobRequest, stagev1.WriteBlobResponse]) error {
	header, err := stream.Recv()
	if err != nil {
		return err
	}
	if err := s.check(header.GetCall()); err != nil {
		return err
	}
	body := bytes.NewBuffer(header.GetData())
	for {
		in, err := stream.Recv()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		body.Write(in.GetData())
	}
	blob := s.host.AddBlob(header.GetMediaType(), body.Bytes())
	return stream.SendAndClose(&stagev1.WriteBlobResponse{
		Blob: &stagev1.Blob{Sha256: blob.SHA256, Size: blob.Size, MediaType: blob.MediaType},
	})
}

func (s *hostServer) Evaluate(_ context.Context, in *stagev1.EvaluateRequest) (*stagev1.EvaluateResponse, error) {
	if err := s.check(in.GetCall()); err != nil {
		return nil, err
	}
	if s.host.Evaluate == nil {
		return &stagev1.EvaluateResponse{DocumentJson: in.GetDocumentJson()}, nil
	}
	var doc any
	if err := decodeValue(in.GetDocumentJson(), &doc); err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "document_json: %v", err)
	}
	result, err := s.host.Evaluate(doc)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(result.Document)
	if err != nil {
		return nil, err
	}
	summary, err := encodeObject(result.Summary)
	return &stagev1.EvaluateResponse{DocumentJson: string(text), SummaryJson: summary, Warnings: result.Warnings}, err
}

func (s *hostServer) GetAccount(_ context.Context, in *stagev1.GetAccountRequest) (*stagev1.GetAccountResponse, error) {
	names, err := s.names(in.GetCall())
	if err != nil {
		return nil, err
	}
	if !slices.Contains(names.Accounts(), in.GetName()) {
		return nil, status.Error(codes.FailedPrecondition, "the stage does not name this account in one of its account fields")
	}
	account, ok := s.host.Accounts[in.GetName()]
	if !ok {
		return nil, status.Error(codes.NotFound, "no such account; the test's Host.Accounts does not have it")
	}
	settings, err := encodeObject(account.Settings)
	if err != nil {
		return nil, fmt.Errorf("account %q: %w", in.GetName(), err)
	}
	return &stagev1.GetAccountResponse{Name: in.GetName(), Type: account.Type, SettingsJson: settings}, nil
}

func (s *hostServer) ResolveImage(_ context.Context, in *stagev1.ResolveImageRequest) (*stagev1.ResolveImageResponse, error) {
	if err := s.check(in.GetCall()); err != nil {
		return nil, err
	}
	image := s.host.Images[in.GetReference()]
	return &stagev1.ResolveImageResponse{
		Known: image.Known, Found: image.Found, Digest: image.Digest, Detail: image.Detail,
	}, nil
}
