package main

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
)

// settings is the environment of the stub: its name, its address, its behaviour, its upstreams.
type settings struct {
	address, port, service, replica, seed string
	behaviour                             *behaviour
	upstreams                             map[string]*upstream
	attemptLog                            *os.File // nil: none
}

// upstream is where calls to one service go: hosts in turn, and what stands before the path in the request line.
type upstream struct {
	name, prefix string
	hosts        []string
	turn         atomic.Uint64
}

func (u *upstream) nextHost() string {
	return u.hosts[(u.turn.Add(1)-1)%uint64(len(u.hosts))]
}

func readSettings(env func(string) string) (*settings, error) {
	for _, name := range []string{"ADDR", "PORT", "SERVICE", "REPLICA", "SEED", "BEHAVIOUR"} {
		if env(name) == "" {
			return nil, fmt.Errorf("%s is not set", name)
		}
	}
	for _, name := range []string{"PORT", "SEED"} {
		if _, err := strconv.ParseInt(env(name), 10, 64); err != nil {
			return nil, fmt.Errorf("%s is not a whole number: %q", name, env(name))
		}
	}
	s := &settings{address: env("ADDR"), port: env("PORT"), service: env("SERVICE"), replica: env("REPLICA"), seed: env("SEED")}
	var err error
	if s.behaviour, err = parseBehaviour(env("BEHAVIOUR")); err != nil {
		return nil, err
	}
	if s.upstreams, err = readUpstreams(s.behaviour, env); err != nil {
		return nil, err
	}
	s.attemptLog, err = openLog(env("ATTEMPT_LOG"))
	return s, err
}

func readUpstreams(b *behaviour, env func(string) string) (map[string]*upstream, error) {
	upstreams := map[string]*upstream{}
	var failed error
	b.called(func(c *call) {
		if upstreams[c.To] == nil && failed == nil {
			upstreams[c.To], failed = readUpstream(c, b.Wiring, env)
		}
	})
	return upstreams, failed
}

func readUpstream(c *call, wiring string, env func(string) string) (*upstream, error) {
	u := &upstream{name: c.To}
	variable := strings.ReplaceAll(strings.ToUpper(c.To), "-", "_")
	source, urls := variable+"_URL", env(variable+"_URL")
	switch {
	case env(variable+"_URLS") != "":
		source, urls = variable+"_URLS", env(variable+"_URLS")
	case c.Protocol == "grpc":
		source, urls = variable+"_ADDR", env(variable+"_ADDR")
		if urls != "" {
			urls = "http://" + urls
		}
	case wiring == "proxy":
		source, urls, u.prefix = "HTTP_PROXY", env("HTTP_PROXY"), "http://"+c.To
	}
	if urls == "" {
		return nil, fmt.Errorf("%s is not set", source)
	}
	for _, text := range strings.Split(urls, ",") {
		host, err := hostOf(strings.TrimSpace(text))
		if err != nil {
			return nil, fmt.Errorf("%s is not http://ip:port: %q", source, text)
		}
		u.hosts = append(u.hosts, host)
	}
	return u, nil
}

func hostOf(text string) (string, error) {
	parsed, err := url.Parse(text)
	if err == nil && (parsed.Scheme != "http" || parsed.Hostname() == "" || parsed.Port() == "" || strings.Trim(parsed.Path, "/") != "") {
		err = errors.New("not http://ip:port")
	}
	if err != nil {
		return "", err
	}
	return parsed.Host, nil
}

func openLog(path string) (*os.File, error) {
	if path == "" {
		return nil, nil
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("ATTEMPT_LOG cannot be written: %w", err)
	}
	return file, nil
}
