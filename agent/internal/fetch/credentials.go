package fetch

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/gennaker/gennaker/agent/internal/config"
)

// maxCredentials bounds files with credentials, in bytes.
const maxCredentials = 64 << 10

// credentials add what an account signs in with to a request. A nil one adds nothing.
type credentials func(ctx context.Context, r *http.Request) error

// basic signs in with a user name and password; nil for an account without.
func basic(auth config.BasicAuth) credentials {
	if auth.UsernamePasswordFile == "" && auth.Username == "" {
		return nil
	}
	return func(_ context.Context, r *http.Request) error {
		user, password, err := userAndPassword(auth)
		if err == nil {
			r.SetBasicAuth(user, password)
		}
		return err
	}
}

// userAndPassword reads the account's file when it has one.
func userAndPassword(auth config.BasicAuth) (user, password string, err error) {
	if auth.UsernamePasswordFile == "" {
		return auth.Username, auth.Password.Reveal(), nil
	}
	text, err := readCredentials("usernamePasswordFile", auth.UsernamePasswordFile)
	if err != nil {
		return "", "", err
	}
	user, password, found := strings.Cut(text, ":")
	if !found {
		return "", "", &Error{Problem: fmt.Sprintf("the account's usernamePasswordFile %s does not hold USER:PASSWORD", auth.UsernamePasswordFile),
			Status: http.StatusInternalServerError}
	}
	return user, password, nil
}

// token signs in with a token in a header, after a prefix; nil for an account without.
func token(auth config.TokenAuth, header, prefix string) credentials {
	if auth.TokenFile == "" && !auth.Token.IsSet() {
		return nil
	}
	return func(_ context.Context, r *http.Request) error {
		value, err := readToken(auth)
		if err == nil {
			r.Header.Set(header, prefix+value)
		}
		return err
	}
}

// readToken reads the account's file when it has one.
func readToken(auth config.TokenAuth) (string, error) {
	if auth.TokenFile == "" {
		return auth.Token.Reveal(), nil
	}
	return readCredentials("tokenFile", auth.TokenFile)
}

// readCredentials reads a file each time it is needed: credentials may be renewed while the agent runs.
func readCredentials(key, path string) (string, error) {
	text, err := readBounded(path)
	if err == nil && len(strings.TrimSpace(text)) == 0 {
		err = fmt.Errorf("%s is empty", path)
	}
	if err != nil {
		return "", &Error{Problem: fmt.Sprintf("read the account's %s: %v", key, err), Err: err, Status: http.StatusInternalServerError}
	}
	return strings.TrimRight(text, "\r\n"), nil
}

func readBounded(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxCredentials))
	return string(data), err
}

// first returns the first credentials that are there.
func first(of ...credentials) credentials {
	for _, c := range of {
		if c != nil {
			return c
		}
	}
	return nil
}

// tokenMargin is how long before its end a token is renewed.
const tokenMargin = 5 * time.Minute

// tokens keeps tokens that expire, by what they are for.
type tokens struct {
	mu   sync.Mutex
	kept map[string]expiring
}

type expiring struct {
	value string
	end   time.Time
}

// get returns the token that is kept, or a new one. Requests for tokens are made one at a time.
func (t *tokens) get(ctx context.Context, key string, renew func(context.Context) (expiring, error)) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if kept, ok := t.kept[key]; ok && time.Until(kept.end) > tokenMargin {
		return kept.value, nil
	}
	renewed, err := renew(ctx)
	if err != nil {
		return "", err
	}
	if t.kept == nil {
		t.kept = map[string]expiring{}
	}
	for old, token := range t.kept {
		if time.Until(token.end) <= 0 {
			delete(t.kept, old)
		}
	}
	t.kept[key] = renewed
	return renewed.value, nil
}
