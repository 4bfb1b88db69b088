package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// pool keeps idle connections by "ip:port", as many as there were parallel calls.
//
// http.Transport is not used because it repeats a request when an idle connection breaks: the testbed counts tries, so
// a try must be one request on the wire.
type pool struct {
	mu   sync.Mutex
	idle map[string][]*connection
}

// connection is one persistent connection to an upstream.
type connection struct {
	net.Conn
	reader *bufio.Reader
}

func newPool() *pool { return &pool{idle: map[string][]*connection{}} }

// exchange sends one request and returns the answer's status and header, once the whole answer is here (its body is
// written to body).
func (p *pool) exchange(ctx context.Context, host, method, message string, body io.Writer) (int, http.Header, error) {
	c, err := p.take(ctx, host)
	if err != nil {
		return 0, nil, err
	}
	stop := context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) })
	response, err := c.exchange(method, message, body)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil || response.Close {
		c.Close()
	} else {
		p.keep(host, c)
	}
	if err != nil {
		return 0, nil, err
	}
	return response.StatusCode, response.Header, nil
}

func (p *pool) take(ctx context.Context, host string) (*connection, error) {
	for c := p.pop(host); c != nil; c = p.pop(host) {
		if c.silent() {
			return c, nil
		}
		c.Close()
	}
	dialer := net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: false}, KeepAlive: -1}
	conn, err := dialer.DialContext(ctx, "tcp", host)
	if err != nil {
		return nil, err
	}
	return &connection{conn, bufio.NewReader(conn)}, nil
}

func (p *pool) pop(host string) *connection {
	p.mu.Lock()
	defer p.mu.Unlock()
	idle := p.idle[host]
	if len(idle) == 0 {
		return nil
	}
	last := idle[len(idle)-1]
	p.idle[host] = idle[:len(idle)-1]
	return last
}

func (p *pool) keep(host string, c *connection) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle[host] = append(p.idle[host], c)
}

// silent reports whether the idle peer neither closed, nor reset, nor sent anything.
func (c *connection) silent() bool {
	raw, err := c.Conn.(*net.TCPConn).SyscallConn()
	if err != nil || c.reader.Buffered() > 0 {
		return false
	}
	var peeked error
	err = raw.Read(func(fd uintptr) bool {
		_, _, peeked = syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		return true
	})
	return err == nil && peeked == syscall.EAGAIN
}

func (c *connection) exchange(method, message string, body io.Writer) (*http.Response, error) {
	if _, err := io.WriteString(c, message); err != nil {
		return nil, err
	}
	for {
		response, err := http.ReadResponse(c.reader, &http.Request{Method: method})
		if err != nil {
			return nil, err
		}
		if _, err = io.Copy(body, response.Body); err != nil {
			return nil, err
		}
		if response.StatusCode >= 200 {
			return response, nil
		}
	}
}

var bodiless = []string{"GET", "HEAD", "DELETE", "OPTIONS", "TRACE"}

// requestText returns a request without a body; host is the name of the service, not the address of the peer.
func requestText(method, target, host string, headers map[string]string) string {
	var text strings.Builder
	text.WriteString(method + " " + target + " HTTP/1.1\r\nHost: " + host + "\r\n")
	for name, value := range headers {
		text.WriteString(name + ": " + value + "\r\n")
	}
	if !slices.Contains(bodiless, method) {
		text.WriteString("Content-Length: 0\r\n")
	}
	return text.String() + "\r\n"
}

// errorName returns the name of an error in the attempt log; parent is the context of the request.
func errorName(err error, parent context.Context) string {
	var network net.Error
	switch {
	case err == nil:
		return ""
	case parent.Err() != nil:
		return "cancelled"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded),
		errors.As(err, &network) && network.Timeout():
		return "timeout"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "reset"
	default:
		return "other"
	}
}
