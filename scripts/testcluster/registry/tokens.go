package registry

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"
)

// tokenLife is how long ECR's authorization tokens are valid.
const tokenLife = 12 * time.Hour

// tokens issues registry passwords. A password is its expiry, signed, so
// those issued before a restart stay good after it.
type tokens struct {
	key   []byte
	clock *clock
}

func loadTokens(path string, c *clock) (*tokens, error) {
	key, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		key = []byte(rand.Text())
		err = os.WriteFile(path, key, 0o600)
	}
	if err != nil {
		return nil, fmt.Errorf("ecr: token key: %w", err)
	}
	return &tokens{key: key, clock: c}, nil
}

func (t *tokens) issue() (password string, expires time.Time) {
	expires = t.clock.now().Add(tokenLife)
	stamp := binary.BigEndian.AppendUint64(nil, uint64(expires.UnixNano()))
	return base64.RawURLEncoding.EncodeToString(append(stamp, t.sign(stamp)...)), expires
}

func (t *tokens) valid(password string) bool {
	raw, err := base64.RawURLEncoding.DecodeString(password)
	if err != nil || len(raw) != 8+sha256.Size {
		return false
	}
	stamp, signature := raw[:8], raw[8:]
	expires := time.Unix(0, int64(binary.BigEndian.Uint64(stamp)))
	return hmac.Equal(signature, t.sign(stamp)) && t.clock.now().Before(expires)
}

func (t *tokens) sign(stamp []byte) []byte {
	mac := hmac.New(sha256.New, t.key)
	mac.Write(stamp)
	return mac.Sum(nil)
}
