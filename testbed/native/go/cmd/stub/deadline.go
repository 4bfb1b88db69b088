package main

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// deadline is the moment until which the caller waits, from a header: nothing is begun after it.
type deadline struct {
	header string
	at     time.Time // zero: the caller waits for ever
}

func newDeadline(name string, header http.Header) deadline {
	ms, err := strconv.ParseUint(header.Get(name), 10, 31)
	if name == "" || err != nil {
		return deadline{}
	}
	return deadline{strings.ToLower(name), time.Now().Add(time.Duration(ms) * time.Millisecond)}
}

func (d deadline) over() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

// within returns when to give up: after the timeout (0: none), or at the deadline if that is sooner; zero for never.
func (d deadline) within(timeout time.Duration) time.Time {
	own := time.Now().Add(timeout)
	if timeout <= 0 || !d.at.IsZero() && d.at.Before(own) {
		return d.at
	}
	return own
}

// tell adds the header with the time left, in whole milliseconds.
func (d deadline) tell(headers map[string]string) map[string]string {
	if d.at.IsZero() {
		return headers
	}
	told := map[string]string{}
	for name, value := range headers {
		told[name] = value
	}
	told[d.header] = strconv.FormatInt(max(0, time.Until(d.at).Milliseconds()), 10)
	return told
}
