package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/gennaker/gennaker/plugins/internal/manifest"
	"github.com/gennaker/gennaker/plugins/sdk"
)

// maxBlob bounds what a step reads back, in bytes.
const maxBlob = 64 << 20

func (r *deploy) store(ctx context.Context, value any) (*sdk.Blob, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("store objects: %w", err)
	}
	blob, err := r.host.WriteBlob(ctx, "application/json", bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	return &blob, nil
}

func (r *deploy) load(ctx context.Context, blob *sdk.Blob, into any) error {
	if blob == nil {
		return failed("state of an earlier step names no stored objects")
	}
	body, err := r.host.ReadBlob(ctx, *blob)
	if err != nil {
		return err
	}
	defer body.Close()
	text, err := io.ReadAll(io.LimitReader(body, maxBlob+1))
	if err != nil {
		return err
	}
	if len(text) > maxBlob {
		return failed("the objects take more than %d bytes: deploy them in several stages", maxBlob)
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("stored objects: %w", err)
	}
	return nil
}

// set reads the prepared objects.
func (r *deploy) set(ctx context.Context) (*manifest.Set, error) {
	var set manifest.Set
	if err := r.load(ctx, r.state.Set, &set); err != nil {
		return nil, err
	}
	return &set, nil
}
