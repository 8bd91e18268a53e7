// Package stagev1 is the wire contract between the agent and its stage plugins, generated from stage.proto and
// host.proto.
package stagev1

//go:generate protoc -I../../../.. --go_out=../../../.. --go_opt=paths=source_relative --go-grpc_out=../../../.. --go-grpc_opt=paths=source_relative plugins/proto/stage/v1/stage.proto plugins/proto/stage/v1/host.proto
