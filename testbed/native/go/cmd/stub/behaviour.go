package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The behaviour description, checked: every key must be there.
type (
	behaviour struct {
		protocol     string
		wiring       string
		deadline     string // the header, "" for none
		hangUp       string
		grace        time.Duration
		reset        string // a path, "" for none
		forward      []string
		concurrency  *concurrency
		defaultRoute *route
		routes       map[string]*route
	}
	concurrency struct{ limit, queue, shed int }
	route       struct {
		work          []knot
		steps         [][]*call
		status, bytes int
	}
	call struct {
		to, method, path string
		grpc             bool
		timeout, pause   time.Duration // timeout 0: wait for ever
		retries          int
		onFailure        onFailure
	}
	onFailure struct {
		kind, name string
		status     int
		keep       []int
		answer     json.RawMessage
		call       *call
	}
)

func parseBehaviour(text string) (*behaviour, error) {
	if !json.Valid([]byte(text)) {
		return nil, errors.New("BEHAVIOUR is not JSON")
	}
	p := &parser{}
	b := p.behaviour(json.RawMessage(text))
	if p.err != nil {
		return nil, fmt.Errorf("BEHAVIOUR: %w", p.err)
	}
	return b, nil
}

// called calls visit with every call that the behaviour can make.
func (b *behaviour) called(visit func(*call)) {
	routes := []*route{b.defaultRoute}
	for _, r := range b.routes {
		routes = append(routes, r)
	}
	for _, r := range routes {
		for _, step := range r.steps {
			for _, c := range step {
				for ; c != nil; c = c.onFailure.call {
					visit(c)
				}
			}
		}
	}
}

func (p *parser) behaviour(raw json.RawMessage) *behaviour {
	top := p.object(raw, "it")
	b := &behaviour{wiring: get[string](top, "wiring"), forward: get[[]string](top, "forward"), routes: map[string]*route{}}
	b.protocol = get[string](top, "protocol")
	p.require(slices.Contains([]string{"http", "http2", "grpc"}, b.protocol), "protocol", "'http', 'http2' or 'grpc'")
	p.require(b.wiring == "listener" || b.wiring == "proxy", "wiring", "'listener' or 'proxy'")
	b.deadline, b.reset, b.hangUp = top.textOrNull("deadline"), top.textOrNull("reset"), get[string](top, "hang_up")
	p.require(b.hangUp == "stop" || b.hangUp == "continue", "hang_up", "'stop' or 'continue'")
	b.grace = milliseconds(top.number("grace"))
	if raw, given := top.optional("concurrency"); given {
		limits := p.object(raw, "concurrency")
		b.concurrency = &concurrency{
			limit: limits.integer("limit", 1, most), queue: limits.integer("queue", 0, most), shed: limits.integer("shed", 200, 599),
		}
	}
	b.defaultRoute = p.route(top.raw("default"), "default")
	for name, raw := range p.object(top.raw("routes"), "routes").fields {
		b.routes[name] = p.route(raw, "routes["+name+"]")
	}
	return b
}

func (p *parser) route(raw json.RawMessage, where string) *route {
	o := p.object(raw, where)
	answer := p.object(o.raw("answer"), where+".answer")
	r := &route{status: answer.integer("status", 200, 599), bytes: answer.integer("bytes", 0, most)}
	if raw, given := o.optional("work"); given {
		r.work = p.knots(p.object(raw, where+".work"))
	}
	for number, raw := range get[[]json.RawMessage](o, "steps") {
		step := p.object(raw, fmt.Sprintf("%s.steps[%d]", where, number))
		calls := []*call{}
		for index, raw := range get[[]json.RawMessage](step, "parallel") {
			calls = append(calls, p.call(raw, fmt.Sprintf("%s.parallel[%d]", step.where, index)))
		}
		r.steps = append(r.steps, calls)
	}
	return r
}

func (p *parser) knots(o object) []knot {
	const wanted = "null or percent -> milliseconds with knots 0 and 100"
	knots := []knot{}
	for text := range o.fields {
		percent, err := strconv.ParseFloat(text, 64)
		p.require(err == nil, o.where, wanted)
		knots = append(knots, knot{percent, o.number(text)})
	}
	slices.SortFunc(knots, func(a, b knot) int { return cmp.Compare(a.percent, b.percent) })
	p.require(len(knots) > 1 && knots[0].percent == 0 && knots[len(knots)-1].percent == 100, o.where, wanted)
	for i := 1; i < len(knots); i++ {
		p.require(knots[i-1].percent < knots[i].percent, o.where, wanted)
	}
	return knots
}

func (p *parser) call(raw json.RawMessage, where string) *call {
	o := p.object(raw, where)
	c := &call{to: get[string](o, "to"), method: get[string](o, "method"), path: get[string](o, "path")}
	p.require(c.to != "", where+".to", "a text")
	p.require(c.method != "", where+".method", "a text")
	protocol := get[string](o, "protocol")
	p.require(protocol == "http" || protocol == "grpc", where+".protocol", "'http' or 'grpc'")
	c.grpc = protocol == "grpc"
	visible := !strings.ContainsFunc(c.path, func(r rune) bool { return r <= ' ' || r > '~' })
	p.require(visible && strings.HasPrefix(c.path, "/"), where+".path", "a path of visible ASCII from /")
	if _, given := o.optional("timeout"); given {
		c.timeout = milliseconds(o.number("timeout"))
		p.require(c.timeout > 0, where+".timeout", "null or more than 0 ms")
	}
	c.retries, c.pause = o.integer("retries", 0, most), milliseconds(o.number("pause"))
	c.onFailure = p.onFailure(p.object(o.raw("on_failure"), where+".on_failure"))
	return c
}

func (p *parser) onFailure(o object) onFailure {
	way := onFailure{kind: get[string](o, "kind")}
	switch way.kind {
	case "ignore":
	case "fail":
		way.status, way.keep = o.integer("status", 200, 599), get[[]int](o, "keep")
	case "default":
		way.name, way.answer = get[string](o, "name"), o.raw("answer")
	case "stale":
		way.name = get[string](o, "name")
	case "call":
		way.name, way.call = get[string](o, "name"), p.call(o.raw("call"), o.where+".call")
	default:
		p.require(false, o.where+".kind", "fail, ignore, default, stale or call")
	}
	return way
}

func milliseconds(ms float64) time.Duration { return time.Duration(ms * float64(time.Millisecond)) }
