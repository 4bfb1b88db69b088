// Command load sends requests on schedule, whatever the answers do: JSON lines in, JSON lines out.
//
//	load -timeout 10s -protocol http -headers location,retry-after -bodies 2048 -redirects 127.50.1.1:10000 127.50.1.2:10000 ...
//
// In, one JSON value a line: a command, and after "chunk" as many requests as its count says:
//
//	{"cmd": "chunk", "chunk": 1, "start": EPOCH_SECONDS, "count": 2}
//	{"offset": 0.01, "id": "r000001", "target": 0, "method": "GET", "path": "/", "headers": {}, "body": "BASE64"}
//	{"cmd": "stop", "until": EPOCH_SECONDS}
//
// A request in gRPC is a unary call: its path names the method, its body is the message.
//
// Out: one result for each request that was sent, each distinct body of an answer before the first result with its
// digest (while there is room: see -bodies), and two lines for each chunk, when it is sent and when it has ended:
//
//	{"chunk": 1, "ended": false, "cpu_total_s": SECONDS}
//
// It ends when its input does, or with its parent.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"time"
)

type command struct {
	Cmd   string  `json:"cmd"`
	Chunk int     `json:"chunk"`
	Start float64 `json:"start"`
	Count int     `json:"count"`
	Until float64 `json:"until"`
}

type request struct {
	Offset  float64           `json:"offset"`
	ID      string            `json:"id"`
	Target  int               `json:"target"`
	Method  string            `json:"method"`
	Path    string            `json:"path"`
	Headers map[string]string `json:"headers"`
	Body    []byte            `json:"body"`
}

func main() {
	timeout := flag.Duration("timeout", 10*time.Second, "how long one request may take, from when it is sent")
	protocol := flag.String("protocol", "http", "what the targets are spoken to in: http, http2 or grpc")
	headers := flag.String("headers", "", "headers of answers that are told, with commas")
	bodies := flag.Int64("bodies", 0, "how many KiB of distinct bodies of answers are told, in all")
	redirects := flag.Bool("redirects", false, "whether redirects to the same server are followed")
	zero := flag.Float64("zero", 0, "when the monotonic clock of this machine was 0, in epoch seconds; 0: as the wall clock says")
	flag.Parse()
	if flag.NArg() == 0 {
		fail("no targets: load -timeout 10s IP:PORT ...")
	}
	signal.Ignore(os.Interrupt) // Ctrl-C is for our parent, which then closes our input
	debug.SetGCPercent(400)
	go endWithParent(os.Getppid())
	load := newLoad(flag.Args(), *protocol, *timeout, newClock(*zero), newOutput(os.Stdout))
	load.headers, load.redirects = strings.FieldsFunc(*headers, func(r rune) bool { return r == ',' }), *redirects
	load.library.room = *bodies << 10
	if err := load.read(bufio.NewReaderSize(os.Stdin, 1<<20)); err != nil {
		fail(err.Error())
	}
}

// endWithParent is for a parent killed while some other process still holds our input open.
func endWithParent(parent int) {
	for os.Getppid() == parent {
		time.Sleep(500 * time.Millisecond)
	}
	os.Exit(0)
}

func fail(message string) {
	fmt.Fprintln(os.Stderr, "load:", message)
	os.Exit(2)
}

// read takes commands until the input ends.
func (l *load) read(input *bufio.Reader) error {
	for {
		var next command
		switch err := readLine(input, &next); {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		case next.Cmd == "stop":
			l.stop(next.Until)
		case next.Cmd == "chunk":
			if err := l.readChunk(input, next); err != nil {
				return err
			}
		default:
			return fmt.Errorf("unknown command %q", next.Cmd)
		}
	}
}

// readChunk starts the chunk at once and feeds it, so that its first requests need not wait for its last.
func (l *load) readChunk(input *bufio.Reader, of command) error {
	queue := make(chan *request, of.Count)
	l.start(of, queue)
	for range of.Count {
		next := &request{}
		if err := readLine(input, next); err != nil {
			return fmt.Errorf("chunk %d: %w", of.Chunk, err)
		}
		if next.Target < 0 || next.Target >= len(l.targets) {
			return fmt.Errorf("request %s: no target %d", next.ID, next.Target)
		}
		queue <- next
	}
	return nil
}

func readLine(input *bufio.Reader, into any) error {
	line, err := input.ReadBytes('\n')
	if err != nil {
		return err
	}
	return json.Unmarshal(line, into)
}

// processorTime is what this process has used so far, in seconds.
func processorTime() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9
}
