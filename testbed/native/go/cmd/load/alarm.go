package main

import (
	"context"
	"os"
	"syscall"
	"time"
	"unsafe"
)

const (
	clockMonotonic = 1
	nonBlocking    = 0x800 // TFD_NONBLOCK: Go waits for it together with all sockets
	closeOnExec    = 0x80000
)

// alarm sleeps more exactly than Go's own timers, which wake on whole milliseconds of epoll: a Linux timerfd.
type alarm struct {
	file *os.File
	stop func() bool
}

// newAlarm makes an alarm that wakes at once when ctx is done.
func newAlarm(ctx context.Context) (*alarm, error) {
	fd, _, code := syscall.Syscall(syscall.SYS_TIMERFD_CREATE, clockMonotonic, nonBlocking|closeOnExec, 0)
	if code != 0 {
		return nil, os.NewSyscallError("timerfd_create", code)
	}
	file := os.NewFile(fd, "alarm")
	stop := context.AfterFunc(ctx, func() { file.SetReadDeadline(time.Unix(1, 0)) })
	return &alarm{file, stop}, nil
}

// sleep waits for d, and less if ctx is done.
func (a *alarm) sleep(d time.Duration) error {
	if d <= 0 {
		return nil
	}
	setting := struct{ Every, After syscall.Timespec }{After: syscall.NsecToTimespec(int64(d))}
	raw, err := a.file.SyscallConn()
	if err != nil {
		return err
	}
	var code syscall.Errno
	err = raw.Control(func(fd uintptr) {
		_, _, code = syscall.Syscall6(syscall.SYS_TIMERFD_SETTIME, fd, 0, uintptr(unsafe.Pointer(&setting)), 0, 0, 0)
	})
	if err == nil && code != 0 {
		err = os.NewSyscallError("timerfd_settime", code)
	}
	if err != nil {
		return err
	}
	var expirations [8]byte
	_, err = a.file.Read(expirations[:])
	return err
}

func (a *alarm) close() {
	a.stop()
	a.file.Close()
}
