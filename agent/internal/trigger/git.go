package trigger

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"slices"
	"strings"

	"github.com/gennaker/gennaker/api/spinnaker"
)

// Change is a push, a pull request or a change of branches that a code host tells of.
type Change struct {
	Project string `json:"project"`
	Slug    string `json:"slug"`
	Branch  string `json:"branch"`
	Hash    string `json:"hash"`
	// Action is what triggers list in `events`, for example push:push.
	Action string `json:"action"`
	// Properties are what is known of a pull request: number, draft, state, title.
	Properties map[string]any `json:"properties,omitempty"`
	// Signature is the body's, as sha256=HEX or sha1=HEX; empty when the host did not sign. Body is what was signed.
	Signature string `json:"signature,omitempty"`
	Body      []byte `json:"body,omitempty"`
	// Shared is what the secret that all git triggers share makes of the signature: Unset where there is none, else
	// Fits, or why it does not.
	Shared string `json:"shared,omitempty"`
}

// What a shared secret can make of a signature, other than a refusal in words.
const (
	Unset = ""
	Fits  = "fits"
)

// Sign returns the signature of a body under a secret, as code hosts send it in X-Hub-Signature-256.
func Sign(secret string, body []byte) string {
	return "sha256=" + hex.EncodeToString(mac(sha256.New, secret, body))
}

// Verify says whether a signature (sha256=HEX, sha1=HEX, or the digits alone) is that of the body under a secret: "fits", or
// why not. It takes the same time for every wrong signature of the right length.
//
// Source: spinnaker/spinnaker echo/echo-pipelinetriggers eventhandlers/GitEventHandler.java, which knows SHA-1 only.
func Verify(signature, secret string, body []byte) string {
	if signature == "" {
		return "the body is not signed, and the secret asks for it"
	}
	algorithm, digits, named := strings.Cut(signature, "=")
	if !named {
		algorithm, digits = "", signature
	}
	given, err := hex.DecodeString(digits)
	if err != nil {
		return "the signature is not in hexadecimal digits"
	}
	var made func() hash.Hash
	switch strings.ToLower(algorithm) {
	case "sha256":
		made = sha256.New
	case "sha1":
		made = sha1.New
	case "":
		if made = sha1.New; len(given) == sha256.Size {
			made = sha256.New
		}
	default:
		return fmt.Sprintf("the signature's algorithm is %q, expected sha256 or sha1", algorithm)
	}
	expected := mac(made, secret, body)
	if len(given) != len(expected) {
		return fmt.Sprintf("the signature has %d bytes, expected %d", len(given), len(expected))
	}
	if !hmac.Equal(given, expected) {
		return "the signature was made with another secret, or the body was changed on its way"
	}
	return Fits
}

func mac(made func() hash.Hash, secret string, body []byte) []byte {
	m := hmac.New(made, []byte(secret))
	m.Write(body)
	return m.Sum(nil)
}

// gitKey is the key of a git trigger: host, project and slug in any case.
func gitKey(t spinnaker.Trigger) (Key, bool) {
	source, project, slug := t.Text("source"), t.Text("project"), t.Text("slug")
	return Key{Git, strings.ToLower(source), strings.ToLower(project + "/" + slug)}, source != "" && project != "" && slug != ""
}

// matchGit is the rule of type `git`: host, project and slug (the key), signature, action, branch, artifacts.
//
// Source: the same file.
func matchGit(pipeline spinnaker.Pipeline, t spinnaker.Trigger, event Event, with *patterns) Verdict {
	change := event.Change
	if !strings.EqualFold(t.Text("project"), change.Project) || !strings.EqualFold(t.Text("slug"), change.Slug) {
		return ignored("project %q and slug %q: the trigger is for %q and %q", change.Project, change.Slug, t.Text("project"), t.Text("slug"))
	}
	if refused := change.refused(t.Text("secret")); refused != "" {
		return ignored("%s", refused)
	}
	if wanted := t.Texts("events"); len(wanted) > 0 && !slices.Contains(wanted, change.Action) {
		return ignored("the event is %q; the trigger fires on %s", change.Action, strings.Join(wanted, ", "))
	}
	if ok, reason := wholeMatch(t.Text("branch"), change.Branch, "branch", with); !ok {
		return ignored("%s", reason)
	}
	if ok, reason := artifactConstraint(pipeline, t, event.Artifacts); !ok {
		return ignored("%s", reason)
	}
	data := map[string]any{"hash": change.Hash, "branch": change.Branch, "action": change.Action, "artifacts": present(event.Artifacts),
		"buildNumber": nil, "tag": nil, "secret": nil}
	if len(change.Properties) > 0 {
		data["properties"] = change.Properties
	}
	return fires(Fires, fmt.Sprintf("%s of branch %q of %s %s at %q", change.Action, change.Branch, event.Source, event.Name, change.Hash), t, event, data)
}

// refused says why a change may not fire a trigger with that secret, or "". The trigger's own secret comes before the one
// that all share.
func (c Change) refused(secret string) string {
	verdict := c.Shared
	if secret != "" {
		verdict = Verify(c.Signature, secret, c.Body)
	} else if verdict == Unset && c.Signature != "" {
		verdict = "the body is signed, but neither the trigger nor webhooks.git.secret has the secret to check it with"
	}
	if verdict == Fits || verdict == Unset {
		return ""
	}
	return verdict
}

// wholeMatch says whether a pattern matches the whole of a value; without a pattern any value does.
func wholeMatch(pattern, value, what string, with *patterns) (ok bool, reason string) {
	if pattern == "" {
		return true, ""
	}
	expr, err := with.expr(pattern)
	if err != nil {
		return false, fmt.Sprintf("the trigger's %s %q is not a regular expression: %v", what, pattern, err)
	}
	matches, err := expr.Match(value)
	if err != nil {
		return false, fmt.Sprintf("the trigger's %s %q: %v", what, pattern, err)
	}
	if !matches {
		return false, fmt.Sprintf("%s %q does not match %q", what, value, pattern)
	}
	return true, ""
}
