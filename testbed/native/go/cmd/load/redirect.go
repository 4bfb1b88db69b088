package main

import (
	"errors"
	"net/http"
	"net/url"
	"time"
)

const mostRedirects = 5

var errRedirects = errors.New("too many redirects")

// ended is the last answer to a request, after its redirects.
type ended struct {
	answer
	redirects int
	path      string // of the last request, if there was a redirect
}

// follow sends a request, and follows redirects that stay with the same server, as a browser does.
func (l *load) follow(next *request, deadline time.Time) (ended, error) {
	server, host := l.targets[next.Target], l.addresses[next.Target]
	got, err := server.exchange(next, deadline)
	last := ended{answer: got}
	for err == nil && l.redirects {
		to := redirected(next, got, host)
		if to == nil {
			break
		}
		if last.redirects == mostRedirects {
			return ended{redirects: last.redirects, path: last.path}, errRedirects
		}
		next = to
		got, err = server.exchange(next, deadline)
		last = ended{got, last.redirects + 1, next.Path}
	}
	return last, err
}

// redirected returns the request that an answer asks for, nil if it asks for none or for another server.
func redirected(sent *request, got answer, host string) *request {
	method := sent.Method
	switch got.status {
	case http.StatusMovedPermanently, http.StatusFound:
		if method == http.MethodPost {
			method = http.MethodGet
		}
	case http.StatusSeeOther:
		if method != http.MethodHead {
			method = http.MethodGet
		}
	case http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		return nil
	}
	base, err := url.Parse("http://" + hostOf(sent, host) + sent.Path)
	if err != nil || got.header.Get("Location") == "" {
		return nil
	}
	to, err := base.Parse(got.header.Get("Location"))
	if err != nil || (to.Host != base.Host && to.Host != host) {
		return nil
	}
	next := *sent
	next.Method, next.Path = method, to.RequestURI()
	if method != sent.Method {
		next.Body = nil
	}
	return &next
}

func hostOf(sent *request, host string) string {
	for name, value := range sent.Headers {
		if http.CanonicalHeaderKey(name) == "Host" {
			return value
		}
	}
	return host
}
