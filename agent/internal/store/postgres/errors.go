package postgres

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/gennaker/gennaker/agent/internal/store"
)

// ErrClosed is returned by a Store that was closed.
var ErrClosed = errors.New("the store is closed")

// ErrUnknownOutcome is returned by an update whose connection was lost while it committed, when the database could not be
// asked in time whether it was kept.
var ErrUnknownOutcome = errors.New("the connection was lost during the commit, and it is not known whether the change was kept")

// Conditions of PostgreSQL that are decided on.
//
// Source: PostgreSQL's manual, appendix A, error codes.
const (
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
	lockNotAvailable     = "55P03"
	uniqueViolation      = "23505"
	foreignKeyViolation  = "23503"
	idleInTransaction    = "25P03"
	adminShutdown        = "57P01"
	crashShutdown        = "57P02"
	cannotConnectNow     = "57P03"
	tooManyConnections   = "53300"
	diskFull             = "53100"
	readOnly             = "25006"
	badPassword          = "28P01"
	badLogin             = "28000"
	noDatabase           = "3D000"
	noPrivilege          = "42501"
	damagedData          = "XX001"
	damagedIndex         = "XX002"
)

// code is the condition that the server named, or "".
func code(err error) string {
	var failed *pgconn.PgError
	if errors.As(err, &failed) {
		return failed.Code
	}
	return ""
}

// collided says whether a transaction failed because of another one: it may well succeed when it is run again. A key that
// is there twice, or one that refers to nothing, is another transaction's doing: the statements look before they write.
func collided(err error) bool {
	switch code(err) {
	case serializationFailure, deadlockDetected, lockNotAvailable, uniqueViolation, foreignKeyViolation:
		return true
	}
	return false
}

// lost says whether the connection is gone, or could not be made.
func lost(err error) bool {
	switch c := code(err); {
	case c == "":
	case c == adminShutdown, c == crashShutdown, c == cannotConnectNow, c == idleInTransaction, c == tooManyConnections:
		return true
	default:
		return strings.HasPrefix(c, "08")
	}
	var connecting *pgconn.ConnectError
	var network *net.OpError
	return errors.As(err, &connecting) || errors.As(err, &network) || errors.Is(err, io.EOF) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, errBroken) || errors.Is(err, errNoneFree)
}

// errBroken is the error of a connection that was found closed, errNoneFree that of a pool whose connections are all in use.
var (
	errBroken   = errors.New("the connection to the database is closed")
	errNoneFree = fmt.Errorf("none of the connections to it became free within %v", acquireTimeout)
)

// fault is a failure of the database or of the way to it: the whole store is concerned.
type fault struct {
	// meaning says what has happened and what to do.
	meaning string
	cause   error
}

func (f *fault) Error() string { return f.meaning + ": " + f.cause.Error() }

// Unwrap makes a fault a store.ErrUnavailable.
func (f *fault) Unwrap() []error { return []error{store.ErrUnavailable, f.cause} }

// meanings say what conditions of the server mean to the person who reads of them.
var meanings = map[string]string{
	diskFull:           "the database's disk is full, free some space",
	readOnly:           "the database is read-only, perhaps a standby: connect to the primary",
	badPassword:        "the database refused the login, check store.postgres.url and store.postgres.password",
	badLogin:           "the database refused the login, check store.postgres.url and store.postgres.password",
	noDatabase:         "there is no such database, create it",
	noPrivilege:        "the database's user may not do that, make it the owner of the database",
	tooManyConnections: "the database takes no more connections, raise its max_connections or lower store.postgres.connections",
	cannotConnectNow:   "the database is starting or stopping",
	adminShutdown:      "the database is stopping",
	crashShutdown:      "the database has crashed",
	damagedData:        "the database is damaged, restore a backup",
	damagedIndex:       "an index of the database is damaged, rebuild it with REINDEX",
}

// explain makes an error of the database that is no fault of the statement one that says what to do.
func explain(err error) error {
	if err == nil {
		return nil
	}
	if meaning, known := meanings[code(err)]; known {
		return &fault{meaning, err}
	}
	if lost(err) {
		return &fault{"the database cannot be reached", err}
	}
	return err
}

// named adds the store's name to a fault or an unknown outcome.
func (s *Store) named(err error) error {
	var f *fault
	if !errors.As(err, &f) && !errors.Is(err, ErrUnknownOutcome) {
		return err
	}
	return fmt.Errorf("store %q: %w", s.name, err)
}
