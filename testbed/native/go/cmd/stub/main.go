// Command stub is the Go stub; testbed/native/README.md describes its environment and its behaviour.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	if err := serve(signals); err != nil {
		fmt.Fprintln(os.Stderr, "stub:", err)
		os.Exit(2)
	}
}

// serve answers until SIGTERM; then it accepts no connection, and returns when the requests in progress are answered.
func serve(signals <-chan os.Signal) error {
	settings, err := readSettings(os.Getenv)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp4", net.JoinHostPort(settings.address, settings.port))
	if err != nil {
		return fmt.Errorf("cannot listen: %w", err)
	}
	server := &http.Server{Handler: newService(settings), Protocols: new(http.Protocols)}
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetUnencryptedHTTP2(settings.behaviour.Protocol != "http")
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			fmt.Fprintln(os.Stderr, "stub:", err)
			os.Exit(2)
		}
	}()
	<-signals
	if grace := settings.behaviour.Grace; grace > 0 {
		ctx, cancel := context.WithTimeout(context.Background(), milliseconds(grace))
		defer cancel()
		server.Shutdown(ctx)
	}
	return nil
}
