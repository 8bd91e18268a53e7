package spel

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// Functions that get a URL (spinnaker/spinnaker orca-core
// UrlExpressionFunctionProvider.java).
var urlFunctions = map[string]*function{
	"fromUrl": define("The text at a URL", func(s *state, args []any) (any, error) {
		body, err := fetch(s, args[0])
		return strings.ToValidUTF8(body, "\ufffd"), err
	}, Parameter{"url", "http or https URL", "String"}),

	"jsonFromUrl": define("The JSON at a URL", func(s *state, args []any) (any, error) {
		body, err := fetch(s, args[0])
		if err != nil {
			return nil, err
		}
		return readJSON(body)
	}, Parameter{"url", "http or https URL", "String"}),

	"yamlFromUrl": define("The YAML at a URL", func(s *state, args []any) (any, error) {
		body, err := fetch(s, args[0])
		if err != nil {
			return nil, err
		}
		return readYAML(body)
	}, Parameter{"url", "http or https URL", "String"}),

	"propertiesFromUrl": define("The Java properties at a URL", func(s *state, args []any) (any, error) {
		body, err := fetch(s, args[0])
		if err != nil {
			return nil, err
		}
		return readProperties(body)
	}, Parameter{"url", "http or https URL", "String"}),
}

// fetch gets a URL, once for each Env.
func fetch(s *state, arg any) (string, error) {
	address, err := needText(arg)
	if err != nil {
		return "", err
	}
	if s.engine.config.Fetch == nil {
		return "", errors.New("URLs cannot be read here")
	}
	if err := CheckURL(address); err != nil {
		return "", err
	}
	cache := &s.env.fetched
	cache.mu.Lock()
	defer cache.mu.Unlock()
	if body, ok := cache.body[address]; ok {
		return body, nil
	}
	body, err := s.engine.config.Fetch(s.ctx, address)
	if err != nil {
		return "", err
	}
	if cache.body == nil {
		cache.body = map[string]string{}
	}
	cache.body[address] = string(body)
	return string(body), nil
}

// forbiddenSuffixes end the names of hosts that are never asked.
var forbiddenSuffixes = []string{".spinnaker", ".local", ".localdomain", ".internal"}

// CheckURL applies the rules that need no name resolution (spinnaker/spinnaker
// orca-core UserConfiguredUrlRestrictions.java): http or https, no literal
// address, a host with a dot in it that is not a local name. The addresses that
// the name resolves to are for the caller's fetcher to check.
func CheckURL(address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return fmt.Errorf("URL %q: %w", address, errors.Unwrap(err))
	}
	host := strings.ToLower(u.Hostname())
	if scheme := strings.ToLower(u.Scheme); scheme != "http" && scheme != "https" {
		return fmt.Errorf("URL %q: only http and https are allowed", address)
	}
	if host == "" {
		return fmt.Errorf("URL %q has no host", address)
	}
	if _, err := netip.ParseAddr(host); err == nil || isNumeric(host) {
		return fmt.Errorf("URL %q: the host must be a name, not an address", address)
	}
	name := strings.TrimSuffix(host, ".")
	if !strings.Contains(name, ".") {
		return fmt.Errorf("URL %q: the host must be a full name with a dot in it", address)
	}
	for _, suffix := range forbiddenSuffixes {
		if strings.HasSuffix(name, suffix) {
			return fmt.Errorf("URL %q: hosts ending in %q are not allowed", address, suffix)
		}
	}
	return nil
}

// isNumeric reports whether a host is an address in one of the old notations:
// 2130706433, 0x7f.1, 127.1.
func isNumeric(host string) bool {
	last := host[strings.LastIndexByte(strings.TrimSuffix(host, "."), '.')+1:]
	last = strings.TrimSuffix(last, ".")
	if strings.HasPrefix(last, "0x") {
		return true
	}
	return last != "" && strings.Trim(last, "0123456789") == ""
}
