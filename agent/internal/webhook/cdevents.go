package webhook

import (
	"net/http"
	"net/textproto"
	"strings"

	"github.com/gennaker/gennaker/api/spinnaker"
)

// cdEvent reads a CloudEvent: its data, and its attributes as headers. Spinnaker takes the data from the header Ce-Data. A
// body is read too: as the whole event where its type is application/cloudevents+json, else as the data.
//
// Source: spinnaker/spinnaker echo/echo-webhooks controllers/WebhooksController.groovy.
func cdEvent(r Request) (data map[string]any, attributes map[string][]string, err error) {
	attributes = openHeaders(r.Header)
	data = r.Payload
	switch text := r.Header.Get("Ce-Data"); {
	case text != "":
		data = nil
		if err := spinnaker.DecodeForeign([]byte(text), &data); err != nil {
			return nil, nil, spinnaker.Invalid("header Ce-Data: not a JSON object: %v", err)
		}
		delete(attributes, "Ce-Data")
	case strings.HasPrefix(r.Header.Get("Content-Type"), "application/cloudevents"):
		data, _ = r.Payload["data"].(map[string]any)
		for name, value := range r.Payload {
			if text, isText := value.(string); isText {
				attributes[textproto.CanonicalMIMEHeaderKey("ce-"+name)] = []string{text}
			}
		}
	}
	for _, member := range []string{"customData", "context", "subject"} {
		if data[member] == nil {
			return nil, nil, spinnaker.Invalid("CDEvent: %s is missing: its data need customData, context and subject", member)
		}
	}
	return data, attributes, nil
}

// openHeaders are the headers that may be kept: all but those that may hold secrets.
func openHeaders(header http.Header) map[string][]string {
	const longest = 1 << 10
	open := map[string][]string{}
	for name, values := range header {
		if mayHoldSecret(name) {
			continue
		}
		for _, value := range values {
			if len(value) <= longest || strings.HasPrefix(name, "Ce-") {
				open[name] = append(open[name], value)
			}
		}
	}
	return open
}

func mayHoldSecret(header string) bool {
	header = strings.ToLower(header)
	for _, word := range []string{"auth", "token", "secret", "cookie", "password", "signature", "key", "credential", "session"} {
		if strings.Contains(header, word) {
			return true
		}
	}
	return false
}
