package config

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Webhook is where webhook stages may lead, and the stage types that are webhooks of the operator's (Orca's webhook).
type Webhook struct {
	// AllowPrivateAddresses lets webhooks lead to loopback, link-local and private addresses; AllowedHosts lets them lead
	// to these hosts whatever their addresses.
	AllowPrivateAddresses bool     `yaml:"allowPrivateAddresses"`
	AllowedHosts          []string `yaml:"allowedHosts"`
	// AllowedRequests, when there are any, are the only ones that are sent.
	AllowedRequests []AllowedRequest `yaml:"allowedRequests"`
	// MaxResponseBytes is the longest body of an answer.
	MaxResponseBytes int64                  `yaml:"maxResponseBytes"`
	Preconfigured    []PreconfiguredWebhook `yaml:"preconfigured"`
}

// AllowedRequest is a kind of requests that webhooks may send.
type AllowedRequest struct {
	HTTPMethods []string `yaml:"httpMethods"`
	// URLPrefix is how their addresses begin, at least scheme, host and a slash.
	URLPrefix string `yaml:"urlPrefix"`
	// SafeToRetry lets a request be sent again that was not answered in time, which is unclear otherwise; a GET always is.
	SafeToRetry bool `yaml:"safeToRetry"`
}

// Allows says whether a request is of this kind.
func (a AllowedRequest) Allows(method, address string) bool {
	return slices.Contains(a.HTTPMethods, method) && strings.HasPrefix(address, a.URLPrefix)
}

// PreconfiguredWebhook is a webhook under a stage type of its own. What it says can not be changed by a pipeline; texts
// may hold expressions, which see the parameters as parameterValues.
//
// Source: spinnaker/spinnaker orca/orca-webhook webhook/config/WebhookProperties.java.
type PreconfiguredWebhook struct {
	Type        string                   `yaml:"type"`
	Label       string                   `yaml:"label"`
	Description string                   `yaml:"description"`
	Enabled     *bool                    `yaml:"enabled"`
	Parameters  []PreconfiguredParameter `yaml:"parameters"`
	// ParameterValues fixes values of parameters.
	ParameterValues map[string]string `yaml:"parameterValues"`
	// ParameterData is for Spinnaker's UI.
	ParameterData map[string]map[string]string `yaml:"parameterData"`

	URL string `yaml:"url"`
	// CustomHeaders are sent and never shown, and so are SensitiveHeaders, beside which Spinnaker's UI offers headers to a
	// stage.
	CustomHeaders       map[string]Secrets `yaml:"customHeaders"`
	SensitiveHeaders    map[string]Secrets `yaml:"sensitiveHeaders"`
	Method              string             `yaml:"method"`
	Payload             string             `yaml:"payload"`
	FailFastStatusCodes []int              `yaml:"failFastStatusCodes"`
	RetryStatusCodes    []int              `yaml:"retryStatusCodes"`
	WaitForCompletion   *bool              `yaml:"waitForCompletion"`
	// SignalCancellation is for Spinnaker's UI: what counts is whether there is a CancelEndpoint.
	SignalCancellation  *bool  `yaml:"signalCancellation"`
	WaitBeforeMonitor   *int   `yaml:"waitBeforeMonitor"`
	StatusURLResolution string `yaml:"statusUrlResolution"`
	StatusURLJSONPath   string `yaml:"statusUrlJsonPath"`
	StatusJSONPath      string `yaml:"statusJsonPath"`
	ProgressJSONPath    string `yaml:"progressJsonPath"`
	SuccessStatuses     string `yaml:"successStatuses"`
	CanceledStatuses    string `yaml:"canceledStatuses"`
	TerminalStatuses    string `yaml:"terminalStatuses"`
	CancelEndpoint      string `yaml:"cancelEndpoint"`
	CancelMethod        string `yaml:"cancelMethod"`
	CancelPayload       string `yaml:"cancelPayload"`

	Permissions Permissions `yaml:"permissions"`
}

// Permissions are the roles of which it takes one. Where there are none, nobody is refused.
type Permissions struct {
	// Read is for whoever reads the configuration, and refuses nobody.
	Read []string `yaml:"READ" json:"READ,omitempty"`
	// Write is for whoever runs the webhook.
	Write []string `yaml:"WRITE" json:"WRITE,omitempty"`
}

// PreconfiguredParameter is a value that a stage gives to a preconfigured webhook.
type PreconfiguredParameter struct {
	Name        string `yaml:"name" json:"name"`
	Label       string `yaml:"label" json:"label"`
	Description string `yaml:"description" json:"description,omitempty"`
	// Type is for Spinnaker's UI: string or boolean.
	Type         string  `yaml:"type" json:"type"`
	DefaultValue *string `yaml:"defaultValue" json:"defaultValue,omitempty"`
	Order        int     `yaml:"order" json:"order"`
}

// Disabled says whether the webhook is there but not offered.
func (p PreconfiguredWebhook) Disabled() bool { return p.Enabled != nil && !*p.Enabled }

