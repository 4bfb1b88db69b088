// Toxiproxy with its control API where only the owner of a run can use it: at a Unix socket, or, in a container, at a
// port that asks for a token. Everything else is Toxiproxy's library, as its own program sets it up.
package main

import (
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/rs/zerolog/log"
)

type settings struct {
	config, socket, listen, token string
	version                       bool
}

func main() {
	var set settings
	flag.StringVar(&set.config, "config", "", "JSON file with the proxies to open at the start")
	flag.StringVar(&set.socket, "socket", "", "serve the API at this Unix socket")
	flag.StringVar(&set.listen, "listen", "", "serve the API at this ip:port, to those who have the token")
	flag.StringVar(&set.token, "token", "", "write a new token into this file")
	flag.BoolVar(&set.version, "version", false, "print the version")
	flag.Parse()
	if set.version {
		fmt.Println("toxiproxy of testbed, version", toxiproxy.Version)
		return
	}
	if err := run(set); err != nil {
		fmt.Fprintln(os.Stderr, "toxiproxy:", err)
		os.Exit(2)
	}
}

// run opens the proxies and then the API: who can connect to the API finds all proxies open.
func run(set settings) error {
	logger := newLogger()
	log.Logger = logger
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), logger)
	if set.config != "" {
		server.PopulateConfig(set.config)
	}
	listener, guard, err := open(set)
	if err != nil {
		return err
	}
	// The limits are those of Toxiproxy's own program.
	api := &http.Server{
		Handler:      guard(server.Routes()),
		ReadTimeout:  15 * time.Second,
		WriteTimeout: 30 * time.Second,
		IdleTimeout:  60 * time.Second,
	}
	ended := make(chan error, 1)
	go func() { ended <- api.Serve(listener) }()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	select {
	case err := <-ended:
		return err
	case <-signals:
		return api.Close()
	}
}

// open returns the listener of the API, and what guards it.
func open(set settings) (net.Listener, func(http.Handler) http.Handler, error) {
	switch {
	case set.socket != "" && set.listen == "":
		listener, err := private(set.socket)
		return listener, func(handler http.Handler) http.Handler { return handler }, err
	case set.listen != "" && set.token != "" && set.socket == "":
		token, err := newToken(set.token)
		if err != nil {
			return nil, nil, err
		}
		listener, err := net.Listen("tcp", set.listen)
		return listener, func(handler http.Handler) http.Handler { return guarded(handler, token) }, err
	}
	return nil, nil, errors.New("give -socket, or -listen and -token")
}

// private listens at a Unix socket that is 0600 from its first moment. A socket of an earlier life is replaced.
func private(path string) (net.Listener, error) {
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() == os.ModeSocket {
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	before := syscall.Umask(0o177)
	defer syscall.Umask(before)
	return net.Listen("unix", path)
}

func newLogger() zerolog.Logger {
	logger := zerolog.New(os.Stdout).With().Timestamp().Logger()
	if level, err := zerolog.ParseLevel(os.Getenv("LOG_LEVEL")); err == nil {
		return logger.Level(level)
	}
	return logger
}
