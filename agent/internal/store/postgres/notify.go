package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// channel is where replicas tell each other of work.
	channel = "gennaker_due"
	// quiet is the time between two notifications of a replica at least: replicas that all have too much to do must not
	// wake each other all the time.
	quiet = time.Second
	// listenCheck is how often a silent connection is looked at, listenTimeout how long it has to answer.
	listenCheck   = 30 * time.Second
	listenTimeout = 5 * time.Second
	// firstReconnect and lastReconnect bound the pause before the listener connects again.
	firstReconnect = 100 * time.Millisecond
	lastReconnect  = 5 * time.Second
)

// Announce implements store.Store. Announcements that come while one is being sent are one.
func (s *Store) Announce() {
	select {
	case s.announce <- struct{}{}:
	default:
	}
}

// send sends announcements until ctx ends. One that fails is not repeated: the others look for work by themselves.
func (s *Store) send(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.announce:
		}
		if err := s.notify(ctx); err != nil && ctx.Err() == nil {
			s.log.Debug("tell other agents of work", "error", err)
		}
		timer := time.NewTimer(quiet)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

func (s *Store) notify(ctx context.Context) error {
	pooled, err := s.acquire(ctx)
	if err != nil {
		return err
	}
	defer pooled.Release()
	limited, cancel := context.WithTimeout(ctx, listenTimeout)
	defer cancel()
	_, err = pooled.Exec(limited, "SELECT pg_notify($1, $2)", channel, s.id)
	return err
}

// listen signals work that other replicas tell of until ctx ends.
func (s *Store) listen(ctx context.Context, config *pgx.ConnConfig) {
	for failures := 0; ; failures++ {
		connected, err := s.hear(ctx, config)
		if ctx.Err() != nil {
			return
		}
		if connected {
			failures = 0
			s.log.Warn("the connection that listens for other agents was lost; work is still looked for regularly", "error", err)
		} else {
			s.log.Debug("listen for other agents", "error", err)
		}
		timer := time.NewTimer(min(firstReconnect<<min(failures, 10), lastReconnect))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// hear listens on one connection until it is lost. What was told while there was none is looked for at once.
func (s *Store) hear(ctx context.Context, config *pgx.ConnConfig) (connected bool, err error) {
	connecting, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	c, err := pgx.ConnectConfig(connecting, config)
	if err != nil {
		return false, err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), listenTimeout)
		defer cancel()
		_ = c.Close(closing) // nothing is lost with it
	}()
	if _, err := c.Exec(connecting, "LISTEN "+channel); err != nil {
		return false, err
	}
	s.signal()
	for {
		told, err := s.wait(ctx, c)
		if err != nil {
			return true, err
		}
		if told {
			s.signal()
		}
	}
}

// wait waits for another replica's notification. A connection on which there is none for a while is looked at.
func (s *Store) wait(ctx context.Context, c *pgx.Conn) (told bool, err error) {
	waiting, cancel := context.WithTimeout(ctx, listenCheck)
	defer cancel()
	notification, err := c.WaitForNotification(waiting)
	switch {
	case err == nil:
		return notification.Payload != s.id, nil
	case ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) || c.IsClosed():
		return false, err
	}
	checking, stop := context.WithTimeout(ctx, listenTimeout)
	defer stop()
	if err := c.Ping(checking); err != nil {
		return false, fmt.Errorf("look at the connection: %w", err)
	}
	return false, nil
}
