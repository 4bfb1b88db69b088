package main

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"sync"
	"time"
)

const flushEvery = 50 * time.Millisecond

// result is one request's end; times in epoch seconds, status 0 and an error where there was no whole answer. Begun is
// then the status of an answer that broke off.
type result struct {
	ID        string   `json:"id"`
	Target    int      `json:"target"`
	Intended  float64  `json:"intended"`
	Sent      float64  `json:"sent"`
	End       float64  `json:"end"`
	Status    int      `json:"status"`
	Begun     int      `json:"begun,omitempty"`
	Error     string   `json:"error,omitempty"`
	Detail    string   `json:"detail,omitempty"`
	Fallback  string   `json:"fallback,omitempty"`
	GRPC      *int     `json:"grpc,omitempty"`
	Size      int64    `json:"size"`
	Digest    string   `json:"digest,omitempty"`
	Type      string   `json:"content_type,omitempty"`
	Headers   []string `json:"headers,omitempty"`
	Redirects int      `json:"redirects,omitempty"`
	EndedAt   string   `json:"ended_at,omitempty"`
}

// progress is written when a chunk is sent, and when it has ended; CPUTotal is this process's seconds since its start.
type progress struct {
	Chunk    int     `json:"chunk"`
	Ended    bool    `json:"ended"`
	CPUTotal float64 `json:"cpu_total_s"`
}

// output gathers lines, so that the reader is woken some twenty times a second and not for every request.
type output struct {
	mu     sync.Mutex
	buffer *bufio.Writer
	lines  *json.Encoder
}

func newOutput(to io.Writer) *output {
	buffer := bufio.NewWriterSize(to, 1<<16)
	o := &output{buffer: buffer, lines: json.NewEncoder(buffer)}
	go func() {
		for range time.Tick(flushEvery) {
			o.flush()
		}
	}()
	return o
}

func (o *output) write(line any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.lines.Encode(line); err != nil {
		fail(err.Error())
	}
}

func (o *output) flush() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.buffer.Flush() != nil {
		os.Exit(0) // nobody reads any more
	}
}
