package main

import (
	"context"
	"errors"
	"sync/atomic"
)

var errShed = errors.New("shed")

// gate bounds concurrency: a limit of requests in progress, a queue in order of arrival, the rest are shed.
type gate struct {
	places  chan struct{}
	queue   int64
	waiting atomic.Int64
}

func newGate(limits concurrency) *gate {
	return &gate{places: make(chan struct{}, limits.Limit), queue: int64(limits.Queue)}
}

// enter lets a request in, at once or in turn. It fails with errShed, or with the context's error if the client has
// disconnected.
func (g *gate) enter(ctx context.Context) error {
	select {
	case g.places <- struct{}{}:
		return nil
	default:
	}
	defer g.waiting.Add(-1)
	if g.waiting.Add(1) > g.queue {
		return errShed
	}
	select {
	case g.places <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g *gate) leave() { <-g.places }
