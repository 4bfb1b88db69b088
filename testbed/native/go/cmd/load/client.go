package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"
	"time"
)

// Below the 5 s after which Node closes an idle connection: a request must not meet such a close on its way.
const idleAtMost = 4 * time.Second

const fallbacks = "X-Testbed-Fallback" // where an answer names those that were taken

// target is one address and its idle connections, the last used on top.
//
// It is not net/http's client, because that sends a GET again by itself when a kept connection breaks under it:
// the load has to show what happened to the request that it sent.
type target struct {
	address string
	mu      sync.Mutex
	idle    []*conn
}

type conn struct {
	net.Conn
	reader *bufio.Reader
	since  time.Time // idle since
}

// server is one address to send to, in the protocol that it speaks.
type server interface {
	exchange(next *request, deadline time.Time) (answer, error)
}

type answer struct {
	status   int
	begun    int // the status of an answer that broke off; status is then 0
	fallback string
	grpc     *int // the status of a gRPC answer
	header   http.Header
	content
}

// exchange sends one request and reads its whole answer; an error means that there was no whole one.
func (t *target) exchange(next *request, deadline time.Time) (answer, error) {
	c, err := t.take(deadline)
	if err != nil {
		return answer{}, err
	}
	if err := c.SetDeadline(deadline); err != nil {
		return answer{}, err
	}
	got, keep, err := c.exchange(next, t.address)
	if keep && err == nil {
		t.put(c)
	} else {
		c.Close()
	}
	return got, err
}

func (c *conn) exchange(next *request, address string) (got answer, keep bool, err error) {
	if _, err = c.Write(encode(next, address)); err != nil {
		return answer{}, false, err
	}
	response, err := c.readHead(next.Method)
	if err != nil {
		return answer{}, false, err
	}
	defer response.Body.Close()
	body, err := readBody(response.Body)
	if err != nil {
		return answer{begun: response.StatusCode, header: response.Header, content: body}, false, err
	}
	got = answer{status: response.StatusCode, fallback: response.Header.Get(fallbacks), header: response.Header, content: body}
	return got, !response.Close, nil
}

// readHead skips interim answers such as 103.
func (c *conn) readHead(method string) (*http.Response, error) {
	for {
		response, err := http.ReadResponse(c.reader, &http.Request{Method: method})
		if err != nil || response.StatusCode >= 200 {
			return response, err
		}
	}
}

// encode writes the request as it goes over the wire, in one piece.
func encode(next *request, host string) []byte {
	for name, value := range next.Headers {
		if http.CanonicalHeaderKey(name) == "Host" {
			host = value
		}
	}
	var text bytes.Buffer
	fmt.Fprintf(&text, "%s %s HTTP/1.1\r\nHost: %s\r\n", next.Method, next.Path, host)
	if len(next.Body) > 0 || next.Method != "GET" && next.Method != "HEAD" {
		fmt.Fprintf(&text, "Content-Length: %d\r\n", len(next.Body))
	}
	for name, value := range next.Headers {
		if http.CanonicalHeaderKey(name) != "Host" {
			fmt.Fprintf(&text, "%s: %s\r\n", name, value)
		}
	}
	text.WriteString("\r\n")
	text.Write(next.Body)
	return text.Bytes()
}

// take returns an idle connection that is still good, or a new one.
func (t *target) take(deadline time.Time) (*conn, error) {
	for c := t.pop(); c != nil; c = t.pop() {
		if time.Since(c.since) < idleAtMost && c.quiet() {
			return c, nil
		}
		c.Close()
	}
	dialer := net.Dialer{Deadline: deadline}
	raw, err := dialer.Dial("tcp", t.address)
	if err != nil {
		return nil, err
	}
	return &conn{Conn: raw, reader: bufio.NewReaderSize(raw, 4096)}, nil
}

func (t *target) pop() *conn {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.idle) == 0 {
		return nil
	}
	last := t.idle[len(t.idle)-1]
	t.idle = t.idle[:len(t.idle)-1]
	return last
}

func (t *target) put(c *conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c.since = time.Now()
	t.idle = append(t.idle, c)
}

// quiet says whether the peer has neither closed the idle connection nor sent anything.
func (c *conn) quiet() bool {
	raw, err := c.Conn.(*net.TCPConn).SyscallConn()
	if err != nil || c.reader.Buffered() > 0 {
		return false
	}
	quiet := false
	err = raw.Control(func(fd uintptr) {
		var one [1]byte
		_, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		quiet = err == syscall.EAGAIN
	})
	return err == nil && quiet
}

// explain names what went wrong: its kind, and for other kinds than the usual ones the text.
func explain(err error) (kind, detail string) {
	switch {
	case err == nil:
		return "", ""
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused", ""
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.As(err, new(streamError)):
		return "reset", ""
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "eof", ""
	case errors.Is(err, os.ErrDeadlineExceeded), isTimeout(err):
		return "timeout", ""
	case errors.Is(err, errRedirects):
		return "redirects", ""
	default:
		return "other", err.Error()
	}
}

func isTimeout(err error) bool {
	var network net.Error
	return errors.As(err, &network) && network.Timeout()
}

func newServer(address, protocol string, timeout time.Duration) server {
	switch protocol {
	case "http":
		return &target{address: address}
	case "http2", "grpc":
		return newChannel(address, timeout, protocol == "grpc")
	}
	fail("no protocol " + protocol + ": http, http2 or grpc")
	return nil
}
