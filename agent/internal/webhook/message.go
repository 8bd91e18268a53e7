package webhook

import (
	"encoding/base64"
	"maps"
	"slices"
	"strings"

	"github.com/gennaker/gennaker/agent/internal/trigger"
	"github.com/gennaker/gennaker/api/spinnaker"
)

func subscriptionKey(system, name string) string { return strings.ToLower(system + "/" + name) }

// Message makes an event of a message that a subscription pushes. key is the same for a message that comes again; it is ""
// where the message has no id.
//
// These forms are read: Google's push ({"message": {"data": base64, "attributes", "messageId"}}), a notification of Amazon SNS
// ({"Type": "Notification", "Message", "MessageAttributes", "MessageId"}) or, as its headers say, the message of one alone, and
// {"payload", "attributes", "messageId"}.
func (s *Set) Message(r Request) (event trigger.Event, key string, err error) {
	system, name := r.Kind, r.Source
	subscription := s.subscriptions[subscriptionKey(system, name)]
	if err := subscription.admit(r, "subscription "+name+" of "+system); err != nil {
		return trigger.Event{}, "", err
	}
	event = trigger.Event{Type: trigger.Pubsub, Source: system, Name: name}
	var id string
	switch {
	case r.Header.Get("X-Amz-Sns-Rawdelivery") == "true":
		event.Payload, id = r.Payload, r.Header.Get("X-Amz-Sns-Message-Id")
	case r.Payload["message"] != nil:
		event.Payload, event.Attributes, err = googleMessage(r.Payload)
		id = textAt(r.Payload, "message.messageId", "message.message_id")
	case r.Payload["Type"] != nil:
		event.Payload, event.Attributes, err = snsMessage(r.Payload)
		id = textAt(r.Payload, "MessageId")
	default:
		event.Payload, event.Attributes, err = plainMessage(r.Payload)
		id = textAt(r.Payload, "messageId")
	}
	if err != nil {
		return trigger.Event{}, "", err
	}
	if id != "" {
		key = "pubsub\x00" + subscriptionKey(system, name) + "\x00" + id
	}
	if subscription.template != nil {
		if event.Artifacts, err = subscription.template.artifacts(event.Payload); err != nil {
			event.ArtifactsError = err.Error()
		}
	}
	return event, key, nil
}

// Subscriptions lists the configured subscriptions.
func (s *Set) Subscriptions() []string { return slices.Sorted(maps.Keys(s.subscriptions)) }

func googleMessage(body map[string]any) (payload map[string]any, attributes map[string][]string, err error) {
	data, err := base64.StdEncoding.DecodeString(bodyAt(body, "message.data"))
	if err != nil {
		return nil, nil, spinnaker.Invalid("message.data: found no base64 (%v)", err)
	}
	payload, err = payloadOf(data, "message.data")
	return payload, attributesOf(at(body, "message.attributes")), err
}

func snsMessage(body map[string]any) (payload map[string]any, attributes map[string][]string, err error) {
	if kind := textAt(body, "Type"); kind != "Notification" {
		return nil, nil, spinnaker.Invalid("found a message of Type %q, expected Notification. "+
			"Confirm the subscription by hand: open the SubscribeURL that Amazon SNS has sent", kind)
	}
	payload, err = payloadOf([]byte(bodyAt(body, "Message")), "Message")
	values := map[string]any{}
	given, _ := body["MessageAttributes"].(map[string]any)
	for name, attribute := range given {
		values[name] = at(attribute, "Value")
	}
	return payload, attributesOf(values), err
}

func plainMessage(body map[string]any) (payload map[string]any, attributes map[string][]string, err error) {
	payload, isObject := body["payload"].(map[string]any)
	if !isObject {
		return nil, nil, spinnaker.Invalid("found neither message (Google), Type (Amazon SNS) nor an object payload in the message")
	}
	return payload, attributesOf(body["attributes"]), nil
}

// payloadOf reads the JSON object that a message carries.
func payloadOf(data []byte, where string) (payload map[string]any, err error) {
	if err := spinnaker.DecodeForeign(data, &payload); err != nil {
		return nil, spinnaker.Invalid("%s: not a JSON object: %v", where, err)
	}
	if payload == nil {
		return nil, spinnaker.Invalid("%s: found null, expected a JSON object", where)
	}
	return payload, nil
}

func attributesOf(value any) map[string][]string {
	given, _ := value.(map[string]any)
	attributes := map[string][]string{}
	for name := range given {
		if text := spinnaker.Trigger(given).Text(name); text != "" {
			attributes[name] = []string{text}
		}
	}
	return attributes
}
