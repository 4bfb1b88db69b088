package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"sync/atomic"
	"time"
)

// attemptLog appends one JSON line for each try and each call, where no mesh proxy keeps that record.
type attemptLog struct {
	file   *os.File // nil: no log
	prefix string
	number atomic.Uint64
}

// attempt is one line; Host and Try belong to a try, Tries to a call.
type attempt struct {
	Kind    string  `json:"kind"`
	Request string  `json:"request"`
	To      string  `json:"to"`
	Call    string  `json:"call"`
	Host    string  `json:"host,omitempty"`
	Try     int     `json:"try,omitempty"`
	Tries   int     `json:"tries,omitempty"`
	Status  int     `json:"status"`
	Grpc    *int    `json:"grpc,omitempty"`
	Error   string  `json:"error"`
	Start   float64 `json:"start"` // epoch seconds
	Ms      float64 `json:"ms"`
}

func newAttemptLog(file *os.File, replica string) *attemptLog {
	return &attemptLog{file: file, prefix: fmt.Sprintf("%s-%x", replica, time.Now().UnixNano())}
}

// callID returns an id that is unique, also after a restart of this replica.
func (l *attemptLog) callID() string { return fmt.Sprintf("%s-%d", l.prefix, l.number.Add(1)) }

// write appends the line, with its times filled in, in one write.
func (l *attemptLog) write(line attempt, start time.Time, took time.Duration) {
	if l.file == nil {
		return
	}
	line.Start, line.Ms = float64(start.UnixMicro())/1e6, inMs(took)
	text, err := json.Marshal(line)
	if err == nil {
		_, err = l.file.Write(append(text, '\n'))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "stub: attempt log:", err)
	}
}

// inMs returns milliseconds, to the microsecond.
func inMs(took time.Duration) float64 { return math.Round(float64(took)/1e3) / 1e3 }