// Fixed are the members of a stage that the webhook fixes, by their names in a stage. The headers are not among them.
func (p PreconfiguredWebhook) Fixed() map[string]any {
	fixed := map[string]any{}
	for key, value := range map[string]string{
		"url": p.URL, "method": p.Method, "payload": p.Payload, "statusUrlResolution": p.StatusURLResolution,
		"statusUrlJsonPath": p.StatusURLJSONPath, "statusJsonPath": p.StatusJSONPath, "progressJsonPath": p.ProgressJSONPath,
		"successStatuses": p.SuccessStatuses, "canceledStatuses": p.CanceledStatuses, "terminalStatuses": p.TerminalStatuses,
		"cancelEndpoint": p.CancelEndpoint, "cancelMethod": p.CancelMethod, "cancelPayload": p.CancelPayload,
	} {
		if value != "" {
			fixed[key] = value
		}
	}
	if p.WaitForCompletion != nil {
		fixed["waitForCompletion"] = *p.WaitForCompletion
	}
	if p.SignalCancellation != nil {
		fixed["signalCancellation"] = *p.SignalCancellation
	}
	if p.WaitBeforeMonitor != nil {
		fixed["waitBeforeMonitor"] = *p.WaitBeforeMonitor
	}
	for key, codes := range map[string][]int{"failFastStatusCodes": p.FailFastStatusCodes, "retryStatusCodes": p.RetryStatusCodes} {
		if codes == nil {
			continue
		}
		list := make([]any, len(codes))
		for i, code := range codes {
			list[i] = code
		}
		fixed[key] = list
	}
	return fixed
}

// Headers are those that are sent, by their names.
func (p PreconfiguredWebhook) Headers() map[string]Secrets {
	headers := maps.Clone(p.CustomHeaders)
	if headers == nil {
		headers = map[string]Secrets{}
	}
	maps.Copy(headers, p.SensitiveHeaders)
	return headers
}

// Secrets is one secret, or a list of them.
type Secrets []Secret

// UnmarshalYAML reads a secret, or a list.
func (s *Secrets) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.SequenceNode {
		return node.Decode((*[]Secret)(s))
	}
	var one Secret
	if err := node.Decode(&one); err != nil {
		return err
	}
	*s = Secrets{one}
	return nil
}

// isRole says whether a role is among those that somebody has, whatever its case.
func isRole(roles map[string][]string, name string) bool {
	for role := range roles {
		if strings.EqualFold(role, name) {
			return true
		}
	}
	return false
}

// validate checks a webhook configuration; roles are those that permissions may name.
func (w Webhook) validate(roles map[string][]string) []error {
	errs := uniqueBy("type", "webhook.preconfigured", w.Preconfigured, func(p PreconfiguredWebhook) string { return p.Type })
	for i, p := range w.Preconfigured {
		errs = append(errs, unique(fmt.Sprintf("webhook.preconfigured[%d].parameters", i), p.Parameters,
			func(p PreconfiguredParameter) string { return p.Name })...)
		if len(p.Headers()) > 0 && p.URL == "" {
			errs = append(errs, fmt.Errorf("webhook.preconfigured[%d].url: is missing: without it, pipelines could send its headers anywhere", i))
		}
		if len(p.Headers()) > 0 && p.URL != "" && !fixesHost(p.URL) {
			errs = append(errs, fmt.Errorf("webhook.preconfigured[%d].url: found an expression before the path, expected a host: with it, "+
				"pipelines could send its headers anywhere", i))
		}
		for _, list := range [][]string{p.Permissions.Read, p.Permissions.Write} {
			for _, role := range list {
				if !isRole(roles, role) {
					errs = append(errs, fmt.Errorf("webhook.preconfigured[%d].permissions: found the role %q, expected one of server.roles: "+
						"say there who has it", i, role))
				}
			}
		}
	}
	for i, a := range w.AllowedRequests {
		errs = append(errs, a.validate(fmt.Sprintf("webhook.allowedRequests[%d]", i))...)
	}
	if w.MaxResponseBytes < 1 {
		errs = append(errs, fmt.Errorf("webhook.maxResponseBytes: found %d, expected a number of bytes above zero", w.MaxResponseBytes))
	}
	return errs
}

// FixesCancelHost says whether the webhook itself says which host it is canceled at.
func (p PreconfiguredWebhook) FixesCancelHost() bool { return fixesHost(p.CancelEndpoint) }

// fixesHost says whether an address has no expression before its path.
func fixesHost(address string) bool {
	scheme, rest, found := strings.Cut(address, "://")
	host, _, _ := strings.Cut(rest, "/")
	return found && !strings.Contains(scheme+host, "${")
}

func (a AllowedRequest) validate(path string) []error {
	var errs []error
	prefix, err := url.Parse(a.URLPrefix)
	if err != nil || prefix.Scheme != "http" && prefix.Scheme != "https" || prefix.Host == "" || prefix.Path == "" {
		errs = append(errs, fmt.Errorf("%s.urlPrefix: found %q, expected the begin of an address, for example https://ci.example.com/", path, a.URLPrefix))
	}
	if len(a.HTTPMethods) == 0 {
		errs = append(errs, fmt.Errorf("%s.httpMethods: expected at least one, for example [GET, POST]", path))
	}
	for _, method := range a.HTTPMethods {
		if method == "" || method != strings.ToUpper(method) {
			errs = append(errs, fmt.Errorf("%s.httpMethods: found %q, expected a method such as %s", path, method, http.MethodPost))
		}
	}
	return errs
}
