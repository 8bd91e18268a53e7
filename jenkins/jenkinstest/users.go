package jenkinstest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Right is a permission, by the name that Jenkins' pages use.
type Right string

// The rights the server knows. Administer implies all others.
const (
	Administer  Right = "Overall/Administer"
	OverallRead Right = "Overall/Read"
	JobRead     Right = "Job/Read"
	JobDiscover Right = "Job/Discover"
	JobBuild    Right = "Job/Build"
	JobCancel   Right = "Job/Cancel"
	RunUpdate   Right = "Run/Update"
)

// permissionIDs are the identifiers in X-Required-Permission.
func (r Right) permissionID() string {
	switch r {
	case Administer:
		return "hudson.model.Hudson.Administer"
	case OverallRead:
		return "hudson.model.Hudson.Read"
	case RunUpdate:
		return "hudson.model.Run.Update"
	default:
		return "hudson.model.Item." + strings.TrimPrefix(string(r), "Job/")
	}
}

// User is an account of the server.
type User struct {
	ID       string
	Password string
	Token    string // API token
	Rights   []Right
}

// AddUser adds an account and makes its API token.
func (s *Server) AddUser(id, password string, rights ...Right) User {
	sum := sha256.Sum256([]byte("token of " + id))
	user := User{ID: id, Password: password, Token: "11" + hex.EncodeToString(sum[:16]), Rights: rights}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users[id] = &user
	return user
}

// Deny takes Job/Read on one item away from a user.
func (s *Server) Deny(id, fullName string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.denied[id] == nil {
		s.denied[id] = map[string]bool{}
	}
	s.denied[id][fullName] = true
}

// who is the user of a request.
type who struct {
	user  *User // nil is anonymous
	token bool  // signed in by API token, so no crumb is needed
}

func (w who) name() string {
	if w.user == nil {
		return "anonymous"
	}
	return w.user.ID
}

// identify gives the user of a request; ok is false for wrong credentials.
// Bearer tokens are ignored, as Jenkins without plugins does.
func (s *Server) identify(r *http.Request) (w who, ok bool) {
	id, secret, basic := r.BasicAuth()
	if !basic {
		return who{}, true
	}
	user := s.users[id]
	switch {
	case user == nil:
		return who{}, false
	case secret == user.Token:
		return who{user: user, token: true}, true
	case secret == user.Password:
		return who{user: user}, true
	default:
		return who{}, false
	}
}

// may reports whether a user has a right on an item (nil is the master).
func (s *Server) may(w who, right Right, on *item) bool {
	if s.opts.NoSecurity {
		return true
	}
	if on != nil && right == JobRead && s.denied[w.name()][on.fullName()] {
		return false
	}
	if w.user == nil {
		return s.opts.AnonymousRead && (right == OverallRead || right == JobRead)
	}
	return slices.Contains(w.user.Rights, Administer) || slices.Contains(w.user.Rights, right)
}

const crumbField = "Jenkins-Crumb"

// crumbFor is bound to the user and the session.
func (s *Server) crumbFor(w who, sessionID string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s %d", w.name(), sessionID, s.session))
	return hex.EncodeToString(sum[:])
}

func (s *Server) crumbValid(r *http.Request, w who) bool {
	if s.opts.NoCrumbs || s.opts.NoSecurity || w.token {
		return true
	}
	cookie, err := r.Cookie("JSESSIONID")
	if err != nil {
		return false
	}
	given := r.Header.Get(crumbField)
	if given == "" {
		given = r.PostFormValue(crumbField)
	}
	return given == s.crumbFor(w, cookie.Value)
}

// newSessionID makes the value of a JSESSIONID cookie.
func (s *Server) newSessionID() string {
	s.nextPage++
	return fmt.Sprintf("node0%020d.node0", s.nextPage)
}

// sessionHeader is X-Jenkins-Session: new for every start of the master.
func (s *Server) sessionHeader() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", s.listener.Addr(), s.session))
	return hex.EncodeToString(sum[:4])
}
