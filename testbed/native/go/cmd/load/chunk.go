package main

import (
	"context"
	"math"
	"sync"
	"time"
)

type load struct {
	targets   []server
	addresses []string
	timeout   time.Duration
	headers   []string // the headers of answers that are told
	redirects bool     // whether redirects are followed
	library   *library
	clock     clock
	out       *output
	mu        sync.Mutex
	chunks    map[int]*chunk // under way, by number
}

func newLoad(addresses []string, protocol string, timeout time.Duration, clock clock, out *output) *load {
	l := &load{clock: clock, addresses: addresses, timeout: timeout, out: out, chunks: map[int]*chunk{}, library: &library{seen: map[string]bool{}}}
	for _, address := range addresses {
		l.targets = append(l.targets, newServer(address, protocol, timeout))
	}
	return l
}

// chunk is one stretch of the schedule under way.
type chunk struct {
	*load
	number int
	start  time.Time // with a monotonic reading, so that a change of the clock does not touch the schedule
	epoch  float64   // the same instant in epoch seconds
	count  int
	dozing context.Context // of waiting for the next request to be due: ends when the chunk is stopped
	wake   context.CancelFunc

	mu    sync.Mutex
	until float64 // in epoch seconds; what is due then or later is not sent
}

func (l *load) start(of command, queue <-chan *request) {
	c := &chunk{load: l, number: of.Chunk, start: l.clock.time(of.Start), epoch: of.Start, count: of.Count, until: math.Inf(1)}
	c.dozing, c.wake = context.WithCancel(context.Background())
	l.mu.Lock()
	l.chunks[of.Chunk] = c
	l.mu.Unlock()
	go c.run(queue)
}

// stop keeps what is due at this time or later from being sent; chunks that come later are sent.
func (l *load) stop(until float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, chunk := range l.chunks {
		chunk.mu.Lock()
		chunk.until = until
		chunk.mu.Unlock()
		chunk.wake()
	}
}

func (l *load) forget(number int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.chunks[number].wake()
	delete(l.chunks, number)
}

// run starts every request at its time, each in a goroutine of its own, and reports when all are sent and ended.
func (c *chunk) run(queue <-chan *request) {
	var ending sync.WaitGroup
	if err := c.sendAll(queue, &ending); err != nil {
		fail(err.Error())
	}
	c.report(false)
	ending.Wait()
	c.forget(c.number)
	c.report(true)
}

func (c *chunk) report(ended bool) {
	c.out.write(progress{c.number, ended, processorTime()})
	c.out.flush()
}

func (c *chunk) sendAll(queue <-chan *request, ending *sync.WaitGroup) error {
	alarm, err := newAlarm(c.dozing)
	if err != nil {
		return err
	}
	defer alarm.close()
	for range c.count {
		next, err := c.await(queue, alarm)
		if next == nil {
			return err
		}
		ending.Add(1)
		go c.send(next, ending)
	}
	return nil
}

// await returns the next request when it is due, or nil when the chunk was stopped before it is due.
func (c *chunk) await(queue <-chan *request, alarm *alarm) (*request, error) {
	next := <-queue
	err := alarm.sleep(time.Until(c.due(next)))
	switch {
	case c.isOver(next):
		return nil, nil
	case err != nil && c.dozing.Err() == nil:
		return nil, err
	}
	return next, nil
}

func (c *chunk) isOver(next *request) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.epoch+next.Offset >= c.until
}

func (c *chunk) due(next *request) time.Time { return c.start.Add(seconds(next.Offset)) }

func (c *chunk) send(next *request, ending *sync.WaitGroup) {
	defer ending.Done()
	due, sent := c.due(next), time.Now()
	answer, err := c.follow(next, sent.Add(c.timeout))
	if answer.size > 0 && c.library.takes(answer.content) {
		c.out.write(body{answer.digest, answer.size, answer.head})
	}
	intended := c.epoch + next.Offset
	line := result{
		ID:        next.ID,
		Target:    next.Target,
		Intended:  intended,
		Sent:      intended + sent.Sub(due).Seconds(),
		End:       intended + time.Since(due).Seconds(),
		Status:    answer.status,
		Begun:     answer.begun,
		Fallback:  answer.fallback,
		GRPC:      answer.grpc,
		Size:      answer.size,
		Digest:    answer.digest,
		Type:      answer.header.Get("Content-Type"),
		Headers:   chosen(c.headers, answer.header),
		Redirects: answer.redirects,
		EndedAt:   answer.path,
	}
	line.Error, line.Detail = explain(err)
	c.out.write(line)
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
