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
	"time"
)

const mostStay = time.Second // idle connections stay open for so long at most after SIGTERM

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
	service := newService(settings)
	server := &http.Server{Handler: service, Protocols: new(http.Protocols), ConnState: service.count}
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetUnencryptedHTTP2(settings.behaviour.Protocol != "http")
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) && !service.ending.Load() {
			fmt.Fprintln(os.Stderr, "stub:", err)
			os.Exit(2)
		}
	}()
	<-signals
	if grace := settings.behaviour.Grace; grace > 0 {
		ctx, cancel := context.WithTimeout(context.Background(), milliseconds(grace))
		defer cancel()
		service.ending.Store(true)
		listener.Close()
		if settings.behaviour.Protocol == "http" { // the others say GOAWAY
			service.stay(min(mostStay, milliseconds(grace/10)))
		}
		server.Shutdown(ctx)
	}
	return nil
}

// count keeps the number of open connections.
func (s *service) count(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.open.Add(1)
	case http.StateClosed, http.StateHijacked:
		s.open.Add(-1)
	}
}

// stay waits while connections are open, at most so long: each answer now ends its connection.
func (s *service) stay(longest time.Duration) {
	for end := time.Now().Add(longest); s.open.Load() > 0 && time.Now().Before(end); {
		time.Sleep(5 * time.Millisecond)
	}
}
