package e2e

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/gennaker/gennaker/api/apitest"
	"github.com/gennaker/gennaker/jenkins/jenkinstest"
)

// Conversations with an agent as it runs by default: on loopback, without sign-in, here with a Jenkins master "ci".
func TestAPI(t *testing.T) {
	jenkins := newJenkins(t)
	agent := startAgent(t, t.TempDir(), map[string]any{
		"jenkins": map[string]any{"masters": []map[string]any{{"name": "ci", "address": jenkins.URL,
			"username": jenkins.Admin.ID, "password": jenkins.Admin.Token, "pollInterval": "1h"}}},
	})
	replay(t, "open", agent.URL, map[string]string{"jenkins": jenkins.URL})
}

// Conversations with an agent that asks for tokens, has a base path, lets one browser origin in, and takes small bodies only.
func TestGuardedAPI(t *testing.T) {
	const reader, starter, writer = "reader-0123456789abcdef", "starter-0123456789abcdef", "writer-0123456789abcdef"
	token := func(name, secret, scope string) map[string]any {
		return map[string]any{"name": name, "secret": secret, "scopes": []string{scope}}
	}
	agent := startAgent(t, t.TempDir(), map[string]any{"server": map[string]any{
		"basePath": "/gate", "maxBody": 4096, "allowedOrigins": []string{"https://deck.example.com"},
		"tokens": []map[string]any{token("dashboard", reader, "read"), token("ci", starter, "trigger"), token("admin", writer, "write")},
		"roles":  map[string]any{"testers": []string{"ci"}},
	}, "webhooks": map[string]any{"sources": []map[string]any{{"source": "signed", "secret": "secret-of-the-source"}}},
		"webhook": map[string]any{"preconfigured": []map[string]any{{"type": "openTicket", "label": "Open a ticket", "url": "https://tickets.example.com/",
			"customHeaders": map[string]any{"Authorization": "hunter2-hunter2"}, "parameters": []map[string]any{{"name": "title"}}},
			{"type": "pageTesters", "label": "Page", "url": "https://pager.example.com/", "permissions": map[string]any{"WRITE": []string{"testers"}}}}}})
	replay(t, "guarded", agent.URL, map[string]string{"reader": reader, "starter": starter, "writer": writer})
}

// replay holds all conversations of a folder with one agent, at the same time.
func replay(t *testing.T, folder, url string, names map[string]string) {
	conversations, err := apitest.Load(folder)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("conversations", func(t *testing.T) {
		for _, conversation := range conversations {
			t.Run(strings.TrimSuffix(filepath.Base(conversation.Name), ".txt"), func(t *testing.T) {
				t.Parallel()
				if err := conversation.Replay(t.Context(), url, names); err != nil {
					t.Error(err)
				}
			})
		}
	})
}

// newJenkins is a master with a folder of jobs: one with two builds, two whose build is running, and three without builds.
func newJenkins(t *testing.T) *jenkinstest.Server {
	server, err := jenkinstest.Listen(jenkinstest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	tag := jenkinstest.Parameter{Name: "TAG", Type: "String", Description: "what to build", Default: "main"}
	server.Job("shop/tagged", jenkinstest.Pipeline).SetParameters(tag)
	job := server.Job("shop/cart", jenkinstest.Pipeline).SetParameters(tag)
	job.Finished("FAILURE")
	job.Finished("SUCCESS",
		jenkinstest.File{Path: "build.properties", Data: []byte("imageName=registry.example/cart:2\nsemVer=1.2.0\n")},
		jenkinstest.File{Path: "deploy/helm.tar.gz", Data: []byte("not really")})
	server.Job("shop/idle", jenkinstest.Freestyle)
	server.Job("shop/queued", jenkinstest.Freestyle)
	for _, name := range []string{"shop/running", "shop/stoppable"} {
		server.Job(name, jenkinstest.Freestyle).Start(jenkinstest.StartOptions{})
	}
	return server
}
