// Command stub is the testbed's small service in Go; README.md in the folder above says what it is told and does.
package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	exitOnTerm()
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, "stub:", err)
		os.Exit(2)
	}
}

func serve() error {
	settings, err := readSettings(os.Getenv)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp4", net.JoinHostPort(settings.address, settings.port))
	if err != nil {
		return fmt.Errorf("cannot listen: %w", err)
	}
	return http.Serve(listener, newService(settings))
}

func exitOnTerm() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	go func() {
		<-signals
		os.Exit(0)
	}()
}
