package gate

import (
	"bufio"
	"encoding/base64"
	"errors"
	"io"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/gennaker/gennaker/api/answer"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// maxStored is the largest body that is shown as an artifact, in bytes.
const maxStored = 10 << 20

func (a *API) registerArtifacts(r gin.IRouter) {
	r.GET("/artifacts/credentials", answer.OK(a.artifactCredentials))
	r.PUT("/artifacts/fetch", a.fetchArtifact)
	r.GET("/artifacts/account/:name/names", answer.OK(a.artifactNames))
	r.GET("/artifacts/account/:name/versions", answer.OK(a.artifactVersions))
	r.GET("/artifacts/content-address/:app/:hash", answer.OK(a.storedArtifact))
}

func (a *API) artifactCredentials(*gin.Context) (any, error) {
	return a.Accounts.ArtifactCredentials(), nil
}

// fetchArtifact answers with the content of the artifact in the body.
//
// Source: spinnaker/spinnaker gate/gate-web controllers/ArtifactController.groovy.
func (a *API) fetchArtifact(c *gin.Context) {
	var artifact spinnaker.Artifact
	if err := body(c, &artifact, false); err != nil {
		c.Error(err)
		return
	}
	content, err := a.Accounts.FetchArtifact(c, artifact)
	if err != nil {
		c.Error(err)
		return
	}
	defer content.Close()
	reader := bufio.NewReader(content)
	if _, err := reader.Peek(1); err != nil && !errors.Is(err, io.EOF) {
		c.Error(err)
		return
	}
	c.Header("Content-Type", "application/octet-stream")
	c.Status(http.StatusOK)
	if _, err := io.Copy(c.Writer, reader); err != nil {
		panic(http.ErrAbortHandler) // or half a file would look like a whole one
	}
}

func (a *API) artifactNames(c *gin.Context) (any, error) {
	kind, err := required(c, "type")
	if err != nil {
		return nil, err
	}
	names, err := a.Accounts.ArtifactNames(c, c.Param("name"), kind)
	return append([]string{}, names...), err
}

func (a *API) artifactVersions(c *gin.Context) (any, error) {
	kind, err := required(c, "type")
	if err != nil {
		return nil, err
	}
	name, err := required(c, "artifactName")
	if err != nil {
		return nil, err
	}
	versions, err := a.Accounts.ArtifactVersions(c, c.Param("name"), kind, name)
	return append([]string{}, versions...), err
}

func required(c *gin.Context, key string) (string, error) {
	if value := c.Query(key); value != "" {
		return value, nil
	}
	return "", spinnaker.Invalid("query parameter %s is missing", key)
}

// storedArtifact shows a body that the agent keeps as an artifact that holds it.
//
// Source: spinnaker/spinnaker clouddriver/clouddriver-web controllers/ArtifactController.java.
func (a *API) storedArtifact(c *gin.Context) (any, error) {
	reference := "ref://" + c.Param("app") + "/" + c.Param("hash")
	content, err := a.Accounts.FetchArtifact(c, spinnaker.Artifact{Type: "remote/base64", Reference: reference})
	if err != nil {
		return nil, err
	}
	defer content.Close()
	data, err := io.ReadAll(io.LimitReader(content, maxStored+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxStored {
		return nil, &spinnaker.Error{Status: http.StatusRequestEntityTooLarge, Message: reference + " is larger than 10 MiB: read it with PUT /artifacts/fetch"}
	}
	return spinnaker.Artifact{Type: "embedded/base64", Reference: base64.StdEncoding.EncodeToString(data)}, nil
}
