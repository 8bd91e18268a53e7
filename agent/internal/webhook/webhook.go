package webhook

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/gennaker/gennaker/agent/internal/config"
	"github.com/gennaker/gennaker/agent/internal/trigger"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// Request is a webhook as it came in.
type Request struct {
	// Kind and Source are the last two elements of the path; the source may come from the body instead.
	Kind, Source string
	Header       http.Header
	// Raw is the body as it came, Payload what it says.
	Raw     []byte
	Payload map[string]any
	// SignedIn says that the sender has an API token; one who has none must know the secret of the source.
	SignedIn bool
}

// Set reads webhooks and messages as the configuration says. It is safe for concurrent use.
type Set struct {
	gitSecret     config.Secret
	sources       map[string]source
	subscriptions map[string]source
}

// source is a configured webhook source or subscription.
type source struct {
	secret   config.Secret
	template *template
}

// New reads the templates that the configuration names.
func New(webhooks config.Webhooks, pubsub config.Pubsub) (*Set, error) {
	s := &Set{gitSecret: webhooks.Git.Secret, sources: map[string]source{}, subscriptions: map[string]source{}}
	for i, c := range webhooks.Sources {
		made, err := newSource(c.Secret, c.TemplatePath)
		if err != nil {
			return nil, fmt.Errorf("webhooks.sources[%d] (%s): %w", i, c.Source, err)
		}
		s.sources[c.Source] = made
	}
	for i, c := range pubsub.Subscriptions {
		made, err := newSource(c.Secret, c.TemplatePath)
		if err != nil {
			return nil, fmt.Errorf("pubsub.subscriptions[%d] (%s): %w", i, c.Name, err)
		}
		s.subscriptions[subscriptionKey(c.System, c.Name)] = made
	}
	return s, nil
}

func newSource(secret config.Secret, templatePath string) (source, error) {
	if templatePath == "" {
		return source{secret: secret}, nil
	}
	t, err := readTemplate(templatePath)
	return source{secret, t}, err
}

// Event makes an event of a webhook. What is no event, such as a ping, is dropped, with a reason.
func (s *Set) Event(r Request) (event trigger.Event, dropped string, err error) {
	kind := strings.ToLower(r.Kind)
	if kind == trigger.Git {
		return s.git(r)
	}
	if err := s.Admit(r); err != nil {
		return trigger.Event{}, "", err
	}
	// What is of no kind that is read here must not pass for an event of the agent's own.
	event = trigger.Event{Type: "webhook/" + r.Kind, Source: r.Source, Payload: r.Payload}
	switch kind {
	case trigger.Webhook:
		event.Type = kind
		event.Artifacts, event.ArtifactsError = s.artifacts(r.Source, r.Payload)
	case trigger.CDEvents:
		event.Type = kind
		event.Payload, event.Attributes, err = cdEvent(r)
	}
	return event, "", err
}

// Admit refuses, as Event does, who may not send webhooks of a source.
func (s *Set) Admit(r Request) error { return s.sources[r.Source].admit(r, "source "+r.Source) }

// admit refuses who is neither signed in nor knows the source's secret; where there is a secret, it is asked of everybody.
func (s source) admit(r Request, what string) error {
	if !s.secret.IsSet() {
		if r.SignedIn {
			return nil
		}
		return &spinnaker.Error{Status: http.StatusUnauthorized, Message: "this address needs an API token, " +
			"or a signature where the configuration has a secret for " + what}
	}
	if verdict := trigger.Verify(signature(r.Header, r.Raw), s.secret.Reveal(), r.Raw); verdict != trigger.Fits {
		return &spinnaker.Error{Status: http.StatusUnauthorized, Message: fmt.Sprintf("%s: %s. Send %s: sha256=HMAC of the body, or the secret itself in %s",
			what, verdict, signature256, secretHeaders[0])}
	}
	return nil
}

// Headers that prove a sender's knowledge of a secret: signatures of the body, and the secret itself.
const (
	signature256 = "X-Hub-Signature-256"
	signature1   = "X-Hub-Signature"
)

var secretHeaders = [...]string{"X-Webhook-Secret", "X-Gitlab-Token"}

// signature is the signature of a request's body. A secret that was sent itself is turned into the signature that it would
// have made: the secret is not kept, and what fits is decided as for all others.
func signature(header http.Header, body []byte) string {
	for _, name := range []string{signature256, signature1} {
		if value := header.Get(name); value != "" {
			return value
		}
	}
	for _, name := range secretHeaders {
		if value := header.Get(name); value != "" {
			return trigger.Sign(value, body)
		}
	}
	return ""
}

// git makes an event of what a code host tells.
func (s *Set) git(r Request) (event trigger.Event, dropped string, err error) {
	host := strings.ToLower(r.Source)
	if !slices.Contains(trigger.GitSources, host) {
		return event, "", spinnaker.Invalid("Invalid SCM handler source<%s>, expected one of %s", r.Source, strings.Join(trigger.GitSources, ", "))
	}
	change, artifacts, dropped := changeOf(host, r)
	change.Signature = signature(r.Header, r.Raw)
	if s.gitSecret.IsSet() {
		change.Shared = trigger.Verify(change.Signature, s.gitSecret.Reveal(), r.Raw)
	}
	if !r.SignedIn && change.Shared != trigger.Fits {
		return event, "", &spinnaker.Error{Status: http.StatusUnauthorized,
			Message: "this address needs an API token, or a signature with the secret in webhooks.git.secret"}
	}
	if dropped != "" {
		return event, dropped, nil
	}
	if change.Signature != "" {
		change.Body = r.Raw
	}
	event = trigger.Event{Type: trigger.Git, Source: host, Change: &change, Artifacts: artifacts}
	if change.Project != "" || change.Slug != "" {
		event.Name = change.Project + "/" + change.Slug
	}
	return event, "", nil
}

// changeOf reads the body of a code host.
func changeOf(host string, r Request) (change trigger.Change, artifacts []spinnaker.Artifact, dropped string) {
	switch host {
	case "github":
		return github(r.Payload, r.Header.Get("X-GitHub-Event"))
	case "gitlab":
		return gitlab(r.Payload)
	case "stash":
		change, dropped = stash(r.Payload)
	default:
		change, dropped = bitbucket(r.Payload, r.Header.Get("X-Event-Key"), len(r.Raw) == 0)
	}
	return change, nil, dropped
}
