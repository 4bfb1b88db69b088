package main

import (
	"context"
	"math"
	"slices"
	"sync"
	"time"
)

type load struct {
	targets []server
	timeout time.Duration
	out     *output
	mu      sync.Mutex
	chunks  map[int]*chunk // under way, by number
}

func newLoad(addresses []string, protocol string, timeout time.Duration, out *output) *load {
	l := &load{timeout: timeout, out: out, chunks: map[int]*chunk{}}
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
	ctx    context.Context // of its requests
	cancel context.CancelFunc
	dozing context.Context // of waiting for the next one to be due: ends with ctx, or when the chunk is stopped
	wake   context.CancelFunc

	mu    sync.Mutex
	until float64   // in epoch seconds; what is due then or later is not sent
	late  []float64 // seconds from due to sent, of the requests sent so far
}

func (l *load) start(of command, queue <-chan *request) {
	now := time.Now()
	start := now.Add(seconds(of.Start - epoch(now)))
	c := &chunk{load: l, number: of.Chunk, start: start, epoch: of.Start, count: of.Count, until: math.Inf(1)}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.dozing, c.wake = context.WithCancel(c.ctx)
	l.mu.Lock()
	l.chunks[of.Chunk] = c
	l.mu.Unlock()
	go c.run(queue)
}

// cancel gives up everything under way; chunks that come later are sent.
func (l *load) cancel() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, chunk := range l.chunks {
		chunk.cancel()
	}
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

func (l *load) ended(number int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.chunks[number].cancel()
	delete(l.chunks, number)
}

// run starts every request at its time, each in a goroutine of its own, and reports when all are sent and ended.
func (c *chunk) run(queue <-chan *request) {
	var sending, ending sync.WaitGroup
	if err := c.sendAll(queue, &sending, &ending); err != nil {
		fail(err.Error())
	}
	sending.Wait()
	c.report("sent")
	ending.Wait()
	c.ended(c.number)
	c.report("ended")
}

func (c *chunk) sendAll(queue <-chan *request, sending, ending *sync.WaitGroup) error {
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
		sending.Add(1)
		ending.Add(1)
		go c.send(next, sending, ending)
	}
	return nil
}

// await returns the next request when it is due, or nil when the chunk was cancelled, or stopped before it is due.
func (c *chunk) await(queue <-chan *request, alarm *alarm) (*request, error) {
	select {
	case next := <-queue:
		err := alarm.sleep(time.Until(c.due(next)))
		switch {
		case c.ctx.Err() != nil, c.isOver(next):
			return nil, nil
		case err != nil && c.dozing.Err() == nil:
			return nil, err
		}
		return next, nil
	case <-c.ctx.Done():
		return nil, nil
	}
}

func (c *chunk) isOver(next *request) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.epoch+next.Offset >= c.until
}

func (c *chunk) due(next *request) time.Time { return c.start.Add(seconds(next.Offset)) }

func (c *chunk) send(next *request, sending, ending *sync.WaitGroup) {
	defer ending.Done()
	due, sent := c.due(next), time.Now()
	c.mu.Lock()
	c.late = append(c.late, sent.Sub(due).Seconds())
	c.mu.Unlock()
	sending.Done()
	answer, err := c.targets[next.Target].exchange(c.ctx, next, sent.Add(c.timeout))
	intended := c.epoch + next.Offset
	line := result{
		ID:       next.ID,
		Chunk:    c.number,
		Target:   next.Target,
		Intended: intended,
		Sent:     intended + sent.Sub(due).Seconds(),
		End:      intended + time.Since(due).Seconds(),
		Status:   answer.status,
		Fallback: answer.fallback,
		GRPC:     answer.grpc,
	}
	line.Error, line.Detail = explain(c.ctx, err)
	c.out.write(line)
}

func (c *chunk) report(what string) {
	c.mu.Lock()
	late := slices.Sorted(slices.Values(c.late))
	c.mu.Unlock()
	c.out.write(pace{
		Pace:      what,
		Chunk:     c.number,
		Planned:   c.count,
		Sent:      len(late),
		LateP50Ms: 1000 * quantile(late, 0.50),
		LateP99Ms: 1000 * quantile(late, 0.99),
		LateMaxMs: 1000 * quantile(late, 1),
		CPUTotal:  processorTime(),
	})
	c.out.flush()
}

// quantile is the smallest of the sorted values that at least the share q of them does not exceed.
func quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	rank := int(q * float64(len(sorted)))
	if float64(rank) < q*float64(len(sorted)) {
		rank++
	}
	return sorted[max(rank, 1)-1]
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func epoch(t time.Time) float64 { return float64(t.UnixMicro()) / 1e6 }
