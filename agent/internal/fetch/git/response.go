package git

import (
	"errors"
	"fmt"
	"io"

	"github.com/go-git/go-git/v5/plumbing/format/pktline"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"
)

// DecodeResponse reads upload-pack's answer up to the pack, and returns that. It closes body when it fails.
func DecodeResponse(request *packp.UploadPackRequest, body io.ReadCloser) (io.ReadCloser, error) {
	response := packp.NewUploadPackResponse(request)
	if err := response.Decode(body); err != nil {
		return nil, errors.Join(spoken(err), body.Close())
	}
	var pack io.Reader = response
	switch capabilities := request.Capabilities; {
	case capabilities.Supports(capability.Sideband64k):
		pack = sideband.NewDemuxer(sideband.Sideband64k, response)
	case capabilities.Supports(capability.Sideband):
		pack = sideband.NewDemuxer(sideband.Sideband, response)
	}
	return struct {
		io.Reader
		io.Closer
	}{pack, body}, nil
}

// spoken takes what a server says in its protocol.
func spoken(err error) error {
	var line *pktline.ErrorLine
	if errors.As(err, &line) {
		return fmt.Errorf("the server says: %s", oneLine(line.Text))
	}
	return fmt.Errorf("the server's answer makes no sense: %w", err)
}
