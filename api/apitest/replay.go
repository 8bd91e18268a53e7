package apitest

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"time"
)

const (
	// patience bounds the repetition of a request whose answer must fit eventually, pause is between two of them.
	patience = 45 * time.Second
	pause    = 50 * time.Millisecond
	// requestTimeout bounds one request.
	requestTimeout = 30 * time.Second
)

// Replay holds the conversation with the server at a URL. given are names that stand for something from the start. The
// error names the file, the line and what does not fit.
func (c Conversation) Replay(ctx context.Context, url string, given map[string]string) error {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableCompression = true // Accept-Encoding is part of a conversation
	defer transport.CloseIdleConnections()
	p := player{url: strings.TrimRight(url, "/"), known: variables{}, http: &http.Client{Transport: transport, Timeout: requestTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	maps.Copy(p.known, given)
	for _, exchange := range c.Exchanges {
		if err := p.play(ctx, exchange); err != nil {
			return fmt.Errorf("%s:%d: %s: %w", c.Name, exchange.Line, exchange.Title, err)
		}
	}
	return nil
}

// player holds one conversation.
type player struct {
	url   string
	http  *http.Client
	known variables
}

func (p *player) play(ctx context.Context, exchange Exchange) error {
	if !exchange.Want.Eventually {
		return p.try(ctx, exchange)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	var last error
	for {
		err := p.try(ctx, exchange)
		if err == nil {
			return nil
		}
		if ctx.Err() == nil {
			last = err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return errors.Join(last, ctx.Err())
		}
	}
}

// try sends the request once and compares the answer. What placeholders take is kept only if all of it fits.
func (p *player) try(ctx context.Context, exchange Exchange) error {
	status, header, body, err := p.send(ctx, exchange)
	if err != nil {
		return err
	}
	known := maps.Clone(p.known)
	if err := known.matchAnswer(exchange.Want, status, header, body); err != nil {
		return fmt.Errorf("%w\nanswer: %d %s", err, status, cut(string(body), 4000))
	}
	p.known = known
	return nil
}

func (v variables) matchAnswer(want Answer, status int, header http.Header, body []byte) error {
	if status != want.Status {
		return fmt.Errorf("status: found %d, expected %d", status, want.Status)
	}
	for _, field := range want.Header {
		got, there := header[http.CanonicalHeaderKey(field.Name)]
		switch {
		case field.Value == "{{"+absent+"}}":
			if there {
				return fmt.Errorf("header %s: found %q, expected none", field.Name, got)
			}
			continue
		case !there:
			return fmt.Errorf("header %s: it is not there, expected %q", field.Name, field.Value)
		}
		if err := v.matchText(field.Value, strings.Join(got, ", ")); err != nil {
			return fmt.Errorf("header %s: %w", field.Name, err)
		}
	}
	if err := v.matchBody(want.Body, body); err != nil {
		return fmt.Errorf("body: %w", err)
	}
	return nil
}

func (p *player) send(ctx context.Context, exchange Exchange) (status int, header http.Header, body []byte, err error) {
	target, err := p.known.fill(exchange.Target)
	if err != nil {
		return 0, nil, nil, err
	}
	text, err := p.known.fill(exchange.Body)
	if err != nil {
		return 0, nil, nil, err
	}
	request, err := http.NewRequestWithContext(ctx, exchange.Method, p.url+target, strings.NewReader(text))
	if err != nil {
		return 0, nil, nil, err
	}
	for _, field := range exchange.Header {
		value, err := p.known.fill(field.Value)
		if err != nil {
			return 0, nil, nil, err
		}
		request.Header.Add(field.Name, value)
	}
	answer, err := p.http.Do(request)
	if err != nil {
		return 0, nil, nil, err
	}
	defer answer.Body.Close()
	body, err = readBody(answer)
	return answer.StatusCode, answer.Header, body, err
}

func readBody(answer *http.Response) ([]byte, error) {
	if answer.Header.Get("Content-Encoding") != "gzip" {
		return io.ReadAll(answer.Body)
	}
	plain, err := gzip.NewReader(answer.Body)
	if err != nil {
		return nil, fmt.Errorf("the body is not gzip, as its header says: %w", err)
	}
	return io.ReadAll(plain)
}
