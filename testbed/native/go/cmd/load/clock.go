package main

import (
	"syscall"
	"time"
	"unsafe"
)

// clock turns epoch seconds into times with a monotonic reading: they stay right when somebody sets the wall clock.
type clock struct {
	instant time.Time
	epoch   float64 // the same instant
}

// newClock makes a clock from the epoch seconds at which the machine's monotonic clock was 0; 0: as the wall clock says.
func newClock(zero float64) clock {
	now := time.Now()
	if zero == 0 {
		return clock{now, float64(now.UnixMicro()) / 1e6}
	}
	return clock{now, zero + monotonic()}
}

func (c clock) time(epoch float64) time.Time { return c.instant.Add(seconds(epoch - c.epoch)) }

func monotonic() float64 {
	var now syscall.Timespec
	syscall.Syscall(syscall.SYS_CLOCK_GETTIME, clockMonotonic, uintptr(unsafe.Pointer(&now)), 0)
	return float64(now.Nano()) / 1e9
}
