package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
)

const deadlineHeader = "x-envoy-expected-rq-timeout-ms" // the only x-envoy-* header that an app may propagate

var contextHeaders = []string{"traceparent", "tracestate", "baggage", "x-request-id"}

// service answers requests as its behaviour says.
type service struct {
	*settings
	forward []string
	gate    *gate // nil: no limit
	pool    *pool
	rpcs    *rpcs
	log     *attemptLog
	memory  *memory
	number  atomic.Uint64
	open    atomic.Int64 // connections
	ending  atomic.Bool  // after SIGTERM
}

// answer is the body of an answer; the fields of story are missing if the request was shed.
type answer struct {
	Service string `json:"service"`
	Replica string `json:"replica"`
	Status  int    `json:"status"`
	Error   string `json:"error,omitempty"`
	*story
}

type story struct {
	Path      string                     `json:"path"`
	Work      float64                    `json:"work"` // milliseconds
	Calls     []entry                    `json:"calls"`
	Answers   map[string]json.RawMessage `json:"answers"`
	Fallbacks []string                   `json:"fallbacks"`
	Padding   string                     `json:"padding"`
}

func newService(s *settings) *service {
	own := &service{settings: s, pool: newPool(), rpcs: newRPCs(), log: newAttemptLog(s.attemptLog, s.replica), memory: &memory{}}
	own.memory.forget()
	for _, name := range slices.Concat(contextHeaders, s.behaviour.Forward) {
		if name = strings.ToLower(name); name == deadlineHeader || !strings.HasPrefix(name, "x-envoy-") {
			own.forward = append(own.forward, name)
		}
	}
	if limits := s.behaviour.Concurrency; limits != nil {
		own.gate = newGate(*limits)
	}
	return own
}

// ServeHTTP reads the body first: only then does net/http notice that the client disconnects.
func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.behaviour.Protocol == "grpc" && isRPC(r) {
		s.serveRPC(w, r)
		return
	}
	io.Copy(io.Discard, r.Body)
	path := pathOf(r.RequestURI)
	if r.Method == http.MethodGet && path == "/healthz" {
		s.end(w, r)
		io.WriteString(w, "ok")
		return
	}
	body := s.answer(r, r.Method, path, w.Header())
	s.end(w, r)
	s.write(w, body)
}

// end makes an answer the last of its connection, after SIGTERM.
func (s *service) end(w http.ResponseWriter, r *http.Request) {
	if s.ending.Load() && r.ProtoMajor == 1 {
		w.Header().Set("Connection", "close")
	}
}

// answer does what the behaviour says for a request of this method and path, over HTTP or gRPC; own receives the headers
// of the answer. It panics without an answer if the client disconnects.
func (s *service) answer(r *http.Request, method, path string, own http.Header) answer {
	if method == http.MethodPost && path == s.behaviour.Reset {
		s.memory.forget()
	}
	if s.behaviour.HangUp == "continue" {
		r = r.WithContext(context.WithoutCancel(r.Context()))
	}
	left := newDeadline(s.behaviour.Deadline, r.Header)
	if s.gate != nil {
		if err := s.gate.enter(r.Context()); errors.Is(err, errShed) {
			own.Set("X-Testbed-Shed", "1")
			return answer{Status: s.behaviour.Concurrency.Shed, Error: "shed"}
		} else if err != nil {
			panic(http.ErrAbortHandler)
		}
		defer s.gate.leave()
	}
	if left.over() {
		return answer{Status: http.StatusGatewayTimeout, Error: "deadline"}
	}
	return s.work(r, method, path, own, left)
}

// work does what the route says; it panics without an answer if the client disconnects.
func (s *service) work(r *http.Request, method, path string, own http.Header, left deadline) answer {
	way, tag := s.route(method, path), baggageMember(r.Header, "tb.id")
	ms := draw(way.Work, unit(fmt.Sprintf("%s|%s|%s|%s", s.seed, s.requestName(tag, r.Header), s.service, path)))
	if sleep(r.Context(), milliseconds(ms)) != nil {
		panic(http.ErrAbortHandler)
	}
	calls := caller{service: s, headers: s.forwarded(r.Header), request: tag, deadline: left}
	total := newResult()
	for _, step := range way.Steps {
		total.add(calls.step(r.Context(), step.Parallel))
		if r.Context().Err() != nil {
			panic(http.ErrAbortHandler)
		}
		if total.failed != nil {
			break
		}
	}
	return tell(way, total, own, &story{Path: path, Work: ms})
}

func tell(way *route, total *result, own http.Header, told *story) answer {
	told.Calls, told.Answers, told.Fallbacks = total.calls, total.answers, total.fallbacks()
	told.Padding = strings.Repeat("x", way.Answer.Bytes)
	if len(told.Fallbacks) > 0 {
		own.Set(fallbackHeader, strings.Join(told.Fallbacks, ","))
	}
	body := answer{Status: way.Answer.Status, story: told}
	if total.failed != nil {
		body.Status, body.Error = total.failed.status, total.failed.text
	}
	return body
}

// text returns the answer as JSON.
func (s *service) text(body answer) []byte {
	body.Service, body.Replica = s.service, s.replica
	text, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	return text
}

// write sends the answer at once: net/http puts the header and a small body into one segment.
func (s *service) write(w http.ResponseWriter, body answer) {
	text := s.text(body)
	w.Header().Set("Content-Type", "application/json")
	if body.Status != http.StatusNoContent && body.Status != http.StatusNotModified {
		w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	}
	w.WriteHeader(body.Status)
	w.Write(text)
}

func (s *service) route(method, path string) *route {
	for _, name := range []string{method + " " + path, path} {
		if named, there := s.behaviour.Routes[name]; there {
			return &named
		}
	}
	return &s.behaviour.Default
}

func (s *service) forwarded(header http.Header) map[string]string {
	kept := map[string]string{}
	for _, name := range s.forward {
		if values := header.Values(name); len(values) > 0 {
			kept[name] = strings.Join(values, ", ")
		}
	}
	return kept
}

// requestName is what random draws depend on: the id from the load, else the request id, else a number.
func (s *service) requestName(tag string, header http.Header) string {
	if tag != "" {
		return tag
	}
	if id := header.Get("X-Request-Id"); id != "" {
		return id
	}
	return strconv.FormatUint(s.number.Add(1), 10)
}

// pathOf returns the path of a request target, absolute-form or not, without the query.
func pathOf(target string) string {
	target, _, _ = strings.Cut(target, "?")
	rest, absolute := strings.CutPrefix(target, "http://")
	if !absolute {
		return target
	}
	_, path, _ := strings.Cut(rest, "/")
	return "/" + path
}

// baggageMember returns the value of one member of the W3C baggage header, "" if there is none.
func baggageMember(header http.Header, key string) string {
	for _, member := range strings.Split(strings.Join(header.Values("Baggage"), ","), ",") {
		member, _, _ = strings.Cut(member, ";")
		if name, value, _ := strings.Cut(member, "="); strings.TrimSpace(name) == key {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
