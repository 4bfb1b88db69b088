package main

import (
	"context"
	"errors"
	"sync/atomic"
)

var errShed = errors.New("shed")

// gate bounds concurrency: so many requests at work, so many waiting in order, the others are shed.
type gate struct {
	places  chan struct{}
	queue   int64
	waiting atomic.Int64
}

func newGate(limits concurrency) *gate {
	return &gate{places: make(chan struct{}, limits.Limit), queue: int64(limits.Queue)}
}

// enter takes a place, at once or in turn. It fails with errShed, or with the context's error when the client left.
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
