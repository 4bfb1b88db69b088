package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"testbed.invalid/native/internal/wire"
)

// channel is one address that is spoken to in HTTP/2 without TLS: one connection carries all requests at once.
//
// net/http sends nothing a second time here that has left already, because no body can be read again.
type channel struct {
	address string
	rpc     bool
	dialer  *net.Dialer
	mu      sync.Mutex
	now     *http.Transport
}

func newChannel(address string, timeout time.Duration, rpc bool) *channel {
	c := &channel{address: address, rpc: rpc, dialer: &net.Dialer{Timeout: timeout}}
	c.now = c.transport()
	return c
}

func (c *channel) transport() *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Transport{
		Protocols:          protocols,
		DialContext:        c.dialer.DialContext,
		DisableCompression: true,
		IdleConnTimeout:    idleAtMost,
	}
}

// exchange sends one request and reads its whole answer; an error means that there was no whole one.
func (c *channel) exchange(next *request, deadline time.Time) (answer, error) {
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	sent, err := c.request(ctx, next, deadline)
	if err != nil {
		return answer{}, err
	}
	through := c.current()
	response, body, err := whole(through.RoundTrip(sent))
	if err == nil {
		return c.read(response, body), nil
	}
	if ctx.Err() == context.DeadlineExceeded {
		c.leave(through)
	}
	if response != nil {
		return answer{begun: response.StatusCode, header: response.Header, content: body}, err
	}
	return answer{}, err
}

// whole reads a response to its end, where its trailers are.
func whole(response *http.Response, err error) (*http.Response, content, error) {
	if err != nil {
		return response, content{}, err
	}
	defer response.Body.Close()
	body, err := readBody(response.Body)
	return response, body, err
}

func (c *channel) read(response *http.Response, body content) answer {
	got := answer{status: response.StatusCode, fallback: response.Trailer.Get(fallbacks), header: response.Header, content: body}
	if got.fallback == "" {
		got.fallback = response.Header.Get(fallbacks)
	}
	if c.rpc {
		status := wire.StatusOf(response)
		got.grpc = &status
		got.content = body.withoutPrefix(wire.Prefix)
	}
	return got
}

func (c *channel) request(ctx context.Context, next *request, deadline time.Time) (*http.Request, error) {
	body := next.Body
	if c.rpc {
		body = wire.Framed(body)
	}
	once := io.NopCloser(bytes.NewReader(body)) // which net/http cannot read again
	sent, err := http.NewRequestWithContext(ctx, next.Method, "http://"+c.address+next.Path, once)
	if err != nil {
		return nil, err
	}
	sent.Header["User-Agent"] = nil // none, unless the request has one
	for name, value := range next.Headers {
		sent.Header.Set(name, value)
		if http.CanonicalHeaderKey(name) == "Host" {
			sent.Host = value
		}
	}
	if c.rpc {
		wire.AsCall(sent, deadline)
	} else {
		sent.ContentLength = int64(len(body))
	}
	return sent, nil
}

func (c *channel) current() *http.Transport {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// leave makes later requests take a new connection, where an answer did not come in time over this one: it may never
// carry anything again, and nobody would notice. What is under way on it goes on.
func (c *channel) leave(through *http.Transport) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now == through {
		c.now = c.transport()
	}
}

// streamError is how net/http's own, which has no name outside of it, lets itself be read: the peer ended one request.
type streamError struct {
	StreamID uint32
	Code     uint32
	Cause    error
}

func (streamError) Error() string { return "the peer ended the request" }
