package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

const fallbackHeader = "X-Testbed-Fallback"

// outcome is how one call ended; status 0 is no answer.
type outcome struct {
	status, tries int
	took          time.Duration
	err           string
	fallbacks     []string // named by the answer
	grpc          *int     // the status of a gRPC call; status is then the HTTP status that says the same
}

// tell writes the outcome into a line of the attempt log.
func (o outcome) tell(line *attempt) {
	line.Status, line.Error, line.Grpc = o.status, o.err, o.grpc
	if o.grpc != nil {
		line.Status = http.StatusOK
	}
}

func (o outcome) ok() bool { return 200 <= o.status && o.status < 400 }

// entry is one call in the answer.
type entry struct {
	To       string  `json:"to"`
	Path     string  `json:"path"`
	Status   int     `json:"status"`
	Tries    int     `json:"tries"`
	Ms       float64 `json:"ms"`
	Failure  *string `json:"failure"`
	Fallback *string `json:"fallback"`
}

// failure is the status and the error text of a request that failed.
type failure struct {
	status int
	text   string
}

// result is what calls add to the answer of the request.
type result struct {
	calls       []entry
	answers     map[string]json.RawMessage
	own, passed []string
	failed      *failure
}

func newResult() *result { return &result{calls: []entry{}, answers: map[string]json.RawMessage{}} }

// add adds another result; the first failure counts.
func (r *result) add(other *result) {
	r.calls = append(r.calls, other.calls...)
	for name, answer := range other.answers {
		r.answers[name] = answer
	}
	r.own = append(r.own, other.own...)
	r.passed = append(r.passed, other.passed...)
	if r.failed == nil {
		r.failed = other.failed
	}
}

// fallbacks returns all fallbacks taken, those of this service first, each once.
func (r *result) fallbacks() []string {
	names := []string{}
	for _, name := range slices.Concat(r.own, r.passed) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// caller makes the calls of one request, with its headers; the context ends when its client disconnects.
type caller struct {
	service  *service
	headers  map[string]string
	request  string
	deadline deadline
}

// step makes the calls in parallel and waits for all.
func (c *caller) step(ctx context.Context, calls []call) *result {
	results := make([]*result, len(calls))
	var all sync.WaitGroup
	for i := range calls {
		all.Add(1)
		go func() {
			defer all.Done()
			results[i] = c.call(ctx, &calls[i])
		}()
	}
	all.Wait()
	total := newResult()
	for _, one := range results {
		total.add(one)
	}
	return total
}

func (c *caller) call(ctx context.Context, call *call) *result {
	got := c.withRetries(ctx, call)
	r := newResult()
	r.passed = got.fallbacks
	r.calls = []entry{{To: call.To, Path: call.Path, Status: got.status, Tries: got.tries, Ms: inMs(got.took)}}
	if !got.ok() && ctx.Err() == nil {
		c.fallBack(ctx, call, got, r)
	}
	return r
}

func (c *caller) fallBack(ctx context.Context, call *call, got outcome, r *result) {
	way := &call.OnFailure
	r.calls[0].Failure = &way.Kind
	switch way.Kind {
	case "fail":
		r.failed = &failure{way.Status, call.To + ": " + got.text()}
		if slices.Contains(way.Keep, got.status) {
			r.failed.status = got.status
		}
	case "default":
		r.calls[0].Fallback, r.own = &way.Name, []string{way.Name}
		r.answers[way.Name] = way.Answer
	case "stale":
		answer, known := c.service.memory.get(call)
		if !known {
			r.failed = &failure{503, call.To + ": " + got.text() + ", and no stored answer yet"}
			return
		}
		r.calls[0].Fallback, r.own = &way.Name, []string{way.Name}
		r.answers[way.Name] = answer
	case "call":
		r.calls[0].Fallback, r.own = &way.Name, []string{way.Name}
		r.add(c.call(ctx, way.Call))
	}
}

func (o outcome) text() string {
	if o.status == 0 {
		return o.err
	}
	return fmt.Sprint(o.status)
}

// withRetries tries until a success or the last try, and writes the call to the attempt log.
func (c *caller) withRetries(ctx context.Context, call *call) outcome {
	var got outcome
	start := time.Now()
	line := attempt{Request: c.request, To: call.To, Call: c.service.log.callID()}
	for number := 1; number <= call.Retries+1 && !got.ok(); number++ {
		if number > 1 && sleep(ctx, milliseconds(call.Pause)) != nil || ctx.Err() != nil {
			got.status, got.err, got.grpc = 0, "cancelled", nil
			break
		}
		if c.deadline.over() {
			got.status, got.err, got.grpc = 0, "deadline", nil
			break
		}
		got.tries = number
		c.try(ctx, call, &got, line)
	}
	got.took = time.Since(start)
	if got.tries > 0 {
		line.Kind, line.Tries = "call", got.tries
		got.tell(&line)
		c.service.log.write(line, start, got.took)
	}
	return got
}

// try makes one try and writes it to the attempt log.
func (c *caller) try(parent context.Context, call *call, got *outcome, line attempt) {
	ctx := parent
	if end := c.deadline.within(milliseconds(call.Timeout)); !end.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(parent, end)
		defer cancel()
	}
	up := c.service.upstreams[call.To]
	host, start := up.nextHost(), time.Now()
	headers := c.deadline.tell(c.headers)
	var body bytes.Buffer
	if call.Protocol == "grpc" {
		statuses := c.service.behaviour.GRPC
		code, header := c.service.rpcs.exchange(ctx, host, up.name, call, headers, &body)
		got.status, got.err, got.grpc, got.fallbacks = statuses.asHTTP(code), statuses.errorName(code), &code, names(header)
		if parent.Err() != nil {
			got.status, got.err, got.grpc = 0, "cancelled", nil
		}
	} else {
		text := requestText(call.Method, up.prefix+call.Path, up.name, headers)
		into := io.Discard
		if call.OnFailure.Kind == "stale" {
			into = &body
		}
		status, header, err := c.service.pool.exchange(ctx, host, call.Method, text, into)
		got.status, got.err, got.fallbacks = status, errorName(err, parent), names(header)
	}
	if call.OnFailure.Kind == "stale" && got.ok() {
		c.service.memory.keep(call, body.Bytes())
	}
	line.Kind, line.Host, line.Try = "try", host, got.tries
	got.tell(&line)
	c.service.log.write(line, start, time.Since(start))
}

func names(header http.Header) []string {
	return strings.FieldsFunc(strings.Join(header.Values(fallbackHeader), ","), func(r rune) bool { return r == ',' || r == ' ' })
}

// sleep waits, or returns the context's error if the context ends first.
func sleep(ctx context.Context, wait time.Duration) error {
	if wait <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
